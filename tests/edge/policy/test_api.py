"""The names that the rest of umi may use."""

import umi_edge.policy


def test_the_public_names_are_these() -> None:
    assert sorted(umi_edge.policy.__all__) == [
        "Allowed",
        "Ask",
        "Assignment",
        "Clearance",
        "Denied",
        "Detection",
        "Detector",
        "GazetteerSource",
        "InvalidPolicyError",
        "LabelledLeaf",
        "Limits",
        "Location",
        "PLUGINS",
        "PathRule",
        "Plugin",
        "Policy",
        "Problem",
        "Reason",
        "Resolution",
        "Scanner",
        "SpanFinder",
        "ToolPolicy",
        "Verdict",
        "check_call",
        "default_policy",
        "default_policy_text",
        "gazetteer_sources",
        "load_policy",
        "read_policy",
    ]
    assert all(hasattr(umi_edge.policy, name) for name in umi_edge.policy.__all__)

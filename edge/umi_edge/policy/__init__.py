"""The data-locality policy: what may leave this device, argument by argument and field by field."""

from umi_edge.policy.checks import check_call
from umi_edge.policy.clearance import Clearance
from umi_edge.policy.detector import Detector
from umi_edge.policy.detectors import Detection, GazetteerSource, Scanner, gazetteer_sources
from umi_edge.policy.document import Limits, Policy, ToolPolicy
from umi_edge.policy.loader import default_policy, default_policy_text, load_policy, read_policy
from umi_edge.policy.paths import Location
from umi_edge.policy.problems import InvalidPolicyError
from umi_edge.policy.resolution import Assignment
from umi_edge.policy.rules import PathRule, Resolution
from umi_edge.policy.span_finder import PLUGINS, Plugin, SpanFinder
from umi_edge.policy.verdict import Allowed, Ask, Denied, LabelledLeaf, Reason, Verdict
from umi_shared.problems import Problem

__all__ = [
    "PLUGINS",
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

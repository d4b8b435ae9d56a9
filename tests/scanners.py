"""Scanners of a policy for tests that need no contacts: the lists that it takes from tools are there, and empty."""

from umi_edge.policy import Policy, Scanner, gazetteer_sources


def scanner_without_lists(policy: Policy) -> Scanner:
    """The policy's scanner, which knows nobody by name."""
    return Scanner.of(policy, {source.rule_id: () for source in gazetteer_sources(policy)})

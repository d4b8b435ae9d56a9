"""Names of people whom the device knows, wherever they stand in a text."""

from umi_edge.policy.person_names.finder import NameFinder

__all__ = ["NameFinder"]

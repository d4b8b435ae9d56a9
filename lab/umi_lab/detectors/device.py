"""The device whose detectors are scored: a policy, and an address book that its lists are read from.

All of it goes the way of a session: the contacts are read by the built-in tools, the lists by `load_gazetteers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import Policy, Scanner
from umi_edge.runtime.config import HomeSettings
from umi_edge.runtime.installed_tools import home_tools
from umi_edge.tools import Catalogue
from umi_lab.detectors.corpus import Sentence
from umi_lab.detectors.score import Found

__all__ = ["Device", "open_device"]


@dataclass(slots=True, kw_only=True)
class Device:
    """Finds what a laptop with this policy and these contacts would keep."""

    policy: Policy
    gazetteers: Mapping[str, tuple[str, ...]] = field(repr=False)
    regions: bool
    """Whether it is where the sentence is from, as a device whose locale says so."""
    _scanners: dict[str, Scanner] = field(default_factory=dict, repr=False)

    def find(self, sentence: Sentence) -> list[Found]:
        """What would stay of a sentence. Raises `PrivacyError`."""
        region = sentence.region if self.regions else ""
        if region not in self._scanners:
            self._scanners[region] = self._scanner(region)
        found = self._scanners[region].scan(sentence.text)
        return [Found(span.start, span.end, span.type) for span in found]

    def _scanner(self, region: str) -> Scanner:
        policy = self.policy.in_regions((region,)) if region else self.policy
        return Scanner(policy.detect, self.gazetteers)


async def open_device(policy: Policy, contacts: Path, *, regions: bool = True) -> Device:
    """A device with the vCards of a folder. Raises `PrivacyError` where they cannot be read."""
    catalogue = Catalogue(home_tools(HomeSettings(contacts=str(contacts)), {}))
    return Device(
        policy=policy, gazetteers=(await load_gazetteers(policy, catalogue)).values, regions=regions
    )

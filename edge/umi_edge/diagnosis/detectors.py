"""The detectors that take names from tools and files: how many they have, and what they miss.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping

from umi_edge.diagnosis.finding import Finding, broken, fine, warning
from umi_edge.labelling.gazetteers import LostSource, read_gazetteers
from umi_edge.policy import Policy, gazetteer_sources
from umi_edge.policy_tools.exceptions import exceptions_of
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.installed_tools import open_tools
from umi_edge.runtime.laptop_policy import read_laptop_policy
from umi_shared.errors import PrivacyError

__all__ = ["detectors"]

_SHOWN = 10


async def detectors(config: EdgeConfig, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """What each tool that the policy's detectors read gives, and what of it is lost; no name is shown (I8)."""
    policy = read_laptop_policy(config)
    if not gazetteer_sources(policy) and (config.home.contacts or config.home.sync.contacts):
        fix = (
            "write its lines under `detect_also`, which adds to all built-in detectors, in place of `detect`"
        )
        yield warning(
            "detectors", "none of the policy's knows your contacts: a name that you type leaves", fix
        )
    if not gazetteer_sources(policy) and not any(one.file or one.excepted for one in policy.detect):
        return
    async with open_tools(config, environment) as installed:
        try:
            gazetteers = await read_gazetteers(policy, installed.catalogue, installed.missing)
        except PrivacyError as error:
            yield broken("detectors", f"{error.message}; no session starts", error.fix)
            return
    for message in _counts(policy, gazetteers.values):
        yield fine("detectors", message)
    for one in exceptions_of(policy, gazetteers.values):
        yield fine("detectors", str(one))
    for source in gazetteers.lost:
        yield _lost(source)


def _counts(policy: Policy, values: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A line a tool: how many values it gives of each type."""
    counts: dict[str, Counter[str]] = {}
    for source in gazetteer_sources(policy):
        counts.setdefault(source.tool, Counter())[source.type] += len(values[source.rule_id])
    files = [
        f"{len(values[one.rule_id]):,} of {one.type}, from {one.file}" for one in policy.detect if one.file
    ]
    return files + [
        f"{tool}: {', '.join(f'{number} of {kind}' for kind, number in found.items() if number) or 'nothing'}"
        for tool, found in counts.items()
    ]


def _lost(source: LostSource) -> Finding:
    shown = [str(one) for one in source.lost[:_SHOWN]]
    more = len(source.lost) - len(shown)
    lines = [
        f"{source.tool}: {len(source.lost)} skipped, so that {', '.join(source.types)} may leave in clear",
        *shown,
        *([f"and {more} more"] if more else []),
    ]
    fix = "; ".join(dict.fromkeys(one.fix for one in source.lost[:_SHOWN] if one.fix))
    if source.allowed:
        return warning(
            "detectors", "\n".join([*lines, "the policy goes on without: `incomplete: allow`"]), fix
        )
    return broken("detectors", "\n".join([*lines, "no session starts"]), fix)

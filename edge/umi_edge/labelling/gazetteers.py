"""Gazetteers: names that a policy's detectors take from the user's own tools and files, such as all of the contacts.

What such a tool could not read, or did not give, is a name that would leave in clear. It stops the session
before a byte is sent, unless the policy says `incomplete: allow` at the detector; that is shown wherever it counts.

I2: docs/design.md#i2-fail-closed
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.source_gaps import gaps_of
from umi_edge.policy import GazetteerSource, Policy, gazetteer_sources
from umi_edge.policy.families import BUILT_IN_FAMILIES
from umi_edge.policy.values_file import read_values_files
from umi_edge.tools import Catalogue, FailureKind, Lost, RunLimits, Succeeded, run_tool
from umi_edge.tools.source import ToolSource
from umi_shared.errors import PrivacyError

__all__ = ["Gazetteers", "LostSource", "load_gazetteers", "read_gazetteers"]

_LIMITS = RunLimits(call_seconds=60, result_bytes=64 * 1024 * 1024, result_leaves=1_000_000)
_NAMED = 3
"""Losses that a message names; the others it counts."""
_CONSEQUENCE = "What its detectors ({}) do not know of leaves in clear"
_FIXES = {
    FailureKind.TOO_LARGE: "let it give the names alone: more than 64 MiB, or a million values, are too much",
    FailureKind.TIMEOUT: "let it answer within 60 seconds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LostSource:
    """A tool that did not give all of its data, and the types that the detectors find less of for it."""

    tool: str
    types: tuple[str, ...]
    lost: tuple[Lost, ...] = field(repr=False)
    allowed: bool
    """Whether every one of the detectors says `incomplete: allow`."""

    @property
    def message(self) -> str:
        """What is lost, in one line."""
        named = "; ".join(map(str, self.lost[:_NAMED]))
        more = f"; and {len(self.lost) - _NAMED} more" if len(self.lost) > _NAMED else ""
        return f"{self.tool} did not give all names: {named}{more}"


@dataclass(frozen=True, slots=True)
class Gazetteers:
    """The values of each detector that reads them from a tool or a file, by its rule; and what is missing."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    lost: tuple[LostSource, ...] = field(default=(), repr=False)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the policy does without, for the preview and the report; it names files."""
        return tuple(f"{one.message}. {_CONSEQUENCE.format(', '.join(one.types))}" for one in self.lost)

    def require(self, policy: Policy) -> None:
        """Raises `PrivacyError` where anything is missing that the policy does not do without."""
        refused = [one for one in self.lost if not one.allowed]
        if not refused:
            return
        types = ", ".join(dict.fromkeys(kind for one in refused for kind in one.types))
        fixes = dict.fromkeys(lost.fix for one in refused for lost in one.lost[:_NAMED] if lost.fix)
        policy_file = policy.file if policy.file != "default.yaml" else ""
        where = policy_file or "a policy of your own (`umi policy show-default`)"
        raise PrivacyError(
            f"{'; '.join(one.message for one in refused)}. {_CONSEQUENCE.format(types)}, so nothing was sent",
            fix="; ".join(
                [*fixes, f"or let its detectors do without, by `incomplete: allow` at each in {where}"]
            ),
        )


async def load_gazetteers(
    policy: Policy, catalogue: Catalogue, missing: Sequence[ToolSource] = ()
) -> Gazetteers:
    """The values of the policy's detectors, all of them, or as many as it allows to do with (I2).

    `missing` are sources of tools that gave none. Raises `PrivacyError`, which names what is lost and the fix.
    """
    gazetteers = await read_gazetteers(policy, catalogue, missing)
    gazetteers.require(policy)
    return gazetteers


async def read_gazetteers(
    policy: Policy, catalogue: Catalogue, missing: Sequence[ToolSource] = ()
) -> Gazetteers:
    """The values that the policy's detectors can be given, and what is lost, allowed or not.

    A built-in tool whose folder the user has not configured has no data to lose: its detectors find nothing. Raises
    `PrivacyError` for a file of values that is not as it must be.
    """
    by_tool: dict[str, list[GazetteerSource]] = {}
    for source in gazetteer_sources(policy):
        by_tool.setdefault(source.tool, []).append(source)
    values = await asyncio.to_thread(read_values_files, policy)
    lost_sources: list[LostSource] = []
    for tool, sources in by_tool.items():
        values |= {source.rule_id: () for source in sources}
        lost: tuple[Lost, ...] = ()
        match await _read(tool, catalogue, missing):
            case Succeeded(result, _, unread):
                found, gaps = await asyncio.to_thread(_found, sources, result)
                values |= found
                lost = (*unread, *gaps)
            case Lost() as whole:
                lost = (whole,)
        if lost:
            lost_sources.append(_lost_source(tool, sources, lost))
    return Gazetteers(values, tuple(lost_sources))


def _found(
    sources: Sequence[GazetteerSource], result: Any
) -> tuple[dict[str, tuple[str, ...]], tuple[Lost, ...]]:
    """What each source takes out of a result, and its gaps; of thousands of contacts that takes a while."""
    found = {source.rule_id: source.values(result) for source in sources}
    return found, gaps_of(result, sources, sum(map(len, found.values())))


async def _read(tool: str, catalogue: Catalogue, missing: Sequence[ToolSource]) -> Succeeded | Lost | None:
    """What the tool gives, or why it gives nothing; None for a built-in one that is not set up."""
    if tool in catalogue:
        outcome = await run_tool(catalogue[tool], {}, _LIMITS)
        if isinstance(outcome, Succeeded):
            return outcome
        return Lost("its answer", f"it failed ({outcome.kind})", _FIXES.get(outcome.kind, f"mend {tool}"))
    for source in missing:
        if source.problem is not None and tool.startswith(source.prefix):
            return Lost(source.name, source.problem.message, source.problem.fix)
    family = tool.partition(".")[0]
    if family in BUILT_IN_FAMILIES and not any(one.name.partition(".")[0] == family for one in catalogue):
        return None
    fix = "correct its name in the policy, or install it; `umi tools` shows which there are"
    return Lost("its answer", "there is no tool of that name here", fix)


def _lost_source(tool: str, sources: Iterable[GazetteerSource], lost: tuple[Lost, ...]) -> LostSource:
    strict = [source.type for source in sources if not source.incomplete]
    return LostSource(
        tool=tool,
        types=tuple(dict.fromkeys(strict or (source.type for source in sources))),
        lost=lost,
        allowed=not strict,
    )

"""The item finder: makes the search that a plan left out, before the call that needs what it finds is written.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.policy.document import ClockWord
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.clearing import Clearing
from umi_edge.session.exchange import Exchange
from umi_edge.session.item_evidence import Said
from umi_edge.session.item_look_up import ItemLookUp, items_shown, lists_shown, look_up_of, was_made_last
from umi_edge.session.listed_items import given_to
from umi_edge.session.named_items import naming_words
from umi_edge.session.own_words import seen_text
from umi_edge.session.time_arguments import SpokenTimes, Timed
from umi_edge.session.time_wording import UnclearTimeError
from umi_edge.tools import FailureKind
from umi_edge.values.clauses import errand_at
from umi_edge.values.time_words import TimePhrases
from umi_shared.labels import PLANNER
from umi_shared.transcript import Call, Instruction, Observation, Plan, View

__all__ = ["ItemFinder", "with_plan_last"]


def with_plan_last(view: View) -> View:
    """A view as the caller reads it: the plan that it carries out stands at the end, behind any look-up."""
    if not view.entries or isinstance(view.entries[-1], Plan):
        return view
    plans = [entry for entry in view.entries if isinstance(entry, Plan)]
    return View(catalogue=view.catalogue, entries=(*view.entries, *plans[-1:]), may_ask=view.may_ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFinder:
    """Of one session, as it is at one step."""

    exchange: Exchange
    clearing: Clearing = field(repr=False)
    phrases: TimePhrases = field(repr=False)
    make: Callable[[str, Timed], Awaitable[None]] = field(repr=False)
    """Makes a call that only reads."""

    async def held(self, tool: str) -> Mapping[str, list[str]] | None:
        """The things of which a planned call must take one, by the argument that takes them; none where it is free.

        They are looked up where nothing that was shown is what the user's words name. None where nothing is found.
        """
        look_up = look_up_of(tool)
        if look_up is None or look_up.after_failure or not self._is_told_of(tool, look_up):
            return {}
        entries = self.exchange.calls.entries
        latest = next((one for one in reversed(entries) if isinstance(one.template, Instruction)), None)
        if latest is None:
            return {}
        shown = items_shown(look_up, entries)
        seen = seen_text(latest)
        made = was_made_last(look_up, entries)
        if shown and not naming_words(Said(seen, self.phrases)):
            return {}  # "cancel it": of what was shown
        if made and not errand_at(seen):
            return {}  # "it's at nine": of what was made
        if not self.clearing.lacks(tool, shown, by_title=True):
            return {}
        found = await self._found(look_up)
        if found:
            return {look_up.takes: found}
        if made:
            return {}
        # Of several that were shown the user is asked; one alone would be taken without a question.
        several = any(len(items) > 1 for items in lists_shown(look_up, entries)[-1:])
        nothing = found == [] and not several and self.clearing.lacks(tool, shown, by_title=False)
        return None if nothing else {}

    async def title_meant(self, tool: str) -> dict[str, str] | None:
        """What the last call should have taken, where nothing is called as it says and the user's words say how."""
        look_up, entries = look_up_of(tool), self.exchange.calls.entries
        if look_up is None or not look_up.after_failure or not self._is_told_of(tool, look_up):
            return None
        last = entries[-1].template
        if not isinstance(last, Observation) or last.failure != FailureKind.NOT_FOUND:
            return None
        found = await self._found(look_up)
        return {look_up.takes: found[0]} if found else None

    async def _found(self, look_up: ItemLookUp) -> list[str] | None:
        """What the user's words find; None where they name nothing, or what they find was seen before in this turn."""
        view = self.exchange.view_of(PLANNER).payload
        times = SpokenTimes.of(view, self.phrases)
        arguments = look_up.arguments(view, times)
        if arguments is None:
            return None
        if self._clock_is_hidden:
            arguments.pop(look_up.days, None)
        found = await self._made(look_up, arguments, times)
        if found == [] and look_up.moves and look_up.days in arguments:
            del arguments[look_up.days]  # it may have been the day that the thing is to be on
            found = await self._made(look_up, arguments, times)
        return found

    async def _made(
        self, look_up: ItemLookUp, arguments: dict[str, Any], times: SpokenTimes
    ) -> list[str] | None:
        calls = self.exchange.calls
        schema = calls.catalogue[look_up.tool].check.sound.schema
        try:
            timed = times.timed(arguments, schema, read_only=True)
        except UnclearTimeError:
            return None
        if self._was_made(look_up.tool, timed.arguments):
            return None
        before = len(calls.entries)
        await self.make(look_up.tool, timed)
        there = len(items_shown(look_up, calls.entries[:before]))
        new = items_shown(look_up, calls.entries)[there:]
        return list(dict.fromkeys(str(one.seen[look_up.takes]) for one in new))

    def _was_made(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether this turn has made the same call."""
        for entry in reversed(self.exchange.calls.entries):
            if isinstance(entry.template, Instruction):
                return False
            if (
                isinstance(entry.template, Call)
                and entry.template.tool == tool
                and given_to(entry) == arguments
            ):
                return True
        return False

    def _is_told_of(self, tool: str, look_up: ItemLookUp) -> bool:
        """Whether both tools are umi's own, and the cloud may know of what the second finds."""
        exchange, told = self.exchange, {card.name for card, _ in self.exchange.told.cards}
        pair = [exchange.calls.catalogue[one] for one in (tool, look_up.tool) if one in told]
        own = len(pair) == 2 and all(one.source == BUILT_IN for one in pair)
        return own and not self.exchange.labeller.hides_shape(look_up.tool)

    @property
    def _clock_is_hidden(self) -> bool:
        return self.exchange.labeller.policy.clock is ClockWord.HIDDEN

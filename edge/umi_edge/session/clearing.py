"""Clearing: what a model plans is held against what the user said, before a call is made and once a search has found.

Whether words tell one thing from another is a fact of values that stay, so it is looked at only where the policy tells
such facts (`relations: told`), and charged each time: what comes of it shows in what happens next.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy.document import RelationsWord
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.added_contact import CHANGE, REACHED
from umi_edge.session.device_answer import Style, Written, asks_plainly, changes_done, device_answer
from umi_edge.session.item_evidence import Said, strength
from umi_edge.session.item_look_up import look_up_of
from umi_edge.session.listed_items import Item
from umi_edge.session.listed_people import asks_for_people, is_undecided, list_of_people, person_meant
from umi_edge.session.named_items import named_items, naming_words
from umi_edge.session.narrowed_events import EVENTS, LIST, asks_for_some, events_of, named_of
from umi_edge.session.narrowed_search import (
    SEARCH,
    latest_request,
    left_of,
    matches_of,
    told_last,
    with_matches,
)
from umi_edge.session.own_words import seen_words, typed_words
from umi_edge.session.ready_call import ReadyCall, UnclearChoiceError, WaitingCall
from umi_edge.session.rehydration import resolve
from umi_edge.session.shifted_event import MOVES, shifted
from umi_edge.session.time_arguments import Timed, time_kinds
from umi_edge.session.unasked_change import UnaskedChangeError, unasked_kind
from umi_edge.session.unasked_removal import asks_for_removal, is_named, removal_of
from umi_edge.session.unclear_choice import Choice, Turn, begins_at, choices_of, reads, turns_of
from umi_edge.session.uninvited_guests import invites, without_guests
from umi_edge.tools import Catalogue, Outcome
from umi_edge.values.time_words.shifts import spoken_shift

__all__ = ["Clearing"]


class Reader(Protocol):
    """Reads what the user said, on the day on which they said it; `beside` is what of it names another day."""

    def __call__(self, text: str, *, beside: Sequence[str] = ()) -> Said: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """Of one session."""

    catalogue: Catalogue
    labeller: Labeller = field(repr=False)
    entries: Sequence[LabelledEntry] = field(repr=False)
    """The transcript, as it grows."""
    read: Reader = field(repr=False)

    def cleared(self, ready: ReadyCall, lost_at: int, *, settled: Choice | None = None) -> ReadyCall:
        """The call, once the user's words tell what it takes of several things that a search found.

        Raises `UnclearChoiceError` where they tell no one of them; `UnaskedRemovalError` where it removes what nobody
        named, and nobody asked for that; `UnaskedChangeError` for a tool that no plan named, where they ask for another
        kind of change. `settled` is the choice that the user has just made.
        """
        if not ready.planned:
            self.check_asked(ready.tool, lost_at)
        one = self.catalogue[ready.tool]
        if not self._may_tell or ready.unseen or one.hints.read_only:
            return ready
        if one.source != BUILT_IN and reads(one.name):
            return ready
        turns = self._turns(ready, lost_at)
        self._check_removal(ready, turns)
        said = partial(self.read, beside=tuple(ready.timed.said.values()))
        beside = time_kinds(one.check.sound.schema)
        for choice in choices_of(ready.timed.arguments, self.entries, beside=beside):
            if settled is not None and choice.is_among(settled):
                continue
            self.labeller.shapes.chosen(ready.tool, 2)
            number = choice.instead(turns, said, named=self._is_titled(ready.tool))
            arguments = None if number is None else choice.with_item(ready.timed.arguments, number)
            if arguments is not None:
                self.labeller.shapes.chosen(ready.tool, len(choice.items))
                ready = replace(ready, timed=Timed(arguments=arguments, said=ready.timed.said))
            elif number is not None or not choice.is_told(turns, said):
                if (uninvited := self._without_guests(ready, choice, turns)) is not None:
                    return self.cleared(uninvited, lost_at, settled=settled)
                raise UnclearChoiceError(
                    WaitingCall(call=ready, choice=choice, shown=choice.shown(turns, said))
                )
        return self._shifted(ready, lost_at)

    def check_asked(self, tool: str, lost_at: int) -> None:
        """Raises `UnaskedChangeError` where a tool of umi's own changes what the user's words do not ask for.

        It is decided by what the planner sees alone.
        """
        own = tool and self.catalogue[tool].source == BUILT_IN
        if own and (kind := unasked_kind(tool, self.entries, lost_at)) is not None:
            raise UnaskedChangeError(kind)

    def narrowed(self, tool: str, outcome: Outcome) -> Outcome:
        """Of what umi's own tool found, what the user's words leave.

        Of people those whom a search means, of the events of several days those that are named.
        """
        request = latest_request(self.entries, typed_words(self.entries))
        told = self._may_tell and not self.labeller.hides_shape(tool)
        if not told or request is None or self.catalogue[tool].source != BUILT_IN:
            return outcome
        if tool == SEARCH and request.decides and (found := matches_of(outcome)):
            left = left_of(found, request, self.read, told_last(self.entries, found))
            self.labeller.shapes.chosen(tool, len(found) + 1)
            return with_matches(outcome, left)
        if tool == LIST and asks_for_some(request.seen) and (found := events_of(outcome)):
            named = named_of(found, self.read(request.text))
            self.labeller.shapes.chosen(tool, 1 << len(found))
            return with_matches(outcome, named, EVENTS)
        return outcome

    def people_asked_for(self, rationale: str) -> str | None:
        """All whom a search found, in handles, where the user asks for people and the plan knows not which is meant;
        the one whom it found, where they corrected what was told.

        It is decided by what the planner sees, and wrote, alone.
        """
        request = latest_request(self.entries, typed_words(self.entries))
        if request is None:
            return None
        if asks_for_people(request.seen) and (is_undecided(rationale) or asks_plainly(request.seen)):
            people = list_of_people(self.entries, request.seen)
            if people is not None:
                return people
        return person_meant(self.entries, request)

    def written(self, rationale: str) -> Written | None:
        """What was asked for, as the device writes it; None where the answer is the summarizer's.

        It is decided by what the planner sees, and wrote, alone.
        """
        if people := self.people_asked_for(rationale):
            return Written(people, people)
        request = latest_request(self.entries, typed_words(self.entries))
        if request is None:
            return None
        said = self.read(request.text)
        return device_answer(self.entries, request, said, self._is_own) or changes_done(
            self.entries, request.seen, Style(said.phrases.now, said.phrases.locale), self._is_own
        )

    def _is_own(self, tool: str) -> bool:
        return self.catalogue[tool].source == BUILT_IN and not self.labeller.hides_shape(tool)

    def lacks(self, tool: str, shown: Sequence[Item], *, by_title: bool) -> bool:
        """Whether nothing that was shown is what the user has a tool change: their words name none of it.

        `by_title`: nor is any other word of it enough, where such things are called by their titles.
        """
        if not shown or not self._may_tell:
            return not shown
        self.labeller.shapes.chosen(tool, 2)
        [*_, turn] = turns_of(self.entries, typed_words(self.entries))
        said, known = self.read(" ".join(turn.said)), [one.known for one in shown]
        named = named_items(naming_words(said), known)
        if named or (by_title and self._is_titled(tool)):
            return not named
        return not any(any(one[:-1]) for one in strength(said, known))  # a day and a time name nothing

    def _shifted(self, ready: ReadyCall, lost_at: int) -> ReadyCall:
        """The call, with when the event is to be that it moves by a length of time: it may be another event now."""
        own = ready.tool == MOVES and self.catalogue[MOVES].source == BUILT_IN
        begins = begins_at(ready.timed.arguments, self.entries) if own else None
        if begins is None:
            return ready
        turns = turns_of(self.entries, seen_words(self.entries), lost_at)
        shift = spoken_shift(" ".join(turns[-1].said), self.read("").phrases)
        if shift is None:
            return ready
        arguments = shifted(ready.timed.arguments, begins, shift)
        return replace(ready, timed=replace(ready.timed, arguments=arguments))

    def _turns(self, ready: ReadyCall, lost_at: int) -> list[Turn]:
        """What the user said, turn by turn, but for a number or an address that a card is to get: it is of no card yet.

        Digits of it may be those of somebody else's number.
        """
        turns = turns_of(self.entries, typed_words(self.entries), lost_at)
        own = ready.tool == CHANGE and self.catalogue[CHANGE].source == BUILT_IN
        for name in REACHED if own else ():
            new = resolve(ready.timed.arguments.get(name), self.labeller.vault)
            if isinstance(new, str) and new:
                turns = [
                    replace(one, said=tuple(said.replace(new, " ") for said in one.said)) for one in turns
                ]
        return turns

    def _is_titled(self, tool: str) -> bool:
        look_up = look_up_of(tool)
        return look_up is not None and look_up.titled

    @property
    def _may_tell(self) -> bool:
        return self.labeller.policy.relations is RelationsWord.TOLD

    def _check_removal(self, ready: ReadyCall, turns: Sequence[Turn]) -> None:
        """Raises `UnaskedRemovalError`; whoever was asked something in this turn has said what they want."""
        words = " ".join(text for turn in turns[-2:] for text in turn.said)
        question = removal_of(ready.tool)
        if question is None or turns[-1].asked_at >= 0 or asks_for_removal(words):
            return
        self.labeller.shapes.chosen(ready.tool, 2)
        if not is_named(ready.timed.arguments, self.entries, self.read(words)):
            raise question

    def _without_guests(self, ready: ReadyCall, choice: Choice, turns: Sequence[Turn]) -> ReadyCall | None:
        """The call without guests, where they alone are unclear, it needs none, and nobody said to invite one."""
        required = self.catalogue[ready.tool].input_schema.get("required", ())
        rest = without_guests(ready.timed.arguments, required)
        if rest is None or invites(" ".join(turns[-1].said)):
            return None
        if any(one.is_among(choice) for one in choices_of(rest, self.entries)):
            return None
        return replace(ready, timed=Timed(arguments=rest, said=ready.timed.said))

"""Narrowed searches: of several people that a search finds, those whom the user's words leave.

A planner sees handles: it takes the first Martin, and told "no, the other Martin", takes him again. Here decides what
the words of a plain look-up say of one of them ("martin's phone, the plumber"), and what a correction says. Nothing is
left out for a request that writes to somebody: what it says of a plumber may be its message.

Covered: the languages of `words/look_ups.yaml`; whoever was told or used last is left out by "the other
one", "not her" and "no, the …". Not covered: a planner that does not search again.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.labelling.text import LabelledEntry, handles_in
from umi_edge.policy import Location
from umi_edge.reading.question import words_of
from umi_edge.session.item_evidence import Said, short_words, told
from umi_edge.session.listed_items import Listing, given_to, listings, marks, taken_by
from umi_edge.session.look_up_words import look_up_words
from umi_edge.session.several_meant import before_message
from umi_edge.tools import Outcome, Succeeded
from umi_shared.labels import PLANNER
from umi_shared.transcript import Answer, Call, Instruction

__all__ = ["SEARCH", "Request", "latest_request", "left_of", "matches_of", "told_last", "with_matches"]

SEARCH = "contacts.search"
"""The tool whose results are narrowed; umi's own."""
_MATCHES = "matches"
_MOST = 16
_AT_ONCE = 8
"""Letters before what turns somebody down, where the rest asks for something to be done: `no, not her`."""


@dataclass(frozen=True, slots=True)
class Request:
    """The last thing that the user said, and what they had said before."""

    text: str = field(repr=False)
    seen: str = field(repr=False)
    """The same as the planner sees it: whether there is anything to decide depends on no value that stays."""
    earlier: tuple[str, ...] = field(default=(), repr=False)

    @property
    def excludes(self) -> bool:
        """Whether it leaves out whom they were told of last."""
        if look_up_words().other.search(self._whom(self.seen)) or self._turns_down:
            return True
        described = look_up_words().described.fullmatch(self.seen)
        return described is not None and look_up_words().nobody.search(described["whom"]) is None

    @property
    def looks_up(self) -> bool:
        """Whether it asks for a detail of one person, and for nothing to be done."""
        return (
            self.only_reads
            and look_up_words().detail.search(self.seen) is not None
            and look_up_words().asks.search(self.seen) is not None
        )

    @property
    def corrects(self) -> bool:
        """Whether it says what was meant in place of what was told, and nothing to be done."""
        return self.only_reads and look_up_words().no.match(self.seen) is not None

    @property
    def says_who(self) -> bool:
        """Whether it speaks of a person, and not of their birthday or their street."""
        return look_up_words().no_contact.search(self.seen) is None

    @property
    def decides(self) -> bool:
        """Whether it may leave anybody out."""
        return self.excludes or self.looks_up or self.corrects

    def speaks_of(self, found: Sequence[Any]) -> bool:
        """Whether the other one is one of these people: the other contract is none."""
        named = [one["of"] for one in look_up_words().other.finditer(self._whom(self.text))]
        if self.corrects or self._turns_down or not all(named):
            return True
        known = look_up_words().anyone.union(*map(short_words, found))
        words = [word for one in named for word in words_of(one)[:1]]
        return not named or any(word in known or word.removesuffix("s") in known for word in words)

    @property
    def _turns_down(self) -> bool:
        found = look_up_words().not_this.search(self.seen)
        return found is not None and (self.only_reads or found.start() <= _AT_ONCE)

    def _whom(self, text: str) -> str:
        return text if self.only_reads else before_message(text)

    @property
    def only_reads(self) -> bool:
        """Whether it asks for nothing to be done, and of no more than one person."""
        return (
            look_up_words().does.search(self.seen) is None
            and look_up_words().several.search(self.seen) is None
        )


def latest_request(entries: Sequence[LabelledEntry], typed: Sequence[str]) -> Request | None:
    """What the user said last; `typed` are their words, instruction by instruction."""
    said = [one for one in entries if isinstance(one.template, Instruction)]
    if not said or len(said) != len(typed):
        return None
    seen = "".join(str(part) for span in said[-1].text for part in span.seen_by(PLANNER))
    return Request(typed[-1], seen, tuple(typed[:-1]))


def left_of(
    found: Sequence[Any], request: Request, said: Callable[[str], Said], last: int | None
) -> tuple[int, ...]:
    """Those that the words leave, by number: all of them where they tell nothing.

    `last` is whom the user was told of last, or for whom something was done.
    """
    everybody = tuple(range(len(found)))
    if request.excludes and last is not None and request.speaks_of(found):
        rest = [number for number in everybody if number != last]
        for text in (request.text, *request.earlier[-1:]) if request.only_reads else ():
            if (one := told(said(text), [found[number] for number in rest])) is not None:
                return (rest[one],)
        return tuple(rest)
    if request.looks_up or (request.corrects and last is not None):
        # What is asked for tells of nobody: a card that has a phone need not say so.
        meant = told(said(look_up_words().detail.sub(" ", request.text)), found)
        return everybody if meant is None else (meant,)
    return everybody


def told_last(entries: Sequence[LabelledEntry], found: Sequence[Any]) -> int | None:
    """Which of these the last answer, or the last call, was about alone; None where it was about none, or several."""
    results = listings(entries)
    for at in range(len(entries) - 1, -1, -1):
        tokens = _tokens_of(entries[at])
        about = _most_marked(results, at, tokens) if tokens else []
        numbers = {number for number, one in enumerate(found) if one in about}
        if numbers:
            return numbers.pop() if len(numbers) == 1 else None
    return None


def _tokens_of(entry: LabelledEntry) -> set[str]:
    match entry.template:
        case Answer():
            return {str(handle) for handle in handles_in(entry.text)}
        case Call(tool) if tool != SEARCH:
            return set(taken_by(given_to(entry)))
    return set()


def _most_marked(results: Sequence[Listing], before: int, tokens: set[str]) -> list[Any]:
    """The things of the newest result that were spoken of, by most of what they have."""
    for result in reversed([one for one in results if one.at < before]):
        counts = [(len(marks(item) & tokens), item.known) for items in result.lists for item in items]
        most = max((count for count, _ in counts), default=0)
        if most:
            return [known for count, known in counts if count == most]
    return []


def matches_of(outcome: Outcome) -> list[Any]:
    """The people that a search found, where they are several and not too many to tell apart."""
    value = outcome.value if isinstance(outcome, Succeeded) else None
    found = value.get(_MATCHES) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) and 1 < len(found) <= _MOST else []


def with_matches(outcome: Outcome, kept: Sequence[int], member: str = _MATCHES) -> Outcome:
    """What a search found, of its matches these only; `member` is where they are."""
    if not isinstance(outcome, Succeeded):
        return outcome
    found: Any = outcome.value
    value = {**found, member: [found[member][number] for number in kept]}
    places: dict[Location, Location] = {(member, number): (member, new) for new, number in enumerate(kept)}
    records = outcome.records and tuple(
        replace(one, at=places.get(one.at, one.at))
        for one in outcome.records
        if one.at in places or one.at[:1] != (member,)
    )
    return replace(outcome, value=value, records=records)

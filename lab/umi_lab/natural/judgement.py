"""Judging a natural request: by what was said, what was changed, and how it ended. Nothing here looks at a disk."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from umi_edge.session.events import Answered, Ending
from umi_lab.closed_loop.judgement import text_of, word_of
from umi_lab.natural.facts import lacking, normalised, says
from umi_lab.natural.holdings import Change
from umi_lab.natural.request import Request, Wanted

__all__ = ["Played", "Verdict", "how_it_ended", "judge"]

_NO = re.compile(
    r"\b(can ?not|can't|could not|couldn't|unable|not able|not possible|no (tool|way)|did not|didn't|"
    r"not found|found no|found nothing|there is no|no \w+ (was|were) found)\b"
)
_ISO_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_WORDS_LOST = 2
"""Words of a note that adding to it may cost; more is a loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a request."""

    ended: str
    """As `how_it_ended` has it."""
    answer: str
    """What the user was told at last."""
    changes: tuple[Change, ...]
    """What became of the home, over all turns."""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Calls that succeeded: tool and arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a request went, with reasons."""

    ended: str
    right_end: bool
    lacks: tuple[str, ...]
    """Facts that the answer does not state; of each group the first."""
    says_wrongly: tuple[str, ...]
    """Facts that it states and must not."""
    not_done: tuple[str, ...]
    """Changes that were asked for."""
    unasked: tuple[str, ...]
    """Changes that nobody asked for."""
    wrong_day: bool
    """An event was put on, or a list was made of, a day that was not meant."""
    words: int
    """How many words the answer has: a whole text states every fact in it, and answers no question."""

    @property
    def success(self) -> bool:
        """Everything is as it should be."""
        return self.right_end and not (
            self.lacks or self.says_wrongly or self.not_done or self.unasked or self.wrong_day
        )

    @property
    def false_claim(self) -> bool:
        """It ended with an answer, though what was asked for was not done."""
        return self.ended == "answered" and bool(self.not_done)

    def as_json(self) -> dict[str, Any]:
        """One row's part."""
        return {**asdict(self), "success": self.success, "false_claim": self.false_claim}


def how_it_ended(ending: Ending | Exception, changes: Sequence[Change] = ()) -> str:
    """`asked` for an end that asks back before anything was done, else as in `closed_loop`.

    An answer that begins by saying what was not done is no claim that it was: it gave up, where nothing was changed.
    """
    if isinstance(ending, Answered) and ending.undone and not changes:
        return "gave up"
    asks = text_of(ending).rstrip().endswith("?") and not changes
    return "asked" if asks else word_of(ending)


def judge(request: Request, played: Played, today: date) -> Verdict:
    """Compare what came of a request with what is right for it."""
    not_done, unasked = _claimed(request, played.changes)
    missing = lacking(played.answer, request.says, today) if played.ended != "gave up" else ()
    return Verdict(
        ended=played.ended,
        right_end=_right_end(request, played),
        lacks=tuple(request.says[number][0] for number in missing),
        says_wrongly=tuple(fact for fact in request.says_not if says(played.answer, fact, today)),
        not_done=tuple(_described(wanted) for wanted in not_done),
        unasked=tuple(map(str, unasked)),
        wrong_day=_wrong_day(request, played, answered=not missing),
        words=len(played.answer.split()),
    )


def _right_end(request: Request, played: Played) -> bool:
    """An answer that says no, and nothing done, is as good as giving up."""
    says_no = played.ended == "answered" and not played.changes and _NO.search(normalised(played.answer))
    return played.ended in request.outcomes or bool("gave up" in request.outcomes and says_no)


def _claimed(request: Request, changes: Sequence[Change]) -> tuple[list[Wanted], list[Change]]:
    """The wanted changes that are not there, and the changes that nobody wanted."""
    moved = any(wanted.kind == "event" and wanted.act == "gone" for wanted in request.changes)
    left, missing = list(changes), []
    for wanted in request.changes:
        found = _matching(wanted, left, moved=moved)
        if not found:
            missing.append(wanted)
        left = [change for change in left if change not in found]
    for wanted in request.may:
        left = [change for change in left if change not in _matching(wanted, left, moved=moved)]
    return missing, left


def _matching(wanted: Wanted, changes: Sequence[Change], *, moved: bool) -> list[Change]:
    """The change that is wanted; for a letter to several it may be a letter each; nothing where it is not there."""
    for change in changes:
        if _is(wanted, change, frozenset(wanted.to), moved=moved):
            return [change]
    if len(wanted.to) < 2:
        return []
    each = [
        next((change for change in changes if _is(wanted, change, frozenset({one}), moved=moved)), None)
        for one in wanted.to
    ]
    return [change for change in each if change is not None] if None not in each else []


def _is(wanted: Wanted, change: Change, to: frozenset[str], *, moved: bool) -> bool:
    if (wanted.act, wanted.kind) != (change.act, change.thing.kind):
        return False
    match wanted.kind:
        case "event":
            return _is_event(wanted, change, moved=moved)
        case "letter":
            return _is_letter(wanted, change, to)
        case "note":
            return _is_note(wanted, change)
        case "todo":
            return _is_todo(wanted, change)
        case "contact":
            return _is_contact(wanted, change)


def _is_event(wanted: Wanted, change: Change, *, moved: bool) -> bool:
    event = change.thing
    start, end, guests = event.fact("start"), event.fact("end"), event.fact("guests").split()
    if not _titled(wanted, event.fact("title")) or start != (wanted.day or wanted.start):
        return False
    if (change.count > 1) != wanted.repeats:
        return False
    if wanted.minutes and _minutes(start, end) != wanted.minutes:
        return False
    if wanted.act == "gone" or (moved and not wanted.guests):  # what is moved keeps its guests
        return True
    return sorted(guests) == sorted(wanted.guests)


def _minutes(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60


def _is_letter(wanted: Wanted, change: Change, to: frozenset[str]) -> bool:
    letter = change.thing
    return frozenset(letter.fact("to").split()) == to and _holds(
        wanted, f"{letter.fact('subject')}\n{letter.fact('text')}"
    )


def _is_note(wanted: Wanted, change: Change) -> bool:
    note = change.thing
    if not _holds(wanted, note.fact("text")) or (wanted.key and note.key != wanted.key):
        return False
    if change.before is None:
        return _titled(wanted, f"{note.fact('title')} {note.key.replace('-', ' ')}")
    lost = Counter(change.before.fact("text").split()) - Counter(note.fact("text").split())
    return lost.total() <= _WORDS_LOST


def _is_todo(wanted: Wanted, change: Change) -> bool:
    todo = change.thing
    if not _titled(wanted, todo.fact("title")) or (wanted.due and todo.fact("due") != wanted.due):
        return False
    return bool(todo.fact("done")) == wanted.done


def _is_contact(wanted: Wanted, change: Change) -> bool:
    card = change.thing
    known = normalised(card.fact("name")).split()
    if not set(normalised(wanted.name).split()) <= set(known):
        return False
    if wanted.email and wanted.email not in card.fact("email"):
        return False
    if _digits(wanted.phone) not in _digits(card.fact("phone")):
        return False
    asked = {name for name in ("email", "phone") if getattr(wanted, name)}
    return change.before is None or all(
        value == card.fact(name) for name, value in change.before.facts if name not in asked
    )


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _titled(wanted: Wanted, title: str) -> bool:
    """Part of a word will do: a haircut may be entered as Haircuts."""
    shown = normalised(title)
    return not wanted.title or any(normalised(word) in shown for word in wanted.title)


def _holds(wanted: Wanted, text: str) -> bool:
    """A letter is read on some other day, so that Friday is no date in it, but the word as it stands."""
    return not lacking(text, wanted.holds, date.min)


def _wrong_day(request: Request, played: Played, *, answered: bool) -> bool:
    """Whoever asks when something is means the day that it is on: to look elsewhere, and not to find it, is wrong."""
    days = {day.isoformat() for day in request.days}
    meant = days | {wanted.date for wanted in request.changes if wanted.kind == "event"}
    if not days and not answered:
        days = set(_days_to_state(request))
    put = [
        change.thing.fact("start")[:10]
        for change in played.changes
        if change.act == "new" and change.thing.kind == "event"
    ]
    looked = [
        found
        for tool, arguments in played.calls
        if tool.startswith("calendar.") and (found := sorted(_days_in(arguments)))
    ]
    return bool(meant and set(put) - meant) or any(
        not any(found[0] <= day <= found[-1] for day in days) for found in looked if days
    )


def _days_to_state(request: Request) -> Iterator[str]:
    for group in request.says:
        for fact in group:
            kind, _, value = fact.removeprefix("=").partition(":")
            if kind == "day":
                yield value


def _days_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from _ISO_DAY.findall(value)
            if value.endswith("/.."):  # from that day on
                yield date.max.isoformat()
        case Mapping():
            for one in value.values():
                yield from _days_in(one)
        case list():
            for one in value:
                yield from _days_in(one)


def _described(wanted: Wanted) -> str:
    shown = wanted.key or wanted.name or " ".join(wanted.to) or "/".join(wanted.title)
    return " ".join(filter(None, (wanted.act, wanted.kind, shown, wanted.day or wanted.start)))

"""`search.answer`: a question is answered out of whatever of the user's tells of it, in one step."""

import asyncio
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from typing import Annotated

from pydantic import Field

from umi_edge.policy.projection import projected
from umi_edge.reading import Page, Question, Ranked, Read, Reading, ranked, spelt_as_there
from umi_edge.reading.question import Kind, words_of
from umi_edge.reading.same_words import is_same
from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.asked_days import AskedDays, asked_days
from umi_edge.tools.builtin.calendar_folder import Calendar, Occurrence
from umi_edge.tools.builtin.calendar_more import found_around
from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.shelves import Shelves
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import Lost, Partial
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool
from umi_edge.values.time_words import TimePhrases

__all__ = ["answer_tool"]

Words = Annotated[str, Field(min_length=1, max_length=300)]

_MAX_ANSWERS = 2
_MAX_CARDS = 5
"""Cards that are told where it is asked who is there."""
_MAX_EVENTS = 8
"""Events that are told of the days that a question asks about."""
_AS_GOOD = 0.95
"""How much must speak for a second text, as a share of what speaks for the best, to be told beside it."""
_NEARLY_AS_GOOD = 0.5
"""The same where the best is not sure to answer."""
_HELD = 0.7
"""The share of the question's words, of those that stand anywhere, that a text has which surely answers."""
_HELD_BY_WHOLE = 0.4
"""The same of what is short."""
_HELD_BY_SHORT = 0.9
"""The same of a text that is told whole, and whose likeliest passage is not sure to answer."""
_LEAST_OF_SHORT = 0.35
"""How probable that passage must be. Of the natural set's development half none that it makes sure is wrong."""
_FAVOURED = 1.3
"""How much more what speaks for a text counts where the question names its kind."""
_OUTSIDE = 0.6
"""How much what speaks for a card or an event counts, where the inside of a text is asked for."""
_WHOLE = frozenset({"contact", "event"})
"""Kinds that are short, and told whole."""
_NAMED = {
    "mail": re.compile(r"\b(?:e?mails?|letters?|messages?|wrote|writes?|written|sent)\b", re.IGNORECASE),
    "note": re.compile(r"\b(?:notes?|noted)\b", re.IGNORECASE),
    "file": re.compile(r"\b(?:files?|documents?|pdf)\b", re.IGNORECASE),
}
_ON_PAPER = re.compile(
    r"\b(?:on|in|per|see|check) (?:the|that|this|my|our|his|her|their) (?:\w+ ){0,2}?(?:receipt|invoice|bill|quote|"
    r"offer|letter|contract|lease|statement|policy|certificate|manual|leaflet|sheet|list|e?mail|message|note|file|"
    r"document|pdf)s?\b",
    re.IGNORECASE,
)
"""Says that what is asked for stands in a text."""
_NUMBERED = re.compile(r"\b(?:number|numero|nummer|no|nr|ref|reference)\b|[#°]")
"""What stands before a number in a text that gives one."""
_NOT_SPOKEN = frozenset({"fax", "pager"})
"""Numbers that answer nobody who asks for a number; `contacts.search` has them."""
_REACHED = frozenset({Kind.PHONE, Kind.EMAIL})
_OF_CARDS = frozenset({Kind.PERSON, Kind.PLACE, Kind.ANY})
"""What a card may answer, beside a number and an address."""
_OF_EVENTS = frozenset({Kind.MOMENT, Kind.PLACE, Kind.LENGTH})
"""What an event says."""
_NUMBER = re.compile(r"\b(?:numbers?|tel|call|reach)\b", re.IGNORECASE)
_INSIDE = frozenset({Kind.MONEY, Kind.CODE, Kind.AMOUNT, Kind.COLOUR, Kind.REASON, Kind.PERSON, Kind.LENGTH})
"""What is asked of the inside of a text, rather than of a card or an event."""
_WHO = re.compile(r"\bcontacts\b|\bwho(?: all)? (?:works?|is|are)\b", re.IGNORECASE)
_WORKS = re.compile(r"contacts?|work\w*|compan\w*|colleagues?|employ\w*")
"""Words with which it is asked who is somewhere, and that say nothing of where."""
_DUE = re.compile(r"\b(?:by|until|till) (?:when|what|which)\b|\bdue\b|\bdeadline\b|\bopens?\b", re.IGNORECASE)
_PROPERTIES = re.compile(r"\A---\r?\n(?:[^\n]*\n){0,50}?---\r?\n")
"""What a note says of itself before it begins."""
_BETWEEN = ",;\t|"
"""What stands between the cells of a table; of those that its first line has as often, the first."""
_ELLIPTIC = re.compile(
    r"\W*(?:(?:what|how) about )?(?:the |my |our )?(?!his|her|its|their)[\w-]+(?: [\w-]+)?\W*", re.IGNORECASE
)
"""A second question that is one by what stands before it: it says the other thing only."""
_OF_DAYS = frozenset({"day", "days", "date", "dates", "time", "times", "next", "tage", "jours", "dias"})
"""Words with which it is asked when something is, and that say nothing of what."""
_TWO = re.compile(r" and | \+ |&|[?] ")
"""What joins two questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """One thing of the user's, as a text."""

    kind: str = field(repr=False)
    id: str = field(repr=False)
    title: str = field(repr=False)
    text: str = field(repr=False)
    called: str = field(default="", repr=False)
    """What else it is called by, where that is more than its title."""
    people: tuple[str, ...] = field(default=(), repr=False)
    """The addresses of those who wrote it, who come, or whom it is of."""
    record: Record | None = field(default=None, repr=False)
    held: float = 1.0
    """The share of the question's words that it has."""


def answer_tool(shelves: Shelves, reading: Reading | None = None) -> Tool:
    """The tool. It gives words as they stand in the text, and says whether they answer or only stand near."""
    reads = reading or Reading()

    @tool(name="search.answer", source="builtin", read_only=True, returns=shapes.ANSWERS)
    async def answer(question: Words) -> Sourced:
        """Answer a question from what the user's notes, mail, files, contacts and calendar say.

        Args:
            question: The whole question, in the user's words.
        """
        lost: list[Lost] = []
        known = await asyncio.to_thread(lambda: list(_known(shelves, lost)))
        spelt, meant, others = await asyncio.to_thread(_all_meant, known, question)
        days = asked_days(question, TimePhrases(shelves.calendar.now()))
        if days is not None:
            there = await asyncio.to_thread(_on_days, shelves.calendar, known, question, days, lost)
            if there is not None:
                rest = [one for one in meant if one.kind != "event"] if _TWO.search(question) else []
                meant, others = [*there, *rest[:1]], []
        told = [await _told(reads, one, spelt) for one in meant]
        if not any(one["sure"] for one in told):
            told += [{**await _told(reads, one, spelt), "sure": False} for one in others]
            meant = [*meant, *others]
        records = tuple(
            replace(one.record, at=("answers", index))
            for index, one in enumerate(meant)
            if one.record is not None
        )
        return Sourced(Partial.counted({"answers": [*told]}, tuple(lost)), records)

    return answer


async def _told(reading: Reading, one: _Known, question: str) -> dict[str, JSON]:
    text, sure = one.text, one.held >= (_HELD_BY_WHOLE if one.kind in _WHOLE else _HELD)
    if one.kind not in _WHOLE:
        wide = not sure or _TWO.search(question) is not None
        read = await reading.around(_headed(one), question, wide=wide)
        text, sure = read.words, sure and (read.sure or _tells_all(one, read, question))
    if one.kind == "mail" and Question.of(question).kind is Kind.PERSON:
        text = f"{one.called}: {text}"  # who wrote it may be the answer
    return {"kind": one.kind, "id": one.id, "title": one.title, "text": text, "sure": sure}


def _tells_all(one: _Known, read: Read, question: str) -> bool:
    """Whether a short text that has the question's words is told whole: whichever passage answers is in it.

    One word of several is what the text is about, and not what is asked of it; nor is one that its title alone has.
    """
    if not read.whole or one.held < _HELD_BY_SHORT or read.probability < _LEAST_OF_SHORT:
        return False
    terms = Question.of(question).terms
    below = any(_has(read.words, (term,)) for term in terms)
    return below and sum(_tells_of(one, (term,)) for term in terms) >= min(2, len(terms))


def _headed(one: _Known) -> str:
    """Its text below its title, which is what it is about and no answer."""
    text = _PROPERTIES.sub("", one.text)
    return text if text.lstrip().startswith("#") else f"# {one.title}\n\n{text}"


def _all_meant(known: Sequence[_Known], question: str) -> tuple[str, list[_Known], list[_Known]]:
    """The question as it is spelt there, and what `_meant` says of it; of two questions in one, of each."""
    spelt = spelt_as_there((f"{one.title} {one.called} {one.text}" for one in known), question)
    meant, others = _meant(known, spelt)
    parts = _TWO.split(spelt)
    if len(parts) < 2 or any(_ON_PAPER.search(part) and Question.of(part).kind is Kind.ANY for part in parts):
        return spelt, meant, others
    asking = [part for part in parts if Question.of(part).kind is not Kind.ANY]
    each = [one for part in asking for one in _meant(known, part)[0][:1]]
    if asking == parts[:1] and len(parts) == 2 and _ELLIPTIC.fullmatch(parts[1]):
        each = [*_of_another(known, *parts), *each]
    # What a part means holds of that part's words, and so stands in place of what the whole says of it.
    once = {_key(one): one for one in (*meant, *each)}
    order = dict.fromkeys(map(_key, (*each, *meant)))
    told = [once[key] for key in order][: _MAX_ANSWERS + 1]
    return spelt, told, [one for one in others if _key(one) not in order]


def _of_another(known: Sequence[_Known], first: str, other: str) -> list[_Known]:
    """What the first question means of another thing: "when's the stats exam and neuro?".

    Which word of the first the other one stands for shows by what there is: a text has all words of the question then.
    """
    thing = other.strip(" ?!.,")
    found: list[_Known] = []
    for term in Question.of(first).terms:
        at = first.casefold().find(term)
        if at >= 0:
            found += _meant(known, first[:at] + thing + first[at + len(term) :])[0][:1]
    told = [one for one in found if _tells_of(one, Question.of(thing).terms)]
    return sorted(told, key=lambda one: -one.held)[:1]


def _key(one: _Known) -> tuple[str, str, str]:
    return one.kind, one.id, one.text


def _meant(known: Sequence[_Known], spelt: str) -> tuple[list[_Known], list[_Known]]:
    """What a question means, one thing or two as good, and what it may mean besides."""
    asked = Question.of(spelt)
    of_somebody = _is_of_somebody(asked, spelt) or asked.kind in _OF_CARDS
    pages = [
        Page(
            # What somebody is, and where, names a card where somebody is asked for, and nothing else.
            title=f"{one.title} {one.called}" if of_somebody or one.kind != "contact" else one.title,
            text=one.text,
            worth=_worth(one.kind, asked, spelt),
        )
        for one in known
    ]
    if _WHO.search(spelt):  # that somebody works there says nothing of where
        terms = tuple(term for term in asked.terms if not _WORKS.fullmatch(term))
        asked = replace(asked, terms=terms or asked.terms)
    best = ranked(pages, asked)
    fitting = [
        [replace(known[one.number], held=one.held) for one in best if one.score >= share * best[0].score]
        for share in (_AS_GOOD, _NEARLY_AS_GOOD)
    ]
    meant = fitting[0]
    if meant and meant[0].kind == "contact" and _WHO.search(spelt):
        return [one for one in meant if one.kind == "contact"][:_MAX_CARDS], []
    meant = meant[:_MAX_ANSWERS]
    if meant and meant[0].kind == "contact" and asked.kind is Kind.CODE:
        meant = [*meant[:1], *_numbered(known, best, asked), *meant[1:]][:_MAX_ANSWERS]
    others = [one for one in fitting[1] if one not in meant][: _MAX_ANSWERS - len(meant)]
    if _is_of_somebody(asked, spelt) and meant and meant[0].kind != "contact":
        meant = [*_whose(known, meant[0]), *meant][:_MAX_ANSWERS]
    return meant, others


def _on_days(
    calendar: Calendar, known: Sequence[_Known], question: str, days: AskedDays, lost: list[Lost]
) -> list[_Known] | None:
    """The events of the days that are meant; where several may be, of all of them: each says its own.

    Where the question is of one thing, those of it: none where it is on other days only, and asked for yes or no. None
    at all where the days do not say what is asked for.
    """
    subject = (
        () if days.whole else tuple(one for one in Question.of(days.besides).terms if one not in _OF_DAYS)
    )
    if not days.whole and not (
        subject
        and _is_of_times(Question.of(question))
        and any(one.kind == "event" and _is_of(one, subject) for one in known)
    ):
        return None
    there: dict[str, _Known] = {}
    for first, last in days.spans:
        found, events_lost = calendar.search(first, last, lambda _: True)
        lost += [one for one in events_lost if one not in lost]
        events = {f"{one.id} {one.component.start}": _event(calendar, one) for one in found}
        there |= {key: one for key, one in events.items() if _is_of(one, subject)}
    elsewhere = not there and not days.whole and not Question.of(question).of_yes_or_no
    return None if elsewhere else list(there.values())[:_MAX_EVENTS]


def _numbered(known: Sequence[_Known], best: Sequence[Ranked], asked: Question) -> list[_Known]:
    """The likeliest text that gives a number: one that is asked for may be a thing's as well as somebody's."""
    found = (
        replace(known[one.number], held=one.held)
        for one in best
        if known[one.number].kind not in _WHOLE
        and one.held >= _HELD
        and _gives_number(known[one.number], asked)
    )
    return [*islice(found, 1)]


def _gives_number(one: _Known, asked: Question) -> bool:
    return _NUMBERED.search(projected(one.text)) is not None and asked.fits(one.text)


def _is_of_times(asked: Question) -> bool:
    return asked.of_yes_or_no or asked.kind in _OF_EVENTS


def _is_of(event: _Known, subject: Sequence[str]) -> bool:
    """Whether an event is called by all words of a subject."""
    return _has(f"{event.title} {event.called}", subject)


def _tells_of(one: _Known, subject: Sequence[str]) -> bool:
    return _has(f"{one.title} {one.called} {one.text}", subject)


def _has(text: str, subject: Sequence[str]) -> bool:
    words = {*words_of(text)}
    return all(any(is_same(term, word) for word in words) for term in subject)


def _is_of_somebody(asked: Question, question: str) -> bool:
    """Whether a card may have the answer: a number, or an address, that is not said to stand in a text."""
    asks = asked.kind in _REACHED or _NUMBER.search(question) is not None
    return asks and _ON_PAPER.search(question) is None


def _worth(kind: str, asked: Question, question: str) -> float:
    """How much what speaks for a text of a kind counts."""
    if _is_of_somebody(asked, question):
        return _FAVOURED if kind == "contact" else 1.0
    if kind in _NAMED and _NAMED[kind].search(question):
        return _FAVOURED
    if _ON_PAPER.search(question):
        return _OUTSIDE if kind in _WHOLE else 1.0
    if asked.kind is Kind.MOMENT and not _DUE.search(question):
        return _FAVOURED if kind == "event" else 1.0
    if kind == "contact" and _WHO.search(question):
        return _FAVOURED
    return _OUTSIDE if kind in _WHOLE and asked.kind in _INSIDE else 1.0


def _whose(known: Sequence[_Known], one: _Known) -> list[_Known]:
    """The cards of those who wrote something, or come to it, or where it is."""
    cards = [card for card in known if card.kind == "contact"]
    where = f" {' '.join(words_of(one.called))} " if one.kind == "event" else ""
    at = [card for card in cards if (name := " ".join(words_of(card.title))) and f" {name} " in where]
    return at or [card for card in cards if not {*card.people}.isdisjoint(one.people)]


def _known(shelves: Shelves, lost: list[Lost]) -> Iterator[_Known]:
    notes, notes_lost = shelves.notes.notes()
    lost += notes_lost
    for note in notes:
        yield _Known(kind="note", id=note.id, title=note.title, text=note.text, record=note.record(()))
    for file in shelves.files.texts(lost):
        name = file.path.rpartition("/")[2]
        record = replace(file.record(()), store="files")
        yield _Known(
            kind="file",
            id=file.path,
            title=name,
            text=_rows_as_words(file.text) if name.endswith((".csv", ".tsv")) else file.text,
            called=_as_words(name),
            record=record,
        )
    letters, letters_lost = shelves.mail.messages()
    lost += letters_lost
    for one in letters:
        yield _Known(
            kind="mail",
            id=one.id,
            title=one.subject,
            text=one.body,
            called=one.sender,
            people=_addresses(one.sender),
        )
    contents = shelves.contacts.read()
    lost += contents.lost
    yield from map(_person, contents.contacts)
    events, events_lost = found_around(shelves.calendar, None)
    lost += events_lost
    for event in events:
        yield _event(shelves.calendar, event)


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s<>]", text.casefold()) if "@" in word[1:-1])


def _as_words(name: str) -> str:
    """A file's name as words.

    >>> _as_words("cover-letter_2026.txt")
    'cover letter 2026'
    """
    return " ".join(re.split(r"[-_. ]+", name.rpartition(".")[0] or name))


def _rows_as_words(text: str) -> str:
    r"""The rows of a table, each cell after the name of its column; the text as it is where it has no such names.

    >>> _rows_as_words("tap,next due\nkitchen,2026-12-02\n")
    'tap: kitchen, next due: 2026-12-02'
    """
    lines = text.splitlines()
    first = next(filter(str.strip, lines), "")
    # The csv module's own guess takes hours over a few thousand quotation marks.
    between = max(_BETWEEN, key=first.count)
    try:
        rows = list(csv.reader(lines, delimiter=between, skipinitialspace=True))
    except csv.Error:
        return text
    names, *others = [
        [cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)
    ] or [[]]
    if len(names) < 2 or not all(names) or any(len(row) > len(names) for row in others):
        return text
    return "\n".join(
        ", ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=False) if cell) for row in others
    )


def _person(one: Contact) -> _Known:
    said = [one.role, one.company or "", one.department, *one.categories, one.note]
    spoken = (phone for phone in one.phones if phone.kind not in _NOT_SPOKEN)
    said += [f"{reached.value} ({reached.kind})" for reached in (*spoken, *one.emails, *one.addresses)]
    said += [f"born {one.birthday}"] if one.birthday else []
    return _Known(
        kind="contact",
        id=one.id,
        title=one.name,
        text=", ".join(filter(None, said)),
        people=tuple(reached.value.casefold() for reached in one.emails),
        called=" ".join((*one.nicknames, *one.other_names, one.role, one.company or "")),
        record=replace(one.record(()), store="contacts"),
    )


def _event(calendar: Calendar, one: Occurrence) -> _Known:
    begins, ends = calendar.moment(one.component.start), one.component.end
    last = calendar.moment(ends - timedelta(1) if one.all_day else ends)
    said = (
        f"{date.fromisoformat(begins[:10]):%A} {begins}" + (f" to {last}" if last != begins else ""),
        one.location,
        *one.attendees,
        str(one.component.get("DESCRIPTION", "")),
    )
    return _Known(
        kind="event",
        id=one.id,
        title=one.title,
        text=", ".join(filter(None, said)),
        called=one.location or "",
        people=tuple(found for person in one.people for found in _addresses(person)),
        record=replace(one.record(()), store="calendar"),
    )

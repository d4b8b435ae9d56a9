"""Letters, to-dos, notes, files and cards, as the device lists them; and of a card what is asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

from umi_edge.session.device_answer.asked import Asked
from umi_edge.session.device_answer.listed import Listed
from umi_edge.session.device_answer.style import Moment
from umi_edge.session.device_answer.words import list_words
from umi_edge.session.listed_items import Item

__all__ = [
    "card_of",
    "lines_of_answers",
    "lines_of_files",
    "lines_of_hits",
    "lines_of_letters",
    "lines_of_notes",
    "lines_of_todos",
]

_WHOLE = ("contact", "event")
"""Kinds of which all is told, and not what a text says."""
_MOST = 15
_MOST_FOUND = 20
"""Letters that a search gives at most: there may be more than it says."""


def lines_of_letters(listed: Listed, asked: Asked) -> str:
    """When each was sent, by whom, and what it is called; the newest first, or the one that is asked for."""
    items: Sequence[Item] = listed.items
    style = listed.style
    if not items:
        return _nothing(listed, "query", "sender", "recipient")
    if asked.last:
        items = items[: asked.most]
    elif asked.first:
        items = items[-asked.most :]

    def line(item: Item) -> str:
        sent = listed.moment(item, "date")
        when = listed.text(item, "date") if listed.stays("date") else style.moment(sent) if sent else ""
        said = f"{listed.text(item, 'from')}: {listed.text(item, 'subject')}"
        return f"{when}, {said}" if when else said

    return _listed(listed, "messages", items, line, asked)


def lines_of_todos(listed: Listed, asked: Asked) -> str:
    """What is to be done, and by when."""
    style = listed.style
    due = {item: listed.moment(item, "due") for item in listed.items}
    today = asked.now.date()
    items, nothing = [*listed.items], style.say("nothing_open")
    if list_words().undated.search(asked.said.text):
        items, nothing = [one for one in items if due[one] is None], style.say("nothing_undated")
    elif list_words().late.search(asked.said.text):
        items = [one for one in items if (day := _day(due[one])) is not None and day < today]
    elif asked.spans:
        spans = asked.spans
        when = style.days(min(first for first, _ in spans), max(last for _, last in spans))
        items = [one for one in items if (day := _day(due[one])) and any(a <= day <= b for a, b in spans)]
        nothing = style.say("nothing_due", when=when)
    elif asked.next or asked.first:
        items = items[: asked.most]

    def line(item: Item) -> str:
        title, moment = listed.text(item, "title"), due[item]
        if listed.stays("due") and listed.text(item, "due"):
            return f"{title}, {style.say('due', when=listed.text(item, 'due'))}"
        if moment is None:
            return title
        late = (_day(moment) or today) < today
        return f"{title}, {style.say('overdue' if late else 'due', when=style.moment(moment))}"

    return _listed(listed, "todos", items, line, asked) if items else nothing


def _day(moment: Moment | None) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment


def lines_of_notes(listed: Listed, asked: Asked) -> str:
    """The titles of notes."""
    if not listed.items:
        return _nothing(listed, "query")
    return _listed(listed, "notes", listed.items, lambda one: listed.text(one, "title"), asked)


def lines_of_files(listed: Listed, asked: Asked) -> str:
    """The paths of files."""
    if not listed.items:
        return _nothing(listed, "query")
    return _listed(listed, "files", listed.items, lambda one: listed.text(one, "path"), asked)


def lines_of_answers(listed: Listed, asked: Asked) -> str:
    """What was found to a question, each by its kind and title; `asked` has no say in it."""
    style = listed.style
    told = [
        style.say("is" if kind in _WHOLE else "says", kind=style.kind(kind), **said)
        for one in listed.items
        if (kind := listed.text(one, "kind"))
        and (said := {"title": listed.text(one, "title"), "text": str(one.seen.get("text", ""))})
    ]
    unsure = not any(one.seen.get("sure") is True for one in listed.items)
    return "\n\n".join((*([style.say("unsure")] if unsure else []), *told))


def lines_of_hits(listed: Listed, asked: Asked) -> str:
    """What was found everywhere: of each what it is called, of what kind it is, and what it says there."""
    style = listed.style
    if not listed.items:
        return _nothing(listed, "query")
    lines = [
        f"- {listed.text(one, 'title')} ({style.kind(listed.text(one, 'kind'))}): {listed.text(one, 'snippet')}"
        for one in listed.items[:_MOST]
    ]
    rest = len(listed.items) - _MOST
    return "\n".join((*lines, *([style.say("more", n=rest)] if rest > 0 else [])))


def card_of(listed: Listed, asked: Asked) -> str | None:
    """What is asked of the one person that was found; None where it is nothing that a card has a place for."""
    if len(listed.items) != 1:
        return None
    [card], style, text = listed.items, listed.style, asked.seen  # a name may have such words, too
    words = list_words()
    postal = words.address.search(text) is not None and not words.email.search(text)
    wanted = [
        (name, [*found])
        for name, asks, found in (
            ("phone", words.phone.search(text), _reached(listed, card, "phone", "phones", "number", text)),
            ("address", postal or words.street.search(text), _places(card)),
            ("email", words.email.search(text), _reached(listed, card, "email", "emails", "address", text)),
            ("birthday", words.birthday.search(text), filter(None, [listed.text(card, "birthday")])),
        )
        if asks
    ]
    if postal:  # whoever has no street there may be reached by mail
        mails = [*_reached(listed, card, "email", "emails", "address", text)]
        wanted = [(name, found) for name, found in wanted if found or not mails]
        wanted += [("email", mails)] if mails else []
    if not wanted:
        return None
    name = listed.text(card, "name")
    there = [one for _, found in wanted for one in found]
    missing = [style.say(f"no_{kind}", name=name) for kind, found in wanted if not found]
    return "\n".join((*([f"{name}: {', '.join(there)}"] if there else []), *missing))


def _reached(listed: Listed, card: Item, member: str, several: str, value: str, text: str) -> Iterator[str]:
    """The numbers or addresses of the kind that is asked for; where none is, the first one."""
    all_ = card.seen.get(several)
    pairs = [
        (str(one.get(value, "")), str(one.get("kind", "")))
        for one in (all_ if isinstance(all_, list) else [])
        if isinstance(one, Mapping)
    ]
    kinds = {kind for kind, asks in list_words().of_kind.items() if asks.search(text)}
    fitting = [(found, kind) for found, kind in pairs if kind in kinds]
    first = listed.text(card, member)
    if fitting or not first:
        yield from (f"{found} ({kind})" if kind else found for found, kind in fitting or pairs)
    else:
        kind = next((kind for found, kind in pairs if found == first), "")
        yield f"{first} ({kind})" if kinds and kind not in ("", "other") else first


def _places(card: Item) -> Iterator[str]:
    all_ = card.seen.get("addresses")
    for one in all_ if isinstance(all_, list) else []:
        if isinstance(one, Mapping) and isinstance(one.get("address"), str):
            yield " ".join(one["address"].split())


def _listed(
    listed: Listed, kind: str, items: Sequence[Item], line: Callable[[Item], str], asked: Asked
) -> str:
    """The lines, cut where they are many, with their number where it is asked for."""
    style = listed.style
    at_least = kind == "messages" and len(items) >= _MOST_FOUND
    lines = [line(one) for one in items]
    head = [f"{style.count(kind, len(items), at_least=at_least)}:"] if asked.counts else []
    if len(lines) == 1:
        return "\n".join((*head, *lines))
    rest = len(lines) - _MOST
    more = [style.say("more", n=rest)] if rest > 0 else []
    return "\n".join((*head, *(f"- {one}" for one in lines[:_MOST]), *more))


def _nothing(listed: Listed, *names: str) -> str:
    said = " ".join(str(listed.given[name]) for name in names if isinstance(listed.given.get(name), str))
    return listed.style.say("nothing_for", query=said) if said else listed.style.say("nothing")

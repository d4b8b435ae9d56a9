"""The records: what umi wrote into the user's stores, and which records of a result are therefore not their own.

Keeps I2: where the log is damaged, no record of a result can be told to be the user's own, and none counts as it.

A record is another's when (1) it has the name that an entry gives it, and anything that the entry marks is still in
it; (2) it has all that an entry of its store marks, under whatever name; (3) it has a long text or line that an entry
of any store marks. So it may be renamed, moved, or gone through another program; and what the user has written anew
themselves is their own again.

What is shown of a text under `scan` is not decided by its record: a text that umi wrote, of whatever length, stays
wherever its store has it, and so does a long one anywhere; and all of a record that umi has written to, by its name. So
no other text of a record, which may be private, decides what shows of this one.

Covered: what a planner wrote, and what it had written of somebody else's text, in this session and in later ones.
Not covered: a text of which no marked line is left as it was; what other programs write.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hmac
import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from umi_edge.records.entry import Entry, Marked
from umi_edge.records.marks import Marks, marks_of
from umi_edge.records.sealed_log import SealedLog
from umi_edge.tools.record import Doubt, Doubts, Record
from umi_shared.errors import ConfigError, PrivacyError

__all__ = ["Records"]

_FEWEST = 8
"""Letters and digits that an entry must mark in all, to be known again under another name."""
_LONG = 16
"""Letters and digits of a text that is known again wherever it is."""
_MEND = "type it into your instruction yourself, or run `umi records trust {number}` if the record is right"
_MEND_LOG = "see `umi records`: bring the file back, or run `umi records renew`"


def today() -> str:
    """The day, as entries say it."""
    return datetime.now(UTC).astimezone().date().isoformat()


@dataclass(slots=True)
class Records:
    """What umi has written, by entry. Without a `log` it is known as long as this object is."""

    key: bytes = field(repr=False)
    """Of the marks."""
    log: SealedLog | None = None
    day: Callable[[], str] = field(default=today, repr=False)
    damage: str = field(default="", init=False, repr=False)
    """What is wrong with the log, value-free; nothing where it is sound."""
    _lines: int = field(default=0, init=False)
    """How many lines of the log are taken in."""
    _entries: dict[int, Entry] = field(default_factory=dict, init=False, repr=False)
    _by_id: dict[tuple[str, str], set[int]] = field(init=False, repr=False)
    _by_mark: dict[str, set[int]] = field(init=False, repr=False)
    _state: tuple[int, int, int] = field(default=(-1, 0, 0), init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_id, self._by_mark = defaultdict(set), defaultdict(set)
        self.read()

    @classmethod
    def of_session(cls) -> "Records":
        """None yet, and gone with the session."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def of_device(cls, log: SealedLog) -> "Records":
        """What this device's log holds; its marks are made with a key of its own. Raises `ConfigError`."""
        return cls(hmac.digest(log.key, b"umi marks", "sha256"), log)

    def read(self) -> None:
        """Take in what other programs have added. Raises `ConfigError` where the log is being written for long."""
        if self.log is None or self.log.state() == self._state:
            return
        held = self.log.read()
        self._lines = 0
        self._state, self.damage = self.log.state(), held.damage
        for known in (self._entries, self._by_id, self._by_mark):
            known.clear()
        for line in held.lines:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self.damage = self.damage or "an entry is not one that this version of umi can read"

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def marks(self, texts: Iterable[str]) -> Marks:
        """The marks of some texts, as entries have them."""
        return marks_of(texts, self.key)

    def write(self, *, tool: str, store: str, approved: bool, fields: Mapping[str, Marked]) -> int:
        """Note what a call is about to write, before it does; gives the entry's number.

        Raises `PrivacyError` where that cannot be kept: then the call must not be made.
        """
        entry = Entry(number=0, tool=tool, store=store, day=self.day(), approved=approved, fields=fields)
        return self._add(entry.as_json())

    def name(self, number: int, id: str) -> None:  # noqa: A002
        """Note what the store calls the record of an entry."""
        self._add(_named(number, id))

    def trust(self, number: int) -> None:
        """Note that the user says that a record is right. Raises `ConfigError` for one that is not there."""
        if number not in self._entries:
            raise ConfigError(f"there is no record {number}", fix="see their numbers with `umi records`")
        self._add(_trusted(number))

    def renew(self) -> None:
        """Begin the log anew with what of it can be read: what else umi had written counts as the user's own then."""
        if self.log is None:
            return
        lines: list[Mapping[str, Any]] = []
        for entry in self._entries.values():
            lines.append(entry.as_json())
            number = len(lines)
            lines += [_named(number, entry.id)] if entry.id else []
            lines += [_trusted(number)] if entry.trusted else []
        self.log.renew(json.dumps(line).encode() for line in lines)
        self._state = (-1, 0, 0)
        self.read()

    def doubts(self, store: str, records: Iterable[Record]) -> Doubts:
        """What is not the user's own of the records of a result."""
        self.read()
        found: dict[tuple[str | int, ...], Doubt] = {}
        staying: set[tuple[str | int, ...]] = set()
        texts: dict[str, bool] = {}
        compared: list[bool] = []
        for record in records:
            of = record.store or store
            doubt = self._doubt(of, record)
            if doubt is not None:
                found[record.at] = doubt
            if record.doubt is not None or self.damage or self._is_named(of, record):
                staying.add(record.at)
            if record.doubt is None and self._by_mark and not self.damage:
                own = {text: self._is_written(of, marks) for text, marks in self._marked(record)}
                compared += doubt is not None, *own.values()
                texts |= {text: written or texts.get(text, False) for text, written in own.items()}
        return Doubts(records=found, staying=frozenset(staying), texts=texts, compared=tuple(compared))

    def _marked(self, record: Record) -> Iterator[tuple[str, Marks]]:
        """The texts of a record that have marks; a date or a time has none."""
        for text in record.texts:
            if marks := self.marks([text]):
                yield text, marks

    def _is_named(self, store: str, record: Record) -> bool:
        """Whether umi has written to a record of this name, whatever has become of it."""
        numbers = self._by_id.get((store, record.id), ()) if record.id else ()
        return any(not self._entries[number].trusted for number in numbers)

    def _is_written(self, store: str, held: Marks) -> bool:
        """Whether umi wrote any of one text, by that text's own marks."""
        return any(
            (size >= _LONG or entry.store == store) and not entry.trusted
            for mark, size in held.items()
            for entry in map(self._entries.__getitem__, self._by_mark.get(mark, ()))
        )

    def _doubt(self, store: str, record: Record) -> Doubt | None:
        if record.doubt is not None:
            return record.doubt
        if self.damage:
            said = "or written by umi: the list of what umi has written is damaged, so that can't be told"
            return Doubt(said, True, _MEND_LOG)
        if not self._by_mark:  # nothing was written, so nothing has to be compared
            return None
        held = self.marks(record.texts)
        named = self._by_id.get((store, record.id), set()) if record.id else set()
        near = {number for mark in held for number in self._by_mark.get(mark, ())}
        meant = [
            entry
            for number in sorted(near)
            if self._is_of(entry := self._entries[number], store, held, named=number in named)
        ]
        if not meant:
            return None
        worst = max(meant, key=lambda entry: (entry.by_stranger, entry.number))
        return Doubt(worst.said, worst.by_stranger, _MEND.format(number=worst.number))

    @staticmethod
    def _is_of(entry: Entry, store: str, held: Marks, *, named: bool) -> bool:
        """Whether an entry, of which some mark is in a record, tells of that record."""
        if entry.trusted:
            return False
        marks = entry.marks
        same = entry.store == store and sum(marks.values()) >= _FEWEST and marks.keys() <= held.keys()
        return named or same or any(size >= _LONG for mark, size in marks.items() if mark in held)

    def _add(self, line: Mapping[str, Any]) -> int:
        """Keep a line; gives its number, which is that of the entry that it begins."""
        number = self._lines + 1
        if self.log is not None:
            self.read()
            if self.damage:
                raise PrivacyError(
                    f"the list of what umi writes, {self.log.path}, is damaged: {self.damage}; nothing was written",
                    fix=_MEND_LOG,
                )
            try:
                number = self.log.add(json.dumps(line).encode())
            except ConfigError as error:
                raise PrivacyError(f"{error.message}; nothing was written", fix=error.fix) from error
            if number != self._lines + 1:  # another program has added to it since
                self.read()
                return number
            self._state = self.log.state()
        self._take(line)
        return number

    def _take(self, line: Mapping[str, Any]) -> None:
        self._lines += 1
        match line["kind"]:
            case "written":
                self._entries[self._lines] = entry = Entry.from_json(self._lines, line)
                for mark in entry.marks:
                    self._by_mark[mark].add(entry.number)
            case "named":
                entry = self._entries[line["number"]]
                self._entries[entry.number] = replace(entry, id=str(line["id"]))
                self._by_id[entry.store, str(line["id"])].add(entry.number)
            case "trusted":
                entry = self._entries[line["number"]]
                self._entries[entry.number] = replace(entry, trusted=True)
            case _:
                raise ValueError("unknown kind")


def _named(number: int, id: str) -> Mapping[str, Any]:  # noqa: A002
    return {"kind": "named", "number": number, "id": id}


def _trusted(number: int) -> Mapping[str, Any]:
    return {"kind": "trusted", "number": number}

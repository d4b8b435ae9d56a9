"""The mailbox: the user's letters, however their mail program lays them out."""

import time
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path

from umi_edge.tools.builtin.copied_folder import CopiedFolder, beside, gaps_of_copies, source_of
from umi_edge.tools.builtin.folder import Signature
from umi_edge.tools.builtin.mail_folders import MailFolders, StoredLetter, natural
from umi_edge.tools.builtin.mail_message import Letter, parse
from umi_edge.tools.builtin.outbox import SmtpConfig
from umi_edge.tools.outcome import FailureKind, Lost, ToolFailure

__all__ = ["MailConfig", "Mailbox"]

_A_DAY = 24 * 60 * 60
_HEAD_BYTES = 32 << 10
"""By which an e-mail is told from another file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """Where mail is read, and how it is sent."""

    folder: Path
    """Maildirs, mbox files and .eml files, in any folders below it."""
    outbox: Path
    """A Maildir too; mail waits there when no SMTP server is configured."""
    smtp: SmtpConfig | None = None
    copies: tuple[CopiedFolder, ...] = field(default=(), repr=False)
    """What was fetched from servers, in it or beside it."""
    max_files: int = 5_000
    """The newest; older ones are not searched."""
    max_letter_bytes: int = 4 << 20
    """Of a larger letter a search reads the beginning: what it says stands before what is attached."""
    max_read_bytes: int = 48 << 20
    """Of a larger letter that is read with what is attached, the beginning is read."""
    max_kept_characters: int = 64 << 20
    """Of letters that a session keeps, so that the next search need not read their files again."""
    max_found: int = 50
    zone: tzinfo | None = None
    """The zone whose days count; None: the one that the laptop is in."""


_Place = tuple[Path, int, Signature]


class Mailbox:
    """The letters below a folder, and of the copies beside it.

    Reading never moves nor flags a letter; one that did not change is read once.
    """

    def __init__(self, config: MailConfig) -> None:
        self.config = config
        self._shelves = {source_of(config.folder, config.copies): MailFolders(config.folder)}
        """By what their source is called."""
        for one in beside(config.folder, config.copies):
            self._shelves[one.account] = MailFolders(one.path, one.path.parent)
        self._parsed: dict[_Place, Letter | None] = {}

    def stored(self) -> tuple[list[StoredLetter], tuple[Lost, ...]]:
        """Every letter, the last that came first, and what could not be read."""
        letters: list[StoredLetter] = []
        lost = gaps_of_copies(self.config.copies)
        for source, folders in self._shelves.items():
            found, unread = folders.letters()
            letters += [replace(one, source=source) for one in found] if source else found
            lost = (*unread, *lost)
        letters.sort(key=lambda one: (one.arrival, natural(one.path.name), one.start), reverse=True)
        return letters, lost

    def messages(self) -> tuple[list[Letter], tuple[Lost, ...]]:
        """The letters, newest first, and what could not be read."""
        letters: list[tuple[float, Letter]] = []
        everything, unreadable = self.stored()
        lost = [*unreadable, *self._unsearched(everything)]
        parsed: dict[_Place, Letter | None] = {}
        room = self.config.max_kept_characters
        for stored in everything[: self.config.max_files]:
            letter = self._letter(stored)
            room -= len(letter.body) if letter else 0
            if stored.signature is not None and room > 0:
                parsed[stored.path, stored.start, stored.signature] = letter
            if letter is None:
                lost.append(self._lost(stored))
            else:
                told = replace(letter, unread=_is_unread(stored), source=stored.source)
                letters.append((_moment(letter, stored), told))
        self._parsed = parsed
        letters.sort(key=lambda pair: pair[0], reverse=True)
        return [letter for _, letter in letters], tuple(lost)

    def counts(self) -> tuple[int, int, tuple[Lost, ...]]:
        """How many letters there are, in how many folders or mbox files, and what cannot be read."""
        everything, unread = self.stored()
        lost = [*unread, *self._unsearched(everything)]
        lost += [self._lost(one) for one in everything if parse(one.id, one.head(_HEAD_BYTES)[0]) is None]
        folders = {stored.id.rpartition("/")[0] for stored in everything}
        return len(everything), len(folders), tuple(lost)

    def read(self, identity: str) -> tuple[Letter, bool]:
        """The letter with that id, with what is attached, and whether its end is left out.

        It is looked up among those there are, so that no id is ever a path.
        """
        for stored in self.stored()[0]:
            if stored.id == identity:
                content, is_cut = stored.head(self.config.max_read_bytes)
                if (letter := parse(stored.id, content, attached=True)) is not None:
                    return replace(letter, unread=_is_unread(stored), source=stored.source), is_cut
        raise ToolFailure(FailureKind.NOT_FOUND, "no readable message has that id")

    def _unsearched(self, everything: list[StoredLetter]) -> list[Lost]:
        if len(everything) <= self.config.max_files:
            return []
        many = f"only the newest {self.config.max_files} of its {len(everything)} letters are searched"
        return [Lost(self.config.folder.name, many)]

    def _lost(self, stored: StoredLetter) -> Lost:
        return Lost(self._shelves[stored.source].name_of(stored.path), "it is no e-mail, or cannot be read")

    def _letter(self, stored: StoredLetter) -> Letter | None:
        place = (stored.path, stored.start, stored.signature) if stored.signature is not None else None
        if place is not None and place in self._parsed:
            return self._parsed[place]
        content, _ = stored.head(self.config.max_letter_bytes)
        return parse(stored.id, content)


def _is_unread(stored: StoredLetter) -> bool:
    """Whether a mail program says that nobody has read it; of a letter in a file of its own none says so."""
    return stored.flags is not None and "S" not in stored.flags


def _moment(letter: Letter, stored: StoredLetter) -> float:
    """When it was sent, in seconds since 1970; where it does not say, or says a time to come, when it arrived."""
    if letter.sent is None:
        return stored.arrival
    sent = letter.sent.timestamp()
    return sent if sent < max(stored.arrival, time.time()) + _A_DAY else stored.arrival

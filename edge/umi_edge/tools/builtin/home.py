"""The home: where the user's contacts, calendar, mail, notes and files are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from umi_edge.tools.builtin.copied_folder import CopiedFolder
from umi_edge.tools.builtin.outbox import SmtpConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeConfig:
    """The folders that the built-in tools work on. None of them has to exist."""

    contacts: Path
    """vCards (.vcf)."""
    calendar: Path
    """iCalendar files (.ics)."""
    mail: Path
    """Maildirs, mbox files and .eml files, in any folders below it."""
    outbox: Path
    """A Maildir that sent mail goes to when `smtp` is None."""
    notes: Path
    """Markdown (.md)."""
    files: tuple[Path, ...]
    """The only folders whose files may be read."""
    smtp: SmtpConfig | None = None
    now: Callable[[], datetime] | None = None
    """The clock of the calendar's tools; None: the laptop's."""
    more: bool = False
    """Whether the tools that the embedded models were not trained with are there, too."""
    zone: tzinfo | None = None
    """The time zone of the calendar's days; None: the laptop's."""
    addresses: tuple[str, ...] = field(default=(), repr=False)
    """The user's own e-mail addresses."""
    copies: tuple[CopiedFolder, ...] = field(default=(), repr=False)
    """What was fetched from servers into these folders; nothing is written to it."""

    def copies_of(self, store: str) -> tuple[CopiedFolder, ...]:
        """What was fetched of one store."""
        return tuple(one for one in self.copies if one.store == store)

    @classmethod
    def under(cls, root: Path) -> "HomeConfig":
        """The home whose folders are all inside `root`.

        >>> HomeConfig.under(Path("home")).notes.as_posix()
        'home/notes'
        """
        return cls(
            contacts=root / "contacts",
            calendar=root / "calendar",
            mail=root / "mail",
            outbox=root / "outbox",
            notes=root / "notes",
            files=(root / "files",),
        )

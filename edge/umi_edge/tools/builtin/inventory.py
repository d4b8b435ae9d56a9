"""The inventory: how much there is in each of the user's stores, and what of it cannot be read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from umi_edge.tools.builtin.calendar_folder import Calendar, CalendarConfig
from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig
from umi_edge.tools.builtin.copied_folder import HERE, beside
from umi_edge.tools.builtin.files import FilesConfig, FileShelf
from umi_edge.tools.builtin.home import HomeConfig
from umi_edge.tools.builtin.mail import Mailbox, MailConfig
from umi_edge.tools.builtin.notes import Notebook, NotesConfig
from umi_edge.tools.outcome import Lost

__all__ = ["Holding", "inventory"]

_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one store holds."""

    store: str = field(repr=False)
    """`contacts`, `calendar`, `mail`, `notes` or `files`."""
    counts: Mapping[str, int] = field(repr=False)
    """How many there are of each kind."""
    lost: tuple[Lost, ...] = field(repr=False)
    beside: tuple[str, ...] = field(default=(), repr=False)
    """The accounts whose copies are read beside the folder."""

    def __str__(self) -> str:
        """In one line; it names files, for the user's eyes.

        >>> str(Holding(store="mail", counts={"letters": 1204, "folders": 7}, lost=(Lost("a.eml", "it is cut off"),)))
        '1,204 letters in 7 folders; 1 skipped: a.eml: it is cut off'
        """
        told = [f"{number:,} {kind if number != 1 else _ONE[kind]}" for kind, number in self.counts.items()]
        found = (" in " if self.store == "mail" else ", ").join(told)
        if self.beside:
            found += (
                f" of {HERE} and {', '.join(self.beside)}; what umi writes goes into the folder of {HERE}"
            )
        if not self.lost:
            return found
        named = "; ".join(map(str, self.lost[:_NAMED]))
        more = f"; and {len(self.lost) - _NAMED} more" if len(self.lost) > _NAMED else ""
        return f"{found}; {len(self.lost)} skipped: {named}{more}"


_KINDS = {"VEVENT": "events", "VTODO": "to-dos", "VJOURNAL": "journal entries"}
_ONE = {
    **{
        kind: kind.removesuffix("s")
        for kind in ("contacts", "events", "to-dos", "letters", "folders", "notes", "files")
    },
    "journal entries": "journal entry",
}


def inventory(home: HomeConfig) -> Iterator[Holding]:
    """What each store of a home holds whose folder is there, or that is fetched from a server."""
    if home.contacts.is_dir() or home.copies_of("contacts"):
        book = AddressBook(ContactsConfig(folder=home.contacts, copies=home.copies_of("contacts"))).read()
        counts = {"contacts": len(book.contacts)}
        yield Holding(store="contacts", counts=counts, lost=book.lost, beside=_beside(home, "contacts"))
    if home.calendar.is_dir() or home.copies_of("calendar"):
        config = CalendarConfig(folder=home.calendar, copies=home.copies_of("calendar"))
        series, lost = Calendar(config).counts()
        counts = {name: series[kind] for kind, name in _KINDS.items() if series[kind] or kind == "VEVENT"}
        yield Holding(store="calendar", counts=counts, lost=lost, beside=_beside(home, "calendar"))
    if home.mail.is_dir() or home.copies_of("mail"):
        mail = MailConfig(folder=home.mail, outbox=home.outbox, copies=home.copies_of("mail"))
        letters, folders, lost = Mailbox(mail).counts()
        counts = {"letters": letters, "folders": folders}
        yield Holding(store="mail", counts=counts, lost=lost, beside=_beside(home, "mail"))
    if home.notes.is_dir():
        notebook = Notebook(NotesConfig(folder=home.notes))
        notes, lost = notebook.notes()
        yield Holding(store="notes", counts={"notes": len(notes)}, lost=(*notebook.gaps(), *lost))
    if any(root.is_dir() for root in home.files):
        number, lost = FileShelf(FilesConfig(roots=home.files)).count()
        yield Holding(store="files", counts={"files": number}, lost=lost)


def _beside(home: HomeConfig, store: str) -> tuple[str, ...]:
    return tuple(one.account for one in beside(getattr(home, store), home.copies_of(store)))

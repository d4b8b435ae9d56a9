"""The built-in tools: a laptop's own data, in open formats."""

from functools import partial

from umi_edge.tools.builtin import contacts, everywhere, files, mail, notes
from umi_edge.tools.builtin.calendar import tools as calendar_tools
from umi_edge.tools.builtin.calendar_folder import Calendar, CalendarConfig
from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig
from umi_edge.tools.builtin.converter import Converter
from umi_edge.tools.builtin.files import FilesConfig, FileShelf
from umi_edge.tools.builtin.home import HomeConfig
from umi_edge.tools.builtin.journals import journals_of
from umi_edge.tools.builtin.mailbox import Mailbox, MailConfig
from umi_edge.tools.builtin.notes import Notebook, NotesConfig
from umi_edge.tools.builtin.outbox import SmtpConfig
from umi_edge.tools.builtin.shared_folder import read_as_answers, read_as_files
from umi_edge.tools.builtin.shelves import Shelves
from umi_edge.tools.tool import Tool

__all__ = [
    "CalendarConfig",
    "ContactsConfig",
    "FilesConfig",
    "HomeConfig",
    "MailConfig",
    "NotesConfig",
    "SmtpConfig",
    "builtin_tools",
]


def builtin_tools(home: HomeConfig) -> tuple[Tool, ...]:
    """Every built-in tool over one home."""
    converter = Converter()
    shelf = FileShelf(FilesConfig(roots=home.files), converter)
    own = (*home.addresses, *([home.smtp.sender] if home.smtp and home.smtp.sender else []))
    calendar = Calendar(
        CalendarConfig(
            folder=home.calendar,
            copies=home.copies_of("calendar"),
            zone=home.zone,
            now=home.now,
            own_addresses=own,
        )
    )
    notebook = Notebook(NotesConfig(folder=home.notes), partial(journals_of, calendar))
    mailbox = Mailbox(
        MailConfig(
            folder=home.mail,
            copies=home.copies_of("mail"),
            outbox=home.outbox,
            smtp=home.smtp,
            zone=home.zone,
        )
    )
    book = AddressBook(ContactsConfig(folder=home.contacts, copies=home.copies_of("contacts")))
    known = book if home.contacts.is_dir() or home.copies_of("contacts") else None
    more = home.more
    shelves = Shelves(notes=notebook, files=shelf, mail=mailbox, contacts=book, calendar=calendar)
    tools = (
        *read_as_files(contacts.tools(book, more=more), home.contacts, home.files),
        *read_as_files(calendar_tools(calendar, more=more), home.calendar, home.files),
        *read_as_files(mail.tools(mailbox, converter, more=more, book=known), home.outbox, home.files),
        *read_as_files(notes.tools(notebook, more=more), home.notes, home.files),
        *files.tools(shelf),
        *everywhere.tools(shelves, more=more),
    )
    return read_as_answers(tools) if more else tools

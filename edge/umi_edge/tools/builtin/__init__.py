"""The built-in tools: a laptop's own data, in open formats."""

from umi_edge.tools.builtin import calendar, contacts, everywhere, files, mail, notes
from umi_edge.tools.builtin.calendar import CalendarConfig
from umi_edge.tools.builtin.contacts import ContactsConfig
from umi_edge.tools.builtin.files import FilesConfig
from umi_edge.tools.builtin.home import HomeConfig
from umi_edge.tools.builtin.mail import MailConfig
from umi_edge.tools.builtin.notes import NotesConfig
from umi_edge.tools.builtin.outbox import SmtpConfig
from umi_edge.tools.builtin.shared_folder import read_as_files
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
    notes_config = NotesConfig(folder=home.notes)
    files_config = FilesConfig(roots=home.files)
    own = (*home.addresses, *([home.smtp.sender] if home.smtp and home.smtp.sender else []))
    mail_config = MailConfig(folder=home.mail, outbox=home.outbox, smtp=home.smtp)
    return (
        *read_as_files(contacts.tools(ContactsConfig(folder=home.contacts)), home.contacts, home.files),
        *read_as_files(
            calendar.tools(
                CalendarConfig(folder=home.calendar, zone=home.zone, now=home.now, own_addresses=own),
                more=home.more,
            ),
            home.calendar,
            home.files,
        ),
        *read_as_files(mail.tools(mail_config), home.outbox, home.files),
        *read_as_files(notes.tools(notes_config), home.notes, home.files),
        *files.tools(files_config),
        *everywhere.tools(notes_config, files_config, mail_config),
    )

"""The shelves: all stores of the user's, for what searches several at once."""

from dataclasses import dataclass

from umi_edge.tools.builtin.calendar_folder import Calendar
from umi_edge.tools.builtin.contacts import AddressBook
from umi_edge.tools.builtin.files import FileShelf
from umi_edge.tools.builtin.mailbox import Mailbox
from umi_edge.tools.builtin.notes import Notebook

__all__ = ["Shelves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """What is searched."""

    notes: Notebook
    files: FileShelf
    mail: Mailbox
    contacts: AddressBook
    calendar: Calendar

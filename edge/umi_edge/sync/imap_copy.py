"""Mail, fetched over IMAP into Maildirs: the letters that are new, the flags that changed, and none that are gone."""

import os
from datetime import UTC, datetime, timedelta

from umi_edge.sync.account import Account
from umi_edge.sync.imap import ImapServer, Letter, MailFolder, readable_name
from umi_edge.sync.local_copy import LocalCopy
from umi_edge.tools.outcome import Lost
from umi_shared.errors import LimitError, RefusedError

__all__ = ["fetch_mail"]

_LEFT_OUT = frozenset({"\\junk", "\\trash", "\\all"})
"""Junk, the bin, and a folder of everything, whose letters are in others too."""
_MARK = "!2," if os.name == "nt" else ":2,"
_FLAGS = {"\\draft": "D", "\\flagged": "F", "\\answered": "R", "\\seen": "S", "\\deleted": "T"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fetch_mail(account: Account, server: ImapServer, copy: LocalCopy) -> None:
    """Bring a copy up to date. Raises `UmiError`; what was fetched before that stays."""
    folders = _wanted(account, server.folders())
    for folder in folders:
        _fetch_folder(account, server, copy, folder)
    names = {folder.name for folder in folders}
    for gone in [name for name in copy.parts if name not in names]:
        copy.drop_part(gone)


def _wanted(account: Account, folders: list[MailFolder]) -> list[MailFolder]:
    if account.only:
        named = {readable_name(folder.name): folder for folder in folders}
        missing = [name for name in account.only if name not in named]
        if missing:
            what = f"{len(missing)} of the folders in `only` of {account.name} are not there"
            raise RefusedError(what, fix="correct `only`")
        return [named[name] for name in account.only]
    found = [folder for folder in folders if not folder.flags & _LEFT_OUT]
    if not found:
        raise RefusedError(f"no mail folder is found for {account.name}", fix="check `user` of the account")
    return found


def _fetch_folder(account: Account, server: ImapServer, copy: LocalCopy, folder: MailFolder) -> None:
    validity = server.open(folder)
    if folder.name in copy.parts and copy.parts[folder.name].mark not in ("", validity):
        copy.drop_part(folder.name)  # the same numbers are other letters now
    part = copy.part(folder.name, readable_name(folder.name).replace("/", " "))
    part.mark = validity
    uids = server.uids(_since(account.mail_days))
    if (
        sum(len(one.items) for one in copy.parts.values() if one is not part) + len(uids)
        > account.limits.items
    ):
        raise LimitError(
            f"more than {account.limits.items:,} letters are there", fix="say `mail_days` or `only`"
        )
    there = {str(uid) for uid in uids}
    for gone in [item for item in part.items if item not in there]:
        copy.drop(part, gone)
    told = list(server.told(uids))
    wanted = [one for one in reversed(told) if str(one.uid) not in part.items]  # the newest first
    got: set[int] = set()
    for letter in server.letters(wanted):
        if letter.content:
            got.add(letter.uid)
            copy.put(part, str(letter.uid), "", _file(letter, validity), letter.content)
    missing = len(wanted) - len(got)
    if missing:
        why = f"the server lists {missing} letters and does not give them"
        copy.lost.append(Lost(part.folder, why, "fetch them anew: `umi sync`"))
    for one in told:
        if one.uid not in got and str(one.uid) in part.items:
            copy.rename(part, str(one.uid), _flagged(part.items[str(one.uid)][1], one))


def _file(letter: Letter, validity: str) -> str:
    digits = "".join(filter(str.isdigit, validity))[:20] or "0"
    return _flagged(f"cur/{int(letter.arrived)}.{digits}_{letter.uid}.umi", letter)


def _flagged(file: str, letter: Letter) -> str:
    """The file's name with the letter's flags, as a Maildir has them."""
    flags = "".join(sorted(_FLAGS[flag] for flag in letter.flags & _FLAGS.keys()))
    return f"{file.partition(_MARK)[0]}{_MARK}{flags}"


def _since(days: int) -> str:
    if not days:
        return ""
    day = datetime.now(UTC) - timedelta(days=days)
    return f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year}"

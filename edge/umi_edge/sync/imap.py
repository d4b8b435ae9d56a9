"""An IMAP connection under limits: what a server sends is counted before it is kept.

TLS always, its certificate checked; in clear only to this very device.
"""

import contextlib
import imaplib
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from umi_edge.sync.account import Account, is_this_device
from umi_edge.sync.certificates import trusted_context
from umi_edge.sync.login import Login
from umi_shared.errors import LimitError, MalformedError, RefusedError, TransportError

__all__ = ["ImapServer", "Letter", "MailFolder", "readable_name"]

_BY_TOKEN = ("OAUTHBEARER", "XOAUTH2")
"""How an access token is shown, the standard's way first."""
_SLACK = 1 << 20
_PER_LINE = 400
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?:\\.|[^"\\])*"|NIL) ?(?P<name>.*)', re.DOTALL)
_ITEM = re.compile(rb"(?P<name>UID|RFC822\.SIZE) (?P<number>[0-9]{1,20})")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")


class _Bounded(imaplib.IMAP4):
    """A connection that ends when the server sends more than was asked for, or for too long."""

    room = _SLACK
    until = float("inf")

    def read(self, size: int) -> bytes:
        """As many bytes of a literal; imaplib lets a subclass do this."""
        self._take(size)
        return super().read(size)

    def readline(self) -> bytes:
        """One line."""
        line: bytes = super().readline()
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self.room -= size
        if self.room < 0 or time.monotonic() > self.until:
            raise self.abort("more than was asked for, or for too long")


class _BoundedTls(_Bounded, imaplib.IMAP4_SSL):
    """The same, with TLS from the first byte."""


@dataclass(frozen=True, slots=True)
class MailFolder:
    """One folder of a mailbox."""

    name: str = field(repr=False)
    """As the server writes it: modified UTF-7."""
    flags: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a server tells of one letter."""

    uid: int
    flags: frozenset[str] = field(repr=False)
    size: int
    arrived: float
    """When, in seconds since 1970."""
    content: bytes = field(default=b"", repr=False)


class ImapServer:
    """One server, with one account logged in. Nothing is flagged, moved or deleted: folders are opened to read."""

    def __init__(self, account: Account, login: Login) -> None:
        self._account = account
        self._name = f"the server {account.address.hostname}"
        self._until = time.monotonic() + account.limits.seconds
        connection = self._logged_in(login)
        if connection is None and login.renewed():
            connection = self._logged_in(login)
        if connection is None:
            raise login.refusal(self._name)
        self._connection = connection

    def __enter__(self) -> "ImapServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.room = _SLACK
        with contextlib.suppress(imaplib.IMAP4.error, OSError), _closed_on_failure(self._connection):
            self._connection.logout()

    def _logged_in(self, login: Login) -> _Bounded | None:
        """A connection of its own, since some servers end one whose login they refuse; None where this one does."""
        with self._plain_errors():
            connection = self._connected()
            connection.until = self._until
            with _closed_on_failure(connection):
                if self._is_taken(connection, login):
                    return connection
                connection.shutdown()
                return None

    def _is_taken(self, connection: _Bounded, login: Login) -> bool:
        try:
            if login.by_token:
                mechanism = self._mechanism(connection)
                said = _responses(mechanism, self._account, login.secret)
                connection.authenticate(mechanism, lambda _: next(said, None))
            else:
                connection.login(self._account.user, login.secret)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return False
        return True

    def _mechanism(self, connection: _Bounded) -> str:
        for one in _BY_TOKEN:
            if f"AUTH={one}" in connection.capabilities:
                return one
        raise RefusedError(
            f"{self._name} takes no access token ({' or '.join(_BY_TOKEN)})",
            fix=f"write `password_command` in place of `token_command` at {self._account.name}",
        )

    def folders(self) -> list[MailFolder]:
        """The folders that can be opened."""
        limit = self._account.limits.collections
        found = []
        with self._plain_errors():
            self._allow(limit * _PER_LINE)
            for line in self._data(self._connection.list()):
                head, literal = line if isinstance(line, tuple) else (line, None)
                match = _LISTED.match(head) if head else None
                if match is None:
                    continue
                try:
                    name = (literal if literal is not None else _unquoted(match["name"])).decode("ascii")
                    flags = frozenset(match["flags"].decode("ascii").lower().split())
                except UnicodeDecodeError:
                    continue
                if "\\noselect" not in flags and "\\nonexistent" not in flags and name.isprintable():
                    found.append(MailFolder(name, flags))
        if len(found) > limit:
            raise LimitError(f"{self._name} has more than {limit} folders")
        return found

    def open(self, folder: MailFolder) -> str:
        """Open a folder to read; its UIDVALIDITY is given, which changes when its numbers do."""
        quoted = folder.name.replace("\\", "\\\\").replace('"', '\\"')
        with self._plain_errors():
            self._allow(_SLACK)
            self._data(self._connection.select(f'"{quoted}"', readonly=True))
            _, told = self._connection.response("UIDVALIDITY")
        said = told[0] if told and told[0] else b""
        return said.decode("ascii", "replace") if isinstance(said, bytes) else ""

    def uids(self, since: str) -> list[int]:
        """The numbers of the letters that came since a day (`27-Nov-2025`; empty: all)."""
        limit = self._account.limits.items
        with self._plain_errors():
            self._allow(limit * 12)
            criteria = ("SINCE", since) if since else ("ALL",)
            lines = self._data(self._connection.uid("SEARCH", *criteria))
        numbers = [word for line in lines if isinstance(line, bytes) for word in line.split()]
        if not all(word.isdigit() and len(word) < 12 for word in numbers):
            raise MalformedError(f"{self._name} answered with something that is no list of letters")
        return sorted({int(word) for word in numbers})

    def told(self, uids: list[int]) -> Iterator[Letter]:
        """What the server tells of letters, without their text."""
        for start in range(0, len(uids), 500):
            batch = uids[start : start + 500]
            yield from self._fetched(batch, "(UID FLAGS RFC822.SIZE INTERNALDATE)", len(batch) * _PER_LINE)

    def letters(self, wanted: list[Letter]) -> Iterator[Letter]:
        """Letters with their text, or its beginning where they are large; in answers of a few MiB."""
        limit = self._account.limits.letter_bytes
        batch: list[Letter] = []
        for one in wanted:
            if batch and (len(batch) >= 50 or sum(min(each.size, limit) for each in batch) > 8 << 20):
                yield from self._texts(batch, limit)
                batch = []
            batch.append(one)
        if batch:
            yield from self._texts(batch, limit)

    def _texts(self, batch: list[Letter], limit: int) -> Iterator[Letter]:
        asked = f"(UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{limit}>)"
        # A declared size may be wrong by line ends; never more than the limit is asked for.
        room = sum(min(one.size * 2 + 4096, limit) for one in batch) + len(batch) * _PER_LINE
        yield from self._fetched([one.uid for one in batch], asked, room)

    def _fetched(self, uids: list[int], what: str, room: int) -> Iterator[Letter]:
        with self._plain_errors():
            self._allow(room)
            lines = self._data(self._connection.uid("FETCH", _ranges(uids), what))
        content, head = b"", b""
        for line in lines:
            # A literal comes as a pair; what stands behind it, the flags perhaps, as bytes of its own.
            if isinstance(line, tuple):
                head, content = head + line[0], line[1]
                continue
            letter = _letter(head + (line or b""), content)
            if letter is not None and letter.uid in uids:
                yield letter
            head, content = b"", b""

    def _allow(self, room: int) -> None:
        self._connection.room = room + _SLACK

    def _data(self, answer: tuple[str, Any]) -> list[Any]:
        status, data = answer
        if status != "OK":
            raise RefusedError(
                f"{self._name} refused a command", fix="look at the account with a mail program"
            )
        return list(data)

    def _connected(self) -> _Bounded:
        parts = self._account.address
        host, wait = parts.hostname or "", self._account.limits.wait_seconds
        if parts.scheme == "imaps":
            return _BoundedTls(
                host, parts.port or 993, ssl_context=trusted_context(self._account), timeout=wait
            )
        plain = _Bounded(host, parts.port or 143, timeout=wait)
        with _closed_on_failure(plain):
            if "STARTTLS" in plain.capabilities:
                plain.starttls(ssl_context=trusted_context(self._account))
            elif not is_this_device(host):
                fix = "write it with imaps://"
                raise RefusedError(f"{self._name} has no TLS, so the password was not sent", fix=fix)
        return plain

    def _plain_errors(self) -> "_PlainErrors":
        return _PlainErrors(self._name)


@contextlib.contextmanager
def _closed_on_failure(connection: imaplib.IMAP4) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            connection.shutdown()
        raise


@dataclass(frozen=True, slots=True, repr=False)
class _PlainErrors:
    """imaplib's errors as umi's: what a server said is not quoted."""

    name: str

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ssl.SSLError):
            fix = "if it is your own server, name who signs its certificate in `ca_file`"
            raise TransportError(f"the certificate of {self.name} is not trusted", fix=fix) from None
        if isinstance(error, TimeoutError):
            raise TransportError(f"{self.name} did not answer in time", fix="try again: `umi sync`") from None
        if isinstance(error, imaplib.IMAP4.abort) and "more than was asked for" in str(error):
            raise LimitError(
                f"{self.name} sends more than was asked for, or took too long", fix="go on: `umi sync`"
            )
        if isinstance(error, imaplib.IMAP4.error | OSError | ValueError | UnicodeError):
            raise TransportError(
                f"{self.name} cannot be reached, or broke off ({type(error).__name__})", fix="try again later"
            ) from None


def _responses(mechanism: str, account: Account, token: str) -> Iterator[bytes]:
    """What a client says: the token first, and then, to a server that refuses it and says why, that it has heard."""
    if mechanism == "OAUTHBEARER":  # RFC 7628
        parts = account.address
        user = account.user.replace("=", "=3D").replace(",", "=2C")
        port = parts.port or {"imaps": 993}.get(parts.scheme, 143)
        yield f"n,a={user},\x01host={parts.hostname}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()
        yield b"\x01"
        return
    yield f"user={account.user}\x01auth=Bearer {token}\x01\x01".encode()  # Google's, before there was an RFC
    yield b""


def readable_name(name: str) -> str:
    """A folder's name as people write it (RFC 3501, modified UTF-7).

    >>> readable_name("Entw&APw-rfe"), readable_name("A&-B"), readable_name("&broken")
    ('Entwürfe', 'A&B', '&broken')
    """

    def letters(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        return f"+{match[1].replace(',', '/')}-".encode("ascii").decode("utf-7")

    try:
        return re.sub(r"&([A-Za-z0-9+,]*)-", letters, name)
    except UnicodeError:
        return name


def _letter(told: bytes, content: bytes) -> Letter | None:
    numbers = {match["name"]: int(match["number"]) for match in _ITEM.finditer(told)}
    flags = _FLAGS.search(told)
    if b"UID" not in numbers:
        return None
    try:
        moment = imaplib.Internaldate2tuple(told)
        arrived = time.mktime(moment) if moment else 0.0
    except (ValueError, OverflowError):
        arrived = 0.0
    return Letter(
        uid=numbers[b"UID"],
        flags=frozenset(flags[1].decode("latin-1").lower().split()) if flags else frozenset(),
        size=numbers.get(b"RFC822.SIZE", 0),
        arrived=max(0.0, arrived),
        content=content,
    )


def _unquoted(name: bytes) -> bytes:
    name = name.strip()
    if name.startswith(b'"') and name.endswith(b'"') and len(name) > 1:
        return re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return name


def _ranges(uids: list[int]) -> str:
    """Numbers as IMAP writes sets of them.

    >>> _ranges([1, 2, 3, 7])
    '1:3,7'
    """
    found: list[list[int]] = []
    for uid in sorted(uids):
        if found and found[-1][1] == uid - 1:
            found[-1][1] = uid
        else:
            found.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in found)

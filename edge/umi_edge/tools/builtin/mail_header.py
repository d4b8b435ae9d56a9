"""A letter's header lines as text: what strangers' mail programs wrote, well formed or not."""

import codecs
import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from email.errors import MessageError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime

from umi_edge.tools.builtin.card_text import AS_WRITTEN

__all__ = ["addresses", "decoded", "line", "when"]

_MEANT = {
    **AS_WRITTEN,
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
"""What writers of letters mean who name these: as in cards, and more, since letters come from further away."""
_QUOTED = re.compile(r'[][()<>@,:;"\\.]')


def decoded(data: bytes, charset: str | None) -> str:
    r"""The text that bytes are: in the charset that they are said to be in, else UTF-8, else Windows-1252.

    >>> decoded("Müller".encode(), None), decoded(b"M\xfcller", None), decoded(b"M\xfcller", "x-unknown")
    ('Müller', 'Müller', 'Müller')
    """
    for name in (charset, "utf-8"):
        try:
            codec = codecs.lookup(name or "utf-8").name
            return data.decode(_MEANT.get(codec, codec))
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def line(raw: str | None) -> str:
    """One header line, with its encoded words decoded, on one line.

    >>> line("=?utf-8?Q?Caf=C3=A9?= at  noon"), line("=?x?b?broken")
    ('Café at noon', '=?x?b?broken')
    """
    text = _as_sent(raw or "")
    if "=?" in text:
        try:
            pieces = decode_header(text)
        except (MessageError, ValueError):
            pieces = []
        words = [piece if isinstance(piece, str) else decoded(piece, charset) for piece, charset in pieces]
        text = "".join(words) or text
    return " ".join(_clean(text).split())


def addresses(raw: str | None) -> str:
    """The persons in a header line, as `Name <address>`, a name that needs it in quotes.

    >>> addresses("=?utf-8?Q?M=C3=BCller=2C_Uwe?= <uwe@example.org>, bo@example.org (Bo)")
    '"Müller, Uwe" <uwe@example.org>, Bo <bo@example.org>'
    """
    text = _as_sent(raw or "")
    try:
        found = [(line(name), line(address)) for name, address in getaddresses([text])]
    except RecursionError:  # comments in comments in comments
        found = []
    written = [_person(name, address) for name, address in found if name or address]
    return ", ".join(written) if written else line(text)


def _person(name: str, address: str) -> str:
    if not name or name == address:
        return address
    shown = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"' if _QUOTED.search(name) else name
    return f"{shown} <{address}>" if address else shown


def when(raw: str | None) -> datetime | None:
    """The moment in a Date line; None where it is none. Without a zone it is UTC, as RFC 5322 has it for -0000."""
    try:
        moment = parsedate_to_datetime(_as_sent(raw or ""))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if not MINYEAR < moment.year < MAXYEAR:  # in another zone it may be in no year that there is
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_sent(raw: str) -> str:
    """A header line whose bytes the parser kept as surrogates, as text."""
    try:
        return decoded(raw.encode("ascii", "surrogateescape"), None)
    except UnicodeEncodeError:
        return _clean(raw)


def _clean(text: str) -> str:
    """`text` as UTF-8 can carry it."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")

"""The text of a document: PDF, Word, Excel, OpenDocument, web pages, letters, plain text in any usual encoding."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator

from umi_edge.tools.builtin.html_text import html_text
from umi_edge.tools.builtin.mail_header import decoded
from umi_edge.tools.builtin.mail_message import parse

__all__ = ["UnreadableDocument", "document_text", "is_plain_text", "plain_text"]

_MAX_CHARACTERS = 1 << 20
_MAX_UNPACKED_BYTES = 200 << 20
_MAX_PAGES = 2_000
_MAX_CELLS = 200_000
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class UnreadableDocument(Exception):  # noqa: N818 -- it is what a document is
    """There is no text to be had from it; the message says why and is value-free."""


def is_plain_text(content: bytes) -> bool:
    """Whether no converter is needed: text in UTF-8, UTF-16 with its mark, or an encoding of one byte."""
    if content.startswith(tuple(_MARKS)):
        return True
    return b"\x00" not in content and not content.startswith((b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def document_text(content: bytes, name: str) -> str:
    """The text in `content`, at most a million characters. Raises `UnreadableDocument`.

    What the file is stands in its bytes; `name` only tells a web page and a letter from other text.
    """
    if b"%PDF-" in content[:1024]:
        return _cut(_pdf(content))
    if content.startswith(b"PK\x03\x04"):
        return _cut(_packed(content))
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableDocument("a document of Office before 2007, or one locked with a password")
    text = plain_text(content)
    suffix = name.lower().rpartition(".")[2]
    if suffix == "eml" and (letter := parse("", content)) is not None:
        head = f"From: {letter.sender}\nTo: {letter.to}\nDate: {letter.date or ''}\nSubject: {letter.subject}\n\n"
        return head + letter.body
    if suffix in ("html", "htm", "xhtml") or re.match(
        r"\s*<(!doctype html|html)\b", text[:1000], re.IGNORECASE
    ):
        return html_text(text)[:_MAX_CHARACTERS]
    return text


def plain_text(content: bytes) -> str:
    """Text in whatever encoding it is. Raises `UnreadableDocument` when it is none."""
    if not is_plain_text(content):
        raise UnreadableDocument("the file is binary")
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                raise UnreadableDocument("the file is binary") from None
    return decoded(content, None)


def _cut(pieces: Iterator[str]) -> str:
    """The pieces, joined, as far as they go into the limit."""
    found: list[str] = []
    room = _MAX_CHARACTERS
    for piece in pieces:
        found.append(piece[:room])
        room -= len(found[-1])
        if room <= 0:
            break
    text = "".join(found).replace("\x00", "\ufffd").encode("utf-8", "replace").decode().strip()
    if not text:
        raise UnreadableDocument("there is no text in it: pages may be pictures")
    return text + "\n"


def _pdf(content: bytes) -> Iterator[str]:
    import pypdf  # noqa: PLC0415 -- half a second that most sessions do without

    reader = pypdf.PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableDocument("it is locked with a password")
    for number, page in enumerate(reader.pages, 1):
        if number > _MAX_PAGES:
            return
        text = page.extract_text().strip()
        if text:
            yield f"{text}\n\n"


def _packed(content: bytes) -> Iterator[str]:
    """The text of a document that is a zip file."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        if sum(entry.file_size for entry in package.infolist()) > _MAX_UNPACKED_BYTES:
            raise UnreadableDocument(f"more than {_MAX_UNPACKED_BYTES} bytes when unpacked")
        names = set(package.namelist())
    readers: dict[str, Callable[[bytes], Iterator[str]]] = {
        "word/document.xml": _word,
        "xl/workbook.xml": _excel,
        "content.xml": _open_document,
    }
    for part, reader in readers.items():
        if part in names:
            return reader(content)
    raise UnreadableDocument("it is packed, and no document that umi reads")


def _word(content: bytes) -> Iterator[str]:
    import docx  # noqa: PLC0415
    from docx.table import Table  # noqa: PLC0415

    for block in docx.Document(io.BytesIO(content)).iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                yield "\t".join(cell.text.replace("\n", " ") for cell in row.cells) + "\n"
        else:
            yield f"{block.text}\n"


def _excel(content: bytes) -> Iterator[str]:
    import openpyxl  # noqa: PLC0415

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    cells = 0
    for sheet in book.worksheets:
        rows = []
        for row in sheet.iter_rows(values_only=True):
            cells += len(row)
            if cells > _MAX_CELLS:
                break
            line = "\t".join("" if value is None else str(value) for value in row).rstrip()
            if line:
                rows.append(f"{line}\n")
        if rows:
            yield f"{sheet.title}\n"
            yield from rows
            yield "\n"


def _open_document(content: bytes) -> Iterator[str]:
    import odfdo  # noqa: PLC0415

    document = odfdo.Document(io.BytesIO(content))
    if document.get_type() == "spreadsheet":
        for table in document.body.tables:
            yield f"{table.name}\n"
            for row in table.get_values(complete=False):
                line = "\t".join("" if value is None else str(value) for value in row).rstrip()
                yield f"{line}\n" if line else ""
            yield "\n"
        return
    yield document.get_formatted_text()

"""Documents as text: what people keep in a folder, in the formats that their programs write."""

import io
import os
import zipfile
from pathlib import Path

import docx
import odfdo
import openpyxl
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from umi_edge.tools.builtin.converter import Converter
from umi_edge.tools.builtin.document_text import UnreadableDocument, document_text, is_plain_text
from umi_edge.tools.builtin.files import FilesConfig, FileShelf
from umi_edge.tools.outcome import FailureKind, ToolFailure

SAYS = "The rent is 950 euros"


def pdf(*pages: str, password: str = "") -> bytes:
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(200, 200)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = stream
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    return written(writer.write)


def written(save: object) -> bytes:
    content = io.BytesIO()
    save(content)  # type: ignore[operator]
    return content.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Flat", 1)
    document.add_paragraph(SAYS)
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "heating", "80"
    return written(document.save)


def excel() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Flat"
    book.active.append([SAYS, 950, None])
    book.create_sheet("Empty")
    return written(book.save)


def open_text() -> bytes:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Paragraph(SAYS))
    return written(document.save)


def open_sheet() -> bytes:
    document = odfdo.Document("spreadsheet")
    document.body.clear()
    table = odfdo.Table("Flat")
    table.set_values([[SAYS, 950]])
    document.body.append(table)
    return written(document.save)


def packed(**parts: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return content.getvalue()


DOCUMENTS = {
    "flat.pdf": (pdf(SAYS, "Second page"), f"{SAYS}\n\nSecond page"),
    "open to all.pdf": (pdf(SAYS, password=""), SAYS),
    "flat.docx": (word(), f"Flat\n{SAYS}\nheating\t80"),
    "flat.xlsx": (excel(), f"Flat\n{SAYS}\t950"),
    "flat.odt": (open_text(), SAYS),
    "flat.ods": (open_sheet(), f"Flat\n{SAYS}\t950"),
    "flat.html": (f"<title>x</title><body><p>{SAYS}</p>".encode(), SAYS),
    "no ending": (f"<!DOCTYPE html><p>{SAYS}</p>".encode(), SAYS),
    "flat.eml": (f"From: a@example.org\nSubject: Rent\n\n{SAYS}".encode(), SAYS),
    "utf16.txt": (SAYS.encode("utf-16"), SAYS),
    "bom.txt": (b"\xef\xbb\xbf" + SAYS.encode(), SAYS),
    "windows.txt": ("950 €, Müller".encode("cp1252"), "950 €, Müller"),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> FileShelf:
    folder = tmp_path_factory.mktemp("files")
    for name, (content, _) in DOCUMENTS.items():
        (folder / name).write_bytes(content)
    return FileShelf(FilesConfig(roots=(folder,)))


@pytest.mark.parametrize(("name", "says"), [(name, says) for name, (_, says) in DOCUMENTS.items()])
def test_a_document_is_read_and_found_by_its_words(shelf, name, says):
    [path] = [
        file.path
        for file in shelf.search(f"{name.split('.')[0]} {says.split()[-1]}")[0]
        if file.path.endswith(name)
    ]
    assert says in shelf.read(path).text.strip()


UNREADABLE = {
    "locked with a password": pdf(SAYS, password="secret"),
    "pictures": pdf(""),
    "damaged": pdf(SAYS)[:300],
    "no document": packed(a=b"x"),
    "unpacked": packed(**{"word/document.xml": bytes(201 << 20)}),
    "damaged (": packed(**{"word/document.xml": b"<w:document>"}),
    "binary": b"\x7fELF\x00\x00",
    "before 2007": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter(seconds=60)


@pytest.mark.parametrize(("why", "content"), UNREADABLE.items(), ids=UNREADABLE)
def test_what_cannot_be_read_says_why_and_the_next_document_is_read(converter, why, content):
    with pytest.raises(ToolFailure) as raised:
        converter.text(content, "x")
    assert raised.value.kind is FailureKind.NOT_JSON
    assert why.rstrip(" (") in raised.value.detail or "damaged" in raised.value.detail
    assert converter.text(pdf(SAYS), "x.pdf").strip() == SAYS


def test_a_document_that_keeps_its_reader_busy_is_given_up():
    # A content stream that shows text for minutes: 100 pages share one long stream.
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(*(["a"] * 3))))
    stream = DecodedStreamObject()
    stream.set_data(b"BT /F1 12 Tf " + b"(a) Tj " * 2_000_000 + b"ET")
    for page in writer.pages:
        page[NameObject("/Contents")] = stream
    converter = Converter(seconds=2)
    with pytest.raises(ToolFailure) as raised:
        converter.text(written(writer.write), "busy.pdf")
    assert raised.value.kind is FailureKind.TIMEOUT


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit of a process's memory to set")
def test_an_entity_bomb_costs_its_own_document_only(converter):
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><office:document-content>&l11;</office:document-content>'
    with pytest.raises(ToolFailure):
        converter.text(
            packed(mimetype=b"application/vnd.oasis.opendocument.text", **{"content.xml": bomb.encode()}), "x"
        )
    assert converter.text(pdf(SAYS), "x.pdf").strip() == SAYS


def test_a_search_converts_for_so_long_and_finds_the_rest_by_name(tmp_path):
    (tmp_path / "flat.pdf").write_bytes(pdf(SAYS))
    hasty = FileShelf(FilesConfig(roots=(tmp_path,), converted_seconds=0))
    assert hasty.search("euros")[0] == []
    assert {one.why for one in hasty.search("euros")[1]} == {
        "there was no time to read it: a second search does"
    }
    assert [file.path for file in hasty.search("flat")[0]] == [f"{tmp_path.name}/flat.pdf"]


def test_a_changed_document_is_read_anew(tmp_path):
    path: Path = tmp_path / "flat.pdf"
    path.write_bytes(pdf(SAYS))
    shelf = FileShelf(FilesConfig(roots=(tmp_path,)))
    assert shelf.search("euros")[0]
    path.write_bytes(pdf("The rent is 1000 francs now"))
    assert not shelf.search("euros")[0]
    assert shelf.search("francs")[0]


@given(st.binary(max_size=300))
def test_plain_text_of_any_bytes_can_be_sent(content):
    if is_plain_text(content):
        try:
            document_text(content, "x").encode()
        except UnreadableDocument:
            return

"""Notes as people keep them: their titles, their names, their encodings, the links between them.

The outside case (../shared/cases/03) has titles that are right.
"""

import os
import shutil
from pathlib import Path

import pytest

from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.builtin.notes import Notebook, NotesConfig
from umi_edge.tools.builtin.organizer import INVITATION
from umi_edge.tools.catalogue import Catalogue
from umi_edge.tools.outcome import ToolFailure
from umi_edge.tools.runner import RunLimits, Succeeded, run_tool

CASE = Path(__file__).parents[4] / "shared" / "cases" / "03-note-line-leaves-as-title" / "notes"

TITLES = {
    "# The boiler\n\nText": "The boiler",
    "\n\n## The boiler ##\n": "The boiler",
    "The boiler\n----------\n": "The boiler",
    "---\ntitle: Boiler manual\ntags: [x]\n---\n# Other\n": "Boiler manual",
    '---\r\ntitle: "Boiler: manual"\r\n---\r\nText': "Boiler: manual",
    '+++\ntitle = "Boiler manual"\n+++\nText': "Boiler manual",
    "---\ntags: [door code 4471]\n---\n# The boiler\n": "The boiler",
    "---\ntags: [door code 4471]\n---\nText": "name",
    "---\ntitle: >-\n  door code 4471\n---\nText": "name",
    "# \nText": "name",
    "Door code:\n\n# 4471\n": "name",
    "```\n# root password\n```\n": "name",
    "    # root password\n": "name",
    "> # somebody's words\n": "name",
    "<!-- # hidden -->\n": "name",
    "#hashtag only\n": "name",
    "---\n# no front matter, it never ends\n": "name",
}


def notebook(folder: Path) -> Notebook:
    return Notebook(NotesConfig(folder=folder))


@pytest.mark.parametrize(("text", "title"), TITLES.items())
def test_a_title_is_what_the_note_calls_itself_and_no_other_line_of_it(tmp_path, text, title):
    (tmp_path / "name.md").write_bytes(text.encode())
    [note] = notebook(tmp_path).notes()[0]
    assert note.title == title


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["a.md", "a.markdown", "a.txt"])
def test_a_note_is_read_in_the_encoding_that_its_program_writes(tmp_path, encoding, name):
    (tmp_path / name).write_bytes("# Chaudière\r\n\r\nvidée".encode(encoding))
    [note] = notebook(tmp_path).search("videe")[0]
    assert note.title == "Chaudière"
    assert notebook(tmp_path).read(note.id) == note


def test_a_note_is_found_by_the_name_of_its_file_and_of_its_folder(tmp_path):
    (tmp_path / "House").mkdir()
    (tmp_path / "House" / "boiler.md").write_text("# Manual\n")
    assert [note.id for note in notebook(tmp_path).search("house boiler manual")[0]] == ["House/boiler"]


def test_a_link_in_a_note_names_the_note_that_is_read_where_only_one_is_called_so(tmp_path):
    for name in ("House/Boiler.md", "House/Keys.md", "Car/Keys.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    for link in ("[[Boiler]]", "[[boiler|the boiler]]", "[[House/Boiler#Parts]]", "![[Boiler]]"):
        assert notebook(tmp_path).read(link).id == "House/Boiler"
    assert notebook(tmp_path).read("[[Car/Keys]]").id == "Car/Keys"
    for link in ("[[Keys]]", "[[../Boiler]]", "[[]]", "Boiler"):
        with pytest.raises(ToolFailure):
            notebook(tmp_path).read(link)


@pytest.mark.skipif(not CASE.is_dir(), reason="the outside case is not here (../shared/cases)")
def test_no_line_of_the_outside_notes_is_a_title(tmp_path):
    shutil.copytree(CASE, tmp_path / "notes")
    (tmp_path / "notes" / "boiler.md").write_text(
        "---\ntitle: Boiler manual\n---\n\nText", newline=os.linesep
    )
    assert {note.title for note in notebook(tmp_path / "notes").notes()[0]} == {"server", "Boiler manual"}


JOURNAL = """BEGIN:VCALENDAR
BEGIN:VJOURNAL
UID:j1
DTSTART;VALUE=DATE:20261123
SUMMARY:Boiler
DESCRIPTION:It drips\\, again.
DESCRIPTION:The plumber comes on Friday.
END:VJOURNAL
BEGIN:VJOURNAL
UID:j2
ORGANIZER:mailto:eve@example.org
SUMMARY:From Eve
END:VJOURNAL
BEGIN:VJOURNAL
UID:j3
SUMMARY:Dripping
STATUS:CANCELLED
END:VJOURNAL
END:VCALENDAR
"""


async def test_journal_entries_of_the_calendar_are_notes_and_those_of_others_are_not_trusted(tmp_path):
    home = HomeConfig.under(tmp_path)
    home.calendar.mkdir()
    (home.calendar / "diary.ics").write_text(JOURNAL)
    tools = Catalogue(builtin_tools(home))
    found = await run_tool(tools["notes.search"], {"query": "drips"}, RunLimits(call_seconds=10))
    assert isinstance(found, Succeeded)
    text = "2026-11-23\nIt drips, again.\n\nThe plumber comes on Friday."
    assert found.value == {"notes": [{"id": "journal:j1", "title": "Boiler", "text": text}]}
    assert found.records is not None
    assert [(one.store, one.path, one.doubt) for one in found.records] == [("calendar", "diary.ics", None)]
    read = await run_tool(tools["notes.read"], {"id": "journal:j2"}, RunLimits(call_seconds=10))
    assert isinstance(read, Succeeded)
    assert read.records is not None
    assert [one.doubt for one in read.records] == [INVITATION]
    everywhere = await run_tool(tools["search.everywhere"], {"query": "drips"}, RunLimits(call_seconds=10))
    assert isinstance(everywhere, Succeeded)
    assert [hit["id"] for hit in everywhere.value["hits"]] == ["journal:j1"]
    assert [one.store for one in everywhere.records or ()] == ["calendar"]

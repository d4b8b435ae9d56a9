"""What is found in each home, and what is not read, with its name and why."""

import os
from datetime import date

import pytest

from umi_edge.tools.builtin import HomeConfig
from umi_edge.tools.builtin.inventory import Holding, inventory
from umi_edge.tools.outcome import Lost
from umi_edge.tools.sample_home import make_sample_home


def found(config: HomeConfig) -> dict[str, str]:
    return {one.store: str(one) for one in inventory(config)}


def test_a_home_is_counted_store_by_store(tmp_path):
    home = make_sample_home(tmp_path, date(2026, 11, 22))
    (home.calendar / "more.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:t\nSUMMARY:Tax\nEND:VTODO\n"
        "BEGIN:VJOURNAL\nUID:j\nSUMMARY:Diary\nEND:VJOURNAL\nEND:VCALENDAR\n"
    )
    told = found(home)
    assert list(told) == ["contacts", "calendar", "mail", "notes", "files"]
    assert told["contacts"] == "12 contacts"
    assert told["calendar"].endswith(" events, 1 to-do, 1 journal entry")
    assert told["mail"].endswith(" letters in 1 folder")


def test_what_is_not_read_is_named_with_why(tmp_path):
    home = make_sample_home(tmp_path, date(2026, 11, 22))
    (home.contacts / "bad.vcf").write_bytes(b"\xff\x00")
    (home.calendar / "bad.ics").write_bytes(b"\xff\x00")
    (home.mail / "cur" / "1764000000.bad.x").write_bytes(b"\xff\x00")
    (home.notes / "bad.md").write_bytes(b"\xff\x00")
    (home.notes / "blank.md").write_bytes(b"\n")
    (home.files[0] / "long.txt").write_text("x" * 300_000)
    (home.files[0] / "picture.png").write_bytes(b"\x89PNG\x00" + bytes(300_000))
    lost = {one.store: [str(each) for each in one.lost] for one in inventory(home)}
    assert [len(each) for each in lost.values()] == [1, 1, 1, 1, 1]
    assert lost["calendar"] == ["bad.ics: it is no calendar"]
    assert lost["mail"] == ["cur/1764000000.bad.x: it is no e-mail, or cannot be read"]
    assert lost["notes"] == ["bad.md: it is no text"]
    assert lost["files"] == ["files/long.txt: more than 256 KiB in it: found by its name only"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_read_is_not_read(tmp_path):
    home = make_sample_home(tmp_path, date(2026, 11, 22))
    for folder in (home.mail / "cur", home.files[0]):
        folder.chmod(0)
    lost = {one.store: one.lost for one in inventory(home)}
    for folder in (home.mail / "cur", home.files[0]):
        folder.chmod(0o700)
    assert lost["mail"]
    assert lost["files"]


def test_folders_that_are_not_there_are_not_counted(tmp_path):
    assert found(HomeConfig.under(tmp_path / "nowhere")) == {}


def test_a_few_are_named_and_the_rest_is_counted():
    lost = tuple(Lost(f"{n}.md", "it is no text") for n in range(5))
    told = str(Holding(store="notes", counts={"notes": 1}, lost=lost))
    assert told.startswith("1 note; 5 skipped: 0.md: it is no text; 1.md")
    assert told.endswith("; and 2 more")

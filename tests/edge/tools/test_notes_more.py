"""Notes are added to and changed by their titles; which one is meant is asked, and no text becomes a title."""

from pathlib import Path

import pytest

from tests.edge.tools.test_builtin import Home, home_under
from umi_edge.tools.outcome import FailureKind


@pytest.fixture
def home(tmp_path: Path) -> Home:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "boiler.md").write_text("# Boiler\n\nPressure is 1.4 bar.\n")
    (notes / "boiler-man.md").write_text("# Boiler man\n\nCall him.\n")
    (notes / "plain.md").write_text("no heading, one line\n")
    return home_under(tmp_path, more=True)


def text(home: Home, name: str) -> str:
    return (home.config.notes / f"{name}.md").read_text()


@pytest.mark.parametrize("title", ["boiler", "Boiler", "BOILER"])
async def test_a_note_is_added_to_by_its_title_or_id(home: Home, title: str) -> None:
    assert await home.call("notes.append", title=title, text="Ask Bo.") == {"id": "boiler"}
    assert text(home, "boiler") == "# Boiler\n\nPressure is 1.4 bar.\n\nAsk Bo.\n"


async def test_what_may_mean_several_notes_changes_none(home: Home) -> None:
    (home.config.notes / "boiler-2.md").write_text("# Boiler men\n\nx\n")
    found = await home.call("notes.append", title="boiler m", text="x")
    assert [one["title"] for one in found["matches"]] == ["Boiler men", "Boiler man"]
    assert text(home, "boiler-man") == "# Boiler man\n\nCall him.\n"


async def test_no_note_is_not_found(home: Home) -> None:
    failed = await home.failure("notes.append", title="dentist", text="x")
    assert failed.kind is FailureKind.NOT_FOUND


async def test_words_are_changed_where_the_note_has_them_once(home: Home) -> None:
    assert await home.call("notes.edit", title="boiler", old="1.4 BAR", new="1.6 bar") == {"id": "boiler"}
    assert text(home, "boiler") == "# Boiler\n\nPressure is 1.6 bar.\n"
    for old in ("1.4 bar", "e"):
        failed = await home.failure("notes.edit", title="boiler", old=old, new="x")
        assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert text(home, "boiler") == "# Boiler\n\nPressure is 1.6 bar.\n"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("boiler", "Boiler", "Code 4471"),
        ("plain", "no heading", "# Secret"),
        ("plain", "no heading, one line", ""),
    ],
)
async def test_no_text_becomes_a_title(home: Home, title: str, old: str, new: str) -> None:
    before = text(home, title)
    failed = await home.failure("notes.edit", title=title, old=old, new=new)
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert text(home, title) == before


async def test_an_end_to_open_front_matter_makes_no_title(home: Home) -> None:
    (home.config.notes / "open.md").write_text("---\nfoo\n")
    failed = await home.failure("notes.append", title="open", text="title: secret\n---")
    assert failed.kind is FailureKind.INVALID_ARGUMENTS


async def test_everything_is_searched_at_once(home: Home, tmp_path: Path) -> None:
    await home.call("contacts.add", name="Ann Boiler", company="Heat Ltd")
    await home.call("calendar.create", title="Boiler check", date=f"{home_day()}", time="10:00")
    hits = (await home.call("search.everywhere", query="boiler"))["hits"]
    assert [(hit["kind"], hit["title"]) for hit in hits][:2] == [
        ("contact", "Ann Boiler"),
        ("event", "Boiler check"),
    ]
    assert [hit["kind"] for hit in hits].count("note") == 2


def home_day() -> str:
    from datetime import UTC, datetime, timedelta

    return f"{datetime.now(UTC).date() + timedelta(3)}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("add soap to the boiler man", ["Boiler man"]),  # the whole of the longest title
        ("the pressure of my boiler please", ["Boiler"]),
        ("garden chairs", []),
    ],
)
async def test_a_note_is_found_by_a_request_that_says_its_title(
    home: Home, query: str, found: list[str]
) -> None:
    there = await home.call("notes.search", query=query)
    assert [one["title"] for one in there["notes"]] == found

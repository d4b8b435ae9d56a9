"""The requests' files: what is not well formed is not read."""

from datetime import date
from pathlib import Path

import pytest

from umi_lab.natural.request_file import read_requests, split_of

GOOD = '- {id: x-001, kind: file, style: terse, ask: "how much"}\n'


def written(folder: Path, text: str, split: str = split_of("x-001")) -> Path:
    path = folder / split / "x.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return folder


def test_a_request_is_read_with_its_checks(tmp_path: Path) -> None:
    text = (
        "- {id: x-001, kind: calendar errand, style: terse, ask: [a, b], days: 2026-11-24..2026-11-26,\n"
        "   says: [one, [two, three]], not: [four], outcome: [asked, answered],\n"
        "   change: [{new: event, title: [a], start: '2026-11-24T10:00'}, {done: todo, title: b},\n"
        "            {changed: note, note: c/d, holds: [e, [f, g]]}, {new: todo, due: 2026-11-25}]}\n"
    )
    (request,) = read_requests(written(tmp_path, text))
    assert request.turns == ("a", "b")
    assert request.days == (date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 26))
    assert request.says == (("one",), ("two", "three"))
    assert request.outcomes == ("asked", "answered")
    event, todo, note, due = request.changes
    assert event.date == "2026-11-24"
    assert (todo.act, todo.done, todo.title) == ("changed", True, ("b",))
    assert (note.key, note.holds) == ("c/d", (("e",), ("f", "g")))
    assert due.due == "2026-11-25"


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("kind: file", "kind: files"),
        GOOD.replace("terse", "curt"),
        GOOD.replace("ask:", "asks:"),
        GOOD.replace("}", ", change: [{title: x}]}"),
        GOOD.replace("}", ", change: [{new: event, titel: x}]}"),
        GOOD.replace("}", ", days: tomorrow}"),
    ],
)
def test_a_mistake_is_an_error_that_names_the_request(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"x\.yaml: x-001: "):
        read_requests(written(tmp_path, text))


def test_a_request_in_the_other_halfs_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lies in the other's file"):
        read_requests(written(tmp_path, GOOD, "held-out"))

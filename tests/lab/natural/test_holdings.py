"""What changed in a home: what the real tools write is seen, what they read leaves no trace."""

from pathlib import Path
from typing import Any

import pytest

from umi_edge.tools import Catalogue, RunLimits, Succeeded, run_tool
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_lab.natural.holdings import changes, holdings
from umi_lab.natural.home import homes

HOME = next(home for home in homes() if home.name == "engineer")
LIMITS = RunLimits(call_seconds=30, result_bytes=1 << 20, result_leaves=100_000)


@pytest.fixture
def home(tmp_path: Path) -> HomeConfig:
    return HOME.copy_to(tmp_path)


async def call(home: HomeConfig, name: str, /, **arguments: Any) -> Any:
    outcome = await run_tool(Catalogue(builtin_tools(home))[name], arguments, LIMITS)
    assert isinstance(outcome, Succeeded), outcome
    return outcome.value


async def made(home: HomeConfig, name: str, /, **arguments: Any) -> list[str]:
    before = holdings(home, HOME.now)
    await call(home, name, **arguments)
    return [str(change) for change in changes(before, holdings(home, HOME.now))]


async def test_reading_changes_nothing(home: HomeConfig) -> None:
    assert await made(home, "contacts.list") == []
    assert await made(home, "calendar.list", date="2026-11-24") == []
    found = await call(home, "mail.search", query="passport")
    assert await made(home, "mail.read", id=found["messages"][0]["id"]) == []
    assert await made(home, "search.everywhere", query="seal") == []


async def test_each_write_is_one_change(home: HomeConfig) -> None:
    event = {"title": "Haircut", "date": "2026-11-27", "time": "17:30", "duration_minutes": 30}
    assert await made(home, "calendar.create", **event) == ["new event Haircut 2026-11-27T17:30"]
    sent = {"to": ["kalle.petersen@segelpost.example"], "subject": "Boat", "body": "Sunday is fine."}
    assert await made(home, "mail.send", **sent) == ["new letter kalle.petersen@segelpost.example"]
    assert await made(home, "notes.create", title="Greenhouse", text="glass") == ["new note Greenhouse"]
    (contact,) = await made(home, "contacts.add", name="Ole Sievers", phone="+49 170 5550 1")
    assert contact.startswith("new contact ")


async def test_one_occurrence_that_is_cancelled_is_one_that_is_gone(home: HomeConfig) -> None:
    listed = await call(home, "calendar.list", date="2026-11-26")
    (fencing,) = [event["id"] for event in listed["events"] if "fencing" in event["title"]]
    gone = await made(home, "calendar.cancel", id=fencing)
    assert gone == ["gone event Jule fencing practice 2026-11-26T17:00"]


async def test_a_whole_series_that_is_cancelled_is_one_change_of_many(home: HomeConfig) -> None:
    listed = await call(home, "calendar.list", date="2026-11-26")
    (fencing,) = [event["id"] for event in listed["events"] if "fencing" in event["title"]]
    before = holdings(home, HOME.now)
    await call(home, "calendar.cancel", id=fencing.partition("#")[0])
    (change,) = changes(before, holdings(home, HOME.now))
    assert change.act == "gone"
    assert change.count > 1


def test_a_letter_that_moves_and_a_file_that_is_touched_are_seen(home: HomeConfig) -> None:
    before = holdings(home, HOME.now)
    letter = next(home.mail.glob("new/*"))
    letter.rename(home.mail / "cur" / letter.name)
    (home.files[0] / "inventory/cellar.txt").write_text("empty")
    assert [change.act for change in changes(before, holdings(home, HOME.now))] == ["changed", "changed"]

"""`umi demo`, as a newcomer runs it: a real planner process, real models, a real ledger."""

import base64
import json
import mailbox
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from umi_edge.ledger import read_ledger, verify_ledger
from umi_shared.models import shipped_adapter

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

shipped = pytest.mark.skipif(
    shipped_adapter("planner") is None, reason="this build ships no trained adapters yet"
)
PRIVATE = ("Moreau", "moreau", "alice", "Paul Martin", "paul.martin", "99 00 61 72", "7395", "8820-B")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> tuple[Path, dict[str, Any]]:
    """The demo, run once: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    ran = subprocess.run(
        [sys.executable, "-m", "umi_edge", "demo", "--json", "--keep", str(folder)],
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return folder, json.loads(ran.stdout)


def test_each_task_comes_to_an_answer_or_an_honest_end(demo: tuple[Path, dict[str, Any]]) -> None:
    _, printed = demo
    assert list(printed) == ["mail", "event", "note"]
    for task in printed.values():
        assert task["ending"] in ("answered", "gave up")
        assert task["steps"] >= 1
        assert task["bytes_out"] > 0
        assert task["ledger"]["entries"] > 0


def test_no_private_value_is_in_any_message_that_left(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = demo
    messages = [entry["message"] for entry in read_ledger(folder / "ledger.jsonl") if entry["kind"] == "sent"]
    assert messages
    # Digests, signatures and messages in base64 hold "7395" now and then; the messages are looked into below.
    beside = re.sub(r"[A-Za-z0-9+/=]{60,}", "", (folder / "ledger.jsonl").read_text())
    for text in (beside, *(base64.b64decode(message).decode("utf-8", "replace") for message in messages)):
        assert not [word for word in PRIVATE if word in text]


def test_the_ledger_verifies_and_adds_up(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, printed = demo
    report = verify_ledger(folder / "ledger.jsonl")
    assert report.unsigned == 0
    assert report.sent_bytes == sum(task["bytes_out"] for task in printed.values())


def test_no_report_says_what_came_from_the_planners_cache(demo: tuple[Path, dict[str, Any]]) -> None:
    _, printed = demo
    for task in printed.values():
        assert task["tokens"]["planner"]["prompt_tokens"] > 0
        counts = {role for role, read in task["tokens"].items() if "cached_tokens" in read}
        assert counts == {"caller"}, "which is this device's own model"


@shipped
def test_with_the_shipped_adapters_all_three_tasks_succeed(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, printed = demo
    home = folder / "home"
    mails = [str(mail["To"]) for mail in mailbox.Maildir(home / "outbox", create=False)]
    assert mails == ["alice.moreau@example.org"]
    tomorrow = f"{date.today() + timedelta(days=1):%Y%m%d}"  # noqa: DTZ011  # the user's own day
    events = [path.read_text() for path in (home / "calendar").rglob("*.ics")]
    made = [event for event in events if "kitchen review" in event.lower()]
    assert len(made) == 1
    assert f"{tomorrow}T15" in made[0]
    assert any(action["result"] == "unavailable" for action in printed["note"]["actions"])
    assert "7395" in printed["note"]["text"]

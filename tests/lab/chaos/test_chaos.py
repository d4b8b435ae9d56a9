"""Sessions while things fail: a few runs of the two hundred, one of each kind of harm; and the judge itself."""

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="a shared registry is an extra: umi-runtime[postgres]")

from umi_edge.ledger import Ledger
from umi_lab.chaos.faults import Fault, faults_of
from umi_lab.chaos.laptop import EXECUTED, KEY, LEDGER, SENT, note
from umi_lab.chaos.soak import soak
from umi_lab.chaos.trial import judged, play
from umi_lab.chaos.world import world
from umi_shared.labels import PLANNER

HARM = (
    ("kill laptop", "kill front", "kill engine", "partition"),
    ("kill database", "cut", "fill disk", "partition of the database"),
)


@pytest.mark.timeout(600)
async def test_sessions_are_answered_or_say_why_not_and_nothing_runs_twice(tmp_path, postgres):
    """Two short runs in one world: to start it takes longer than they do."""
    async with world(tmp_path / "world", postgres, "chaos_test") as made:
        for seed, kinds in enumerate(HARM):
            faults = [
                Fault(kind=kind, at=0.3 + number / 2, lasts=0.5, which=seed % 2)
                for number, kind in enumerate(kinds)
            ]
            run = await play(made, seed, faults, seconds=2.0)
            assert run.wrong == (), run
            assert run.recovered_seconds is not None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A laptop's files after one message and two calls."""
    (tmp_path / LEDGER).parent.mkdir()
    ledger = Ledger.open(tmp_path / LEDGER, KEY, lambda: "now")
    ledger.append(session="s", sink=PLANNER, request_id="r", message=b"x", disclosures=())
    ledger.close()
    note(tmp_path / SENT, hashlib.sha256(b"x").hexdigest())
    for step in (1, 2):
        note(tmp_path / EXECUTED, f"s {step}")
    return tmp_path


def test_the_judge_finds_nothing_where_all_is_well(home):
    assert judged(home) == []


def test_the_judge_finds_a_call_that_ran_twice(home):
    note(home / EXECUTED, "s 2")
    assert judged(home) == ["the call of step 's 2' ran 2 times"]


@pytest.mark.parametrize("message", [b"x", b"y"])
def test_the_judge_finds_a_message_that_left_oftener_than_the_ledger_says(home, message):
    note(home / SENT, hashlib.sha256(message).hexdigest())
    (found,) = judged(home)
    assert "the ledger has" in found


def test_the_judge_finds_a_ledger_that_was_changed(home):
    lines = (home / LEDGER).read_text()
    (home / LEDGER).write_text(lines.replace('"session":"s"', '"session":"t"'))
    (found,) = judged(home)
    assert found.startswith("the ledger does not hold")


def test_seeds_give_the_same_faults_and_all_kinds_come():
    assert faults_of(3) == faults_of(3)
    kinds = {fault.kind for seed in range(60) for fault in faults_of(seed)}
    assert {kind for pair in HARM for kind in pair} <= kinds


async def test_a_soak_answers_every_session_and_tells_what_each_process_has(tmp_path, postgres):
    async with world(tmp_path / "world", postgres, "soak_test", small_disk=False) as made:
        soaked = await soak(made, 5.0)
    assert soaked.wrong == ()
    assert soaked.answered["laptop"] > 0
    assert set(soaked.memory) == set(soaked.growth) == {"laptop", "front 1", "front 2"}

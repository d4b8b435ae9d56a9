"""Sessions while things fail: a few runs of the two hundred, one of each kind of harm; and the judge itself."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="a shared registry is an extra: umi-runtime[postgres]")

from umi_edge.ledger import Ledger
from umi_lab.chaos import network, relays
from umi_lab.chaos.faults import PROCESSES, Fault, faults_of
from umi_lab.chaos.laptop import EXECUTED, KEY, LEDGER, SENT, note
from umi_lab.chaos.network import why_not
from umi_lab.chaos.soak import soak
from umi_lab.chaos.tidied import TIDIED
from umi_lab.chaos.trial import judged, play
from umi_lab.chaos.world import world, world_of_hosts
from umi_lab.daemon_process import daemon_process, embedded_caller
from umi_lab.postgres_server import binaries
from umi_shared.labels import PLANNER

HARM = (
    (("kill", "laptop"), ("kill", "front 1"), ("kill", "engine"), ("partition", "laptop")),
    (("kill", "database"), ("cut", "laptop"), ("fill disk", "laptop"), ("partition", "database")),
)
ROAMING = (
    ("new address", "laptop"),
    ("cannot hear", "front 1"),
    ("link down", "engine"),
    ("loss", "database"),
    ("kill", "front 2"),
)


def harm(kinds: Sequence[tuple[str, str]]) -> list[Fault]:
    """Short faults, one soon after the other."""
    return [
        Fault(kind=kind, where=where, at=0.3 + number / 2, lasts=0.5)
        for number, (kind, where) in enumerate(kinds)
    ]


@pytest.mark.timeout(600)
async def test_sessions_are_answered_or_say_why_not_and_nothing_runs_twice(tmp_path, postgres):
    """Two short runs in one world: to start it takes longer than they do."""
    async with world(tmp_path / "world", postgres, "chaos_test") as made:
        for seed, kinds in enumerate(HARM):
            run = await play(made, seed, harm(kinds), seconds=2.0)
            assert run.wrong == (), run
            assert run.recovered_seconds is not None


@pytest.mark.timeout(600)
async def test_so_they_do_on_hosts_of_their_own_when_the_laptop_comes_to_another_network(tmp_path):
    """What the laptop had open is dead, and nobody tells it: half a minute, of which nearly all is waiting."""
    if reason := why_not():
        pytest.skip(reason)
    if binaries() is None:
        pytest.skip("there is no PostgreSQL here: `make postgres` installs it on Debian")
    async with world_of_hosts(tmp_path / "world") as made:
        run = await play(made, 0, harm(ROAMING), seconds=2.0)
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


@pytest.mark.parametrize("net", [network.KINDS, relays.KINDS], ids=["network", "relays"])
def test_seeds_give_the_same_faults_and_all_kinds_come_everywhere(net):
    assert faults_of(3, net) == faults_of(3, net)
    drawn = {(fault.kind, fault.where) for seed in range(600) for fault in faults_of(seed, net)}
    assert drawn == {(name, where) for name, kind in {**PROCESSES, **net}.items() for where in kind.places}


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("smollm2")
async def test_a_soak_answers_every_session_and_tells_what_each_process_has(tmp_path, postgres):
    """The daemon's, too, with the embedded model: whether it grows takes longer, and is asked elsewhere."""
    async with (
        world(tmp_path / "world", postgres, "soak_test", small_disk=False, runner=TIDIED) as made,
        daemon_process(tmp_path, made.connection, embedded_caller(), TIDIED) as daemon,
    ):
        soaked = await soak(made, 8.0, daemon, warm_seconds=2.0)
    assert soaked.wrong == ()
    assert min(soaked.answered["laptop"], soaked.answered["daemon"]) > 0
    assert set(soaked.samples) == set(soaked.growth) == {"laptop", "daemon", "front 1", "front 2"}

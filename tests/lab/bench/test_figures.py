"""Figures, turns and records: what the page says is what was measured."""

import json
from dataclasses import replace

import pytest

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.page import page
from umi_lab.bench.record import Record, read_records
from umi_lab.bench.rounds import interleaved_rounds, ratios
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.surroundings import Surroundings, Watch
from umi_shared.errors import ConfigError

SLOW = Figure(
    title="a call", goal=Goal(5, "x", least=True), value=Spread.of([4, 2, 3]), repeats=3, profile="It waits."
)
TOLD = Figure(title="a delay", goal=None, unit="ms", value=Spread.of([7.0]), repeats=1)
QUIET = Surroundings(seconds=3, load_before=0.1, load_after=0.2, busy_others=0, cores_of_others=0)
BUSY = Surroundings(seconds=3, load_before=9, load_after=9, busy_others=4, cores_of_others=1.9)


def record(name: str = "calls", around: Surroundings = QUIET) -> Record:
    outcome = Outcome(figures=[SLOW, TOLD], details={"rows": [1]}, notes=["a peer was missing"])
    return Record.of(name, outcome, Setting(), around, "2026-06-01T00:00+00:00")


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal(5, "x", least=True), 5, True),
        (Goal(5, "x", least=True), 4.99, False),
        (Goal(3, "%"), 3, True),
        (Goal(3, "%"), 3.01, False),
    ],
)
def test_a_goal_is_met_at_its_bound_and_not_beyond(goal, value, met):
    assert goal.met(value) is met


async def test_contenders_take_turns_in_both_orders_on_the_same_input():
    seen = []

    def contender(name):
        async def run(turn):
            seen.append((turn, name))
            return float(turn + 1) * (2 if name == "b" else 1)

        return run

    rounds = await interleaved_rounds({"a": contender("a"), "b": contender("b")}, rounds=2, warm_up=1)
    assert seen == [(0, "a"), (0, "b"), (1, "b"), (1, "a"), (2, "a"), (2, "b")]
    assert ratios(rounds, "b", "a") == [2.0, 2.0]


@pytest.mark.parametrize(("seconds", "kept"), [(0.0, 3), (600.0, 6)])
async def test_time_ends_the_rounds_once_there_are_three(seconds, kept):
    async def run(turn):
        return float(turn)

    rounds = await interleaved_rounds({"a": run}, rounds=6, warm_up=1, seconds=seconds)
    assert [one["a"] for one in rounds] == [float(turn) for turn in range(1, kept + 1)]


@pytest.mark.model
def test_a_record_is_read_as_it_was_written(smollm2, tmp_path):
    kept = record()
    kept.write(tmp_path)
    assert read_records(tmp_path) == [kept]
    recipe = json.loads((tmp_path / "calls.json").read_text())["recipe"]
    assert recipe["model"] == smollm2.name
    assert {"command", "machine", "commit", "when", "versions"} <= set(recipe)


def test_a_file_that_is_no_record_is_named(tmp_path):
    (tmp_path / "calls.json").write_text('{"figures": 1}')
    with pytest.raises(ConfigError, match=r"calls\.json is not a record"):
        read_records(tmp_path)


@pytest.mark.model
@pytest.mark.usefixtures("smollm2")
def test_the_page_shows_what_was_not_met_and_why_and_whether_others_were_busy(tmp_path):
    text = page([record("start", BUSY), record()], ["calls", "start"], tmp_path)
    assert text.index("## calls") < text.index("## start")
    assert "| [a call](#calls) | at least 5x | 3x (2 to 4) | **no** |" in text
    assert "Not met: a call. It waits." in text
    assert "- a delay: 7 ms" in text
    assert "a peer was missing" in text
    assert text.count("Others were busy") == 1


@pytest.mark.model
@pytest.mark.usefixtures("smollm2")
def test_a_reason_that_two_figures_share_is_given_once(tmp_path):
    both = replace(record(), figures=(SLOW, replace(SLOW, title="another call")))
    text = page([both], ["calls"], tmp_path)
    assert text.count("It waits.") == 1
    assert "Not met: a call; another call. It waits." in text


def test_a_busy_process_of_others_is_counted_and_ones_own_is_not():
    watch = Watch()
    watch._before = {key: spent - 10.0 for key, spent in watch._before.items()}  # as if each had worked since
    around = watch.look()
    assert around.busy_others == len(watch._before) > 0
    assert not around.quiet

"""`natural`: which requests are played, what is kept, and what is shown."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from umi_lab.closed_loop.harness import HarnessConfig
from umi_lab.closed_loop.worker_pool import Played
from umi_lab.commands.natural import command
from umi_lab.natural.figures import shares
from umi_lab.natural.request_file import read_requests
from umi_lab.natural.request_job import RequestJob
from umi_shared.errors import ConfigError

REQUESTS = read_requests()


def job(**more: Any) -> RequestJob:
    return RequestJob(harness=HarnessConfig(model=Path("none.gguf")), **more)


def row(number: int, **verdict: Any) -> dict[str, Any]:
    request = REQUESTS[number]
    good = {
        "ended": "answered",
        "right_end": True,
        "lacks": [],
        "says_wrongly": [],
        "not_done": [],
        "unasked": [],
        "wrong_day": False,
        "words": 12,
        "success": True,
        "false_claim": False,
    }
    shown = {"id": request.id, "home": request.home, "kind": request.kind, "style": request.style}
    return {"number": number, **shown, "outcomes": list(request.outcomes), "verdict": good | verdict}


def test_a_sample_is_of_its_half_home_and_kind_and_grows_with_its_limit() -> None:
    chosen = job(split="held-out", home="lawyer", kind="reading").chosen()
    assert chosen
    assert all(
        (one.split, one.home, one.kind) == ("held-out", "lawyer", "reading") for one in chosen.values()
    )
    assert all(REQUESTS[number] == one for number, one in chosen.items())
    few, more = list(job(limit=5).chosen()), list(job(limit=9).chosen())
    assert more[:5] == few
    assert len(more) == 9
    assert list(job(seed=2, limit=9).chosen()) != more
    assert sorted(number for group in job(limit=9).groups() for number in group) == sorted(more)


def test_both_halves_are_the_whole_set() -> None:
    halves = [set(job(split=split).chosen()) for split in ("development", "held-out")]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == set(range(len(REQUESTS)))


def test_figures_count_by_kind_and_say_what_did_harm() -> None:
    rows = [
        row(0),
        row(1, success=False, unasked=["new letter"], false_claim=True),
        row(2, success=False, wrong_day=True),
        row(3, success=False, ended="gave up", right_end=False),
    ]
    figures = shares(rows)
    assert (figures["success"].part, figures["success"].whole) == (1, 4)
    assert figures["something was changed that nobody asked for"].part == 1
    assert figures["an event or a list on a day that was not meant"].part == 1
    assert figures["answered, though it was not done"].part == 1
    assert figures["gave up on what can be done"].part == 1
    assert sum(share.whole for name, share in figures.items() if name.startswith("success, kind ")) == 4


def test_an_answer_that_is_a_whole_text_is_counted_apart() -> None:
    reading = [number for number, request in enumerate(REQUESTS) if request.kind == "reading"][:2]
    figures = shares([row(reading[0], words=20), row(reading[1], words=400)])
    (short,) = [share for name, share in figures.items() if "inside of a text" in name]
    assert (figures["success"].part, short.part, short.whole) == (2, 1, 2)


def test_the_command_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smollm2: Path
) -> None:
    """A larger sample plays only what is new in it, and each figure is of the sample that was asked for."""
    seen: list[int] = []

    def run(job: RequestJob, *, processes: int, done: Iterable[int]) -> Iterator[Played]:
        for number in set(job.chosen()) - set(done):
            seen.append(number)
            yield Played(number, (row(number),))

    monkeypatch.setattr("umi_lab.closed_loop.worker_pool.run", run)
    out = ["--out", str(tmp_path / "rows.jsonl"), "--json", "--model", str(smollm2)]
    small, large, again = (
        CliRunner().invoke(command, ["--limit", limit, *out], catch_exceptions=False)
        for limit in ("3", "5", "3")
    )
    assert len(seen) == len(set(seen)) == 5
    assert [json.loads(one.stdout)["requests"] for one in (small, large, again)] == [3, 5, 3]
    assert json.loads(small.stdout) == json.loads(again.stdout)


def test_requests_can_be_named() -> None:
    named = [one for one in REQUESTS if one.split == "development"][3:6]
    chosen = job(ids=frozenset(one.id for one in named)).chosen()
    assert sorted(one.id for one in chosen.values()) == sorted(one.id for one in named)


def test_a_row_is_known_by_its_request_when_the_set_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smollm2: Path
) -> None:
    played: list[str] = []

    def run(job: RequestJob, *, processes: int, done: Iterable[int]) -> Iterator[Played]:
        for number in set(job.chosen()) - set(done):
            played.append(REQUESTS[number].id)
            yield Played(number, (row(number),))

    monkeypatch.setattr("umi_lab.closed_loop.worker_pool.run", run)
    out = tmp_path / "rows.jsonl"
    asked = ["--limit", "4", "--json", "--out", str(out), "--model", str(smollm2)]
    CliRunner().invoke(command, asked, catch_exceptions=False)
    header, *rows = map(json.loads, out.read_text().splitlines())
    moved = [one | {"number": one["number"] + 1} for one in rows]
    out.write_text("".join(json.dumps(one) + "\n" for one in (header, *moved)))
    result = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert len(played) == len(set(played)) == json.loads(result.stdout)["requests"] == 4


def test_a_home_or_kind_that_is_not_there_is_an_error(smollm2: Path) -> None:
    result = CliRunner().invoke(command, ["--home", "baker", "--model", str(smollm2)])
    assert isinstance(result.exception, ConfigError)
    assert "shopkeeper" in result.exception.fix


@pytest.mark.model
@pytest.mark.timeout(600)
def test_three_requests_are_played_by_the_embedded_models(tmp_path: Path, smollm2: Path) -> None:
    out = tmp_path / "rows.jsonl"
    arguments = ["--limit", "3", "--jobs", "1", "--out", str(out), "--json"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert json.loads(result.stdout)["requests"] == 3
    rows = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    assert {one["split"] for one in rows} == {"development"}
    assert all(one["verdict"]["ended"] in ("answered", "asked", "gave up", "stopped") for one in rows)
    assert all(one["transcript"]["told"] for one in rows)

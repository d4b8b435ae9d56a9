"""The fleet's measurement, on a fleet of a dozen; and the parts that decide by themselves."""

import asyncio
from dataclasses import replace

import pytest

pytest.importorskip("psycopg", reason="a shared registry is an extra: umi-runtime[postgres]")

from umi_lab.fleet.card import H100, PLAN, Card, CardEngine
from umi_lab.fleet.crowd import PlanTiming
from umi_lab.fleet.report import draw_growth, measure
from umi_lab.fleet.trial import FleetSize, revocation_seconds
from umi_shared.engine import Delta, Finished, Generation, RawPrompt


async def test_a_fleet_is_measured_from_the_registry_to_the_plot(tmp_path, postgres):
    """Two fronts, four processes of laptops: every plan is had, the revoked are shut out, and the figures are there."""
    report = await measure(
        FleetSize(enrolled=40, at_once=12, fronts=2, running=64),
        tmp_path / "fleet",
        postgres,
        seconds=1.0,
        think_seconds=0.1,
        profile=True,
    )
    assert set(report.whole.outcomes) == {"ok", "CERTIFICATE_REVOKED"}
    assert set(report.front.outcomes) == set(report.echo.outcomes) == {"ok"}
    assert report.whole.revocation_seconds is not None
    assert report.whole.revocation_seconds < 1
    assert all(front.plans > 0 and front.cpu_seconds > 0 for front in report.whole.fronts)
    assert report.whole.fairness > 0.8
    assert report.front.median_seconds > H100.plan_seconds(8)
    assert "call_groups" in report.profile or "cumulative" in report.profile or "tottime" in report.profile
    report = replace(report, growth=((4, report.front), (40, report.whole)))
    draw_growth(report, tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").read_text().startswith("<?xml")
    assert report.as_json()["growth"][0]["enrolled"] == 4


async def test_the_engine_writes_whole_plans_at_the_cards_pace():
    engine = CardEngine(Card({1: 100.0, 4: 100.0}))

    async def plan() -> tuple[str, float]:
        began = asyncio.get_running_loop().time()
        said = [chunk async for chunk in engine.generate(Generation(prompt=RawPrompt("x")))]
        assert isinstance(said[-1], Finished)
        text = "".join(chunk.text for chunk in said if isinstance(chunk, Delta))
        return text, asyncio.get_running_loop().time() - began

    texts, seconds = zip(*await asyncio.gather(*(plan() for _ in range(8))), strict=True)
    assert set(texts) == {PLAN}
    assert min(seconds) >= 0.039
    assert max(seconds) >= 0.078  # the batch holds four
    assert engine.running == 0


def test_a_revocation_counts_the_calls_that_ran_then_and_what_was_given_later():
    def row(laptop: int, began: float, seconds: float, outcome: str) -> PlanTiming:
        return PlanTiming(laptop=laptop, front=0, began=began, seconds=seconds, refusals=0, outcome=outcome)

    rows = [
        row(1, 0.0, 1.2, "CERTIFICATE_REVOKED"),
        row(1, 5.0, 0.1, "CERTIFICATE_REVOKED"),
        row(2, 0.0, 9.0, "ok"),
    ]
    assert revocation_seconds(rows, {1: 1.0}) == pytest.approx(0.2)
    assert revocation_seconds([*rows, row(1, 3.0, 0.5, "ok")], {1: 1.0}) == pytest.approx(2.5)

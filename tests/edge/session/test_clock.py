"""The models are told what day it is, and no more of it than the policy says."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from tests.end_to_end.harness import NOW, plan, world
from umi_edge.policy import load_policy
from umi_edge.session.clock import clock_entry
from umi_edge.session.events import ClockTold
from umi_shared.dialects import dialect_named
from umi_shared.engine import RawPrompt
from umi_shared.transcript import Clock, Instruction, ToolCard, View

MORNING = datetime(2026, 11, 27, 9, 5, tzinfo=ZoneInfo("Europe/Berlin"))
CARD = ToolCard(name="mail.read", description=("Read.",), input_schema={"type": "object"})


@pytest.mark.parametrize(
    ("word", "now", "told"),
    [
        ("date", MORNING, "Friday, 2026-11-27"),
        ("full", MORNING, "Friday, 2026-11-27, 09:05, Europe/Berlin"),
        ("full", MORNING.astimezone(timezone(timedelta(hours=-3.5))), "Friday, 2026-11-27, 04:35, UTC-03:30"),
        ("hidden", MORNING, None),
    ],
)
def test_the_policy_says_what_is_told(word: str, now: datetime, told: str | None) -> None:
    entry = clock_entry(now, load_policy(f"version: 1\nclock: {word}"))
    assert (entry.text[0].clear if entry else None) == told


def test_without_a_word_of_the_policy_it_is_the_day() -> None:
    entry = clock_entry(MORNING, load_policy("version: 1"))
    assert entry is not None
    assert entry.text[0].clear == "Friday, 2026-11-27"
    assert entry.text[0].rule.endswith("clock: date")


@pytest.mark.parametrize("dialect", ["umi", "chat", "alpha-umi"])
def test_planner_and_caller_read_it_before_the_request(dialect: str) -> None:
    view = View(catalogue=(CARD,), entries=(Clock(("Friday, 2026-11-27",)), Instruction(("What is on?",))))
    one = dialect_named(dialect)
    for made in (one.plan(view), one.call(view)):
        prompt = made.prompt
        text = prompt.text if isinstance(prompt, RawPrompt) else "\n".join(m.content for m in prompt.messages)
        assert 0 < text.index("Friday, 2026-11-27") < text.index("What is on?")


def test_the_small_summarizer_goes_on_where_the_planner_has_read() -> None:
    view = View(catalogue=(CARD,), entries=(Clock(("Friday, 2026-11-27",)), Instruction(("What is on?",))))
    plan, answer = (
        turn.prompt for turn in (dialect_named("umi").plan(view), dialect_named("umi").answer(view))
    )
    assert isinstance(plan, RawPrompt)
    assert isinstance(answer, RawPrompt)
    assert answer.text.startswith(plan.text.removesuffix("planner\n"))


async def test_a_session_is_told_again_only_when_the_day_has_changed(tmp_path) -> None:
    days = iter([NOW, NOW + timedelta(hours=3), NOW + timedelta(days=1)])
    plans = [text for _ in range(3) for text in (plan("Done.", "summarizer"), "Yes.")]
    async with world(tmp_path, plans=plans) as w:
        w.session.now = lambda: next(days)
        for _ in range(3):
            await w.session.ask("Well?")
    assert [event.text[0].clear for event in w.of(ClockTold)] == ["Monday, 2026-06-01", "Tuesday, 2026-06-02"]
    kinds = [entry.WhichOneof("entry") for entry in w.plan_requests()[-1].view.entries]
    assert [kind for kind in kinds if kind in ("clock", "instruction")] == [
        "clock", "instruction", "instruction", "clock", "instruction",
    ]  # fmt: skip
    assert any("clock: date" in rule for sent in w.recorded for rule in map(str, sent["clearances"]))


async def test_hidden_puts_no_date_on_the_wire(tmp_path) -> None:
    plans = [plan("Done.", "summarizer"), "Yes."]
    async with world(tmp_path, plans=plans, policy="clock: hidden") as w:
        await w.session.ask("Well?")
    assert b"2026-06-01" not in w.capture.bytes_out
    assert w.of(ClockTold) == []


async def test_a_kept_value_that_is_today_does_not_stop_a_session(tmp_path) -> None:
    policy = 'detect: [{type: date_of_birth, values: ["2026-06-01"]}]'
    plans = [plan("Done.", "summarizer"), "Yes."]
    async with world(tmp_path, plans=plans, policy=policy) as w:
        await w.session.ask("I was born on 2026-06-01.")
    assert "<date_of_birth:1>" in w.prompts[0]


def test_the_clocks_zone_is_the_one_it_is_given() -> None:
    entry = clock_entry(datetime(2026, 11, 27, 23, 30, tzinfo=UTC), load_policy("version: 1\nclock: full"))
    assert entry is not None
    assert entry.text[0].clear == "Friday, 2026-11-27, 23:30, UTC+00:00"

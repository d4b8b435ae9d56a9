"""Live: each reader's view of what a conversation does, with values in place and exactly as they saw it."""

import asyncio
from typing import Any

from umi_edge.doors.live import Live
from umi_edge.doors.step import YOU, Happened, Step, plainly
from umi_edge.labelling.text import Span
from umi_edge.labelling.vault import INSTRUCTION, Vault
from umi_edge.session.events import (
    Answered,
    AnswerStreamed,
    Ended,
    Event,
    Instructed,
    Observed,
    Planned,
    PlanStarted,
    RationaleStreamed,
)
from umi_edge.tools import Failed, FailureKind, Succeeded
from umi_shared.labels import PUBLIC, SUMMARIZER, Integrity, Label, Locality
from umi_shared.transcript import Next, Usage

CANARY = "bea@northwind.example"
STAYS = Label.at(Locality.HANDLE, Integrity.TRUSTED)
FOR_SUMMARIZER = Label.at(Locality.SUMMARIZER, Integrity.TRUSTED)


def watched(*events: Event, vault: Vault | None = None, live: Live | None = None) -> Live:
    live = live or Live()
    observe = live.observer("c1", "chat", title="Write to Bea")(vault or Vault())
    for event in events:
        observe(event)
    return live


def only(live: Live, kind: str) -> Step:
    [step] = [step for step in live.steps() if step.what.kind == kind]
    return step


def forms(step: Step, reader: str) -> tuple[str, str]:
    """What a reader saw: as they saw it, and with values in place."""
    [seen] = [one for one in step.what.seen if one.reader == reader]
    return "".join(p.shown for p in seen.pieces), "".join(p.value for p in seen.pieces)


def secret(vault: Vault, label: Label = STAYS) -> Span:
    handle = vault.keep(CANARY, type="email", label=label, origin=INSTRUCTION)
    return Span(CANARY, (handle,), label, "detector")


def clear(text: str) -> Span:
    return Span(text, (text,), PUBLIC, "default")


def test_each_reader_has_a_view_of_its_own():
    vault = Vault()
    text = (clear("Write to "), secret(vault, FOR_SUMMARIZER), clear(" now"))
    step = only(watched(Instructed(text), vault=vault), "instruction")
    assert (step.conversation, step.door, step.what.by) == ("c1", "chat", YOU)
    assert forms(step, "planner") == ("Write to <email:1> now", f"Write to {CANARY} now")
    assert forms(step, SUMMARIZER) == (f"Write to {CANARY} now", f"Write to {CANARY} now")
    [planner, summarizer] = step.what.seen
    assert [piece.stayed for piece in planner.pieces] == [False, True, False]
    assert not any(piece.stayed for piece in summarizer.pieces)


def test_the_tool_is_a_reader_too():
    vault = Vault()
    result = Observed(
        tool="mail.send",
        outcome=Succeeded({"sent": True}, 0.1),
        observation=(clear('{"sent":true}'),),
        given={"to": [CANARY]},
    )
    step = only(watched(result, vault=vault), "result")
    assert forms(step, "tool:mail.send") == (f'{{"to": ["{CANARY}"]}}',) * 2
    assert forms(step, "planner")[0] == '{"sent":true}'


def test_a_failure_is_told_with_its_words():
    failed = Failed(FailureKind.NOT_FOUND, "no such box", 0.1)
    step = only(watched(Observed(tool="box.open", outcome=failed, observation=())), "failure")
    assert step.what.words == "not-found: no such box"


def test_handles_in_what_the_planner_writes_have_their_values_beside_them():
    vault = Vault()
    secret(vault)
    live = watched(PlanStarted(1), RationaleStreamed("To <email:1>, not <email:7>"), vault=vault)
    shown = forms(only(live, "rationale"), "planner")
    assert shown == ("To <email:1>, not <email:7>", f"To {CANARY}, not <email:7>")


def test_a_plan_takes_the_place_of_the_rationale_it_was_streamed_as():
    vault = Vault()
    planned = Planned(
        step=1, rationale=(clear("To look."),), next=Next.CALLER, tool="box.open", usage=Usage()
    )
    live = watched(PlanStarted(1), RationaleStreamed("To "), RationaleStreamed("look."), planned, vault=vault)
    assert [step.what.kind for step in live.steps()] == ["begun", "step", "plan"]


def test_nothing_private_is_in_a_repr():
    vault = Vault()
    live = watched(Instructed((secret(vault),)), AnswerStreamed(CANARY), vault=vault)
    assert CANARY not in repr(live) + repr(live.steps())
    assert "Write to Bea" not in repr(live.steps())


def test_other_observers_go_on_being_told():
    told: list[Any] = []
    live = Live()
    observe = live.observer("c1", "ask", then=lambda _: told.append)(Vault())
    observe(PlanStarted(1))
    assert told == [PlanStarted(1)]


def test_a_conversation_that_did_not_tell_of_its_end_is_concluded():
    live = watched(PlanStarted(1))
    live.conclude("c1", "chat")
    live.conclude("c1", "chat")
    assert [step.what.kind for step in live.steps()] == ["begun", "step", "ended"]
    well = watched(PlanStarted(1), Ended(Answered("Yes.")))
    well.conclude("c1", "chat")
    assert only(well, "ended").what.words == "answered"


def test_the_oldest_steps_are_forgotten():
    live = Live(most_steps=3)
    for number in range(5):
        live.add("c1", "chat", Happened(kind="step", words=str(number)))
    assert [step.what.words for step in live.steps()] == ["2", "3", "4"]
    assert [step.what.words for step in live.steps(after=4)] == ["4"]


def test_there_is_a_bound_on_all_that_is_kept():
    live = Live(most_characters=1000)
    for _ in range(50):
        live.add("c1", "chat", Happened(kind="answer", seen=(plainly("x" * 100, YOU),)))
    assert sum(step.what.characters for step in live.steps()) <= 1000
    live.add("c1", "chat", Happened(kind="answer", words="x" * 5000))
    assert live.steps() == ()


def test_a_long_text_is_cut():
    seen = plainly("x" * 1_000_000, YOU)
    assert len("".join(piece.shown for piece in seen.pieces)) < 30_000


async def test_whoever_subscribes_has_all_steps_and_then_each_as_it_comes():
    live = watched(PlanStarted(1))
    steps = live.subscribe()
    assert (await anext(steps)).what.kind == "begun"
    assert live.readers == 1
    assert (await anext(steps)).what.kind == "step"
    coming = asyncio.ensure_future(anext(steps))
    await asyncio.sleep(0)
    live.add("c2", "gateway", Happened(kind="call"))
    assert (await asyncio.wait_for(coming, 5)).conversation == "c2"
    await steps.aclose()
    assert live.readers == 0
    later = live.subscribe(after=2)
    assert (await anext(later)).number == 3
    await later.aclose()


async def test_a_slow_reader_misses_what_was_forgotten_and_nothing_else():
    live = Live(most_steps=2)
    live.add("c1", "chat", Happened(kind="step", words="0"))
    steps = live.subscribe()
    assert (await anext(steps)).what.words == "0"
    for number in range(1, 6):
        live.add("c1", "chat", Happened(kind="step", words=str(number)))
    assert [(await anext(steps)).what.words for _ in range(2)] == ["4", "5"]
    await steps.aclose()

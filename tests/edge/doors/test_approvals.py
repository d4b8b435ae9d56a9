"""Approvals: every door's questions wait in one place, and each is decided once, about the values that were shown."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

import pytest

from umi_edge.doors.approvals import Approvals, Decided, Kind, NotDecided, Reply, Waiting, Why
from umi_edge.egress.cloud_client import Outbound
from umi_edge.session.consent import AnswersQuestions, ConsentRequest
from umi_edge.tools.running_call import QuestionField, ServerQuestion
from umi_shared.labels import PLANNER
from umi_shared.transcript import View

CANARY = "bea@northwind.example"
CALL = ConsentRequest(
    tool="mail.send", arguments={"to": [CANARY], "body": "Hi"}, reasons=("always",), leaves_device=True
)
MESSAGE = Outbound(
    sink=PLANNER,
    peer="the planner",
    request_id="r1",
    view=View(catalogue=(), entries=(), may_ask=False),
    padding_bytes=0,
    message=b"hello",
    sha256="0" * 64,
)
SEATS = QuestionField(name="seats", title="Seats", kind="integer", required=True, schema={"type": "integer"})
WHICH = f"Do you mean {CANARY}?"
QUESTION = ServerQuestion(server="tables", message="How many?", fields=(SEATS,))


@asynccontextmanager
async def asked(
    approvals: Approvals, ask: Callable[[], object], *, answerer: bool = True
) -> AsyncIterator[tuple[Waiting, "asyncio.Task[object]"]]:
    """A question that waits, and the task that asked it."""
    with approvals.answerer("page", "on the page") if answerer else nullcontext():
        task: asyncio.Task[object] = asyncio.create_task(ask())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        [waiting] = approvals.waiting()
        yield waiting, task
        task.cancel()
        await asyncio.wait([task])


async def test_a_question_waits_until_it_is_decided():
    approvals = Approvals()
    questions = approvals.of("c1", "chat")
    async with asked(approvals, lambda: questions.approve(CALL)) as (waiting, task):
        assert (waiting.kind, waiting.conversation, waiting.door) == (Kind.CALL, "c1", "chat")
        assert waiting.request is CALL
        assert not task.done()
        decided = approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
        assert decided == Decided(id=waiting.id, approved=True, by="page", mine=True)
        assert await task is True
        assert approvals.waiting() == ()


async def test_the_first_decision_holds_and_the_second_is_told_of_it():
    approvals = Approvals()
    async with asked(approvals, lambda: approvals.of("c1", "chat").approve(CALL)) as (waiting, task):
        approvals.decide(waiting.id, waiting.digest, reply=False, by="terminal")
        for _ in range(2):  # also once the run has gone on
            second = approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
            assert second == Decided(id=waiting.id, approved=False, by="terminal", mine=False)
            assert await task is False


async def test_where_nobody_can_be_asked_the_answer_is_no_at_once():
    approvals = Approvals()
    assert await approvals.of("c1", "chat").approve(CALL) is False
    assert await approvals.of("c1", "chat").answer(QUESTION) is None
    with approvals.answerer("ask", "in the terminal of umi ask", conversation="another"):
        assert approvals.of("c1", "chat").where == ""
        assert await approvals.of("c1", "chat").approve(CALL) is False


async def test_a_decision_is_about_the_values_that_were_shown():
    approvals = Approvals()
    changed = replace(CALL, arguments={"to": ["mallory@evil.example"], "body": "Hi"})
    async with asked(approvals, lambda: approvals.of("c1", "chat").approve(CALL)) as (waiting, task):
        other = asyncio.create_task(approvals.of("c1", "chat").approve(changed))
        await asyncio.sleep(0)
        [_, second] = approvals.waiting()
        assert second.digest != waiting.digest
        assert approvals.decide(second.id, waiting.digest, reply=True, by="page") == NotDecided(
            Why.OTHER_VALUES
        )
        assert approvals.decide("unknown", waiting.digest, reply=True, by="page") == NotDecided(Why.UNKNOWN)
        assert not task.done()
        assert not other.done()
        approvals.decide(second.id, second.digest, reply=False, by="page")
        assert await other is False


@pytest.mark.parametrize("part", ["tool", "arguments", "reasons", "question", "leaves_device", "provenance"])
async def test_each_part_of_a_call_is_in_its_digest(part):
    approvals = Approvals()
    other = {"leaves_device": False, "reasons": ("other",), "arguments": {"to": []}}.get(part, "other")
    if part == "provenance":
        other = {}
    changed = replace(CALL, **{part: other})
    digests = []
    for request in (CALL, changed):
        async with asked(approvals, lambda one=request: approvals.of("c", "chat").approve(one)) as (
            waiting,
            _,
        ):
            digests.append(waiting.digest)
    assert (digests[0] == digests[1]) == (changed == CALL)


async def test_digests_tell_nothing_outside_this_process():
    digests = []
    for _ in range(2):
        approvals = Approvals()
        async with asked(approvals, lambda one=approvals: one.of("c", "chat").approve(CALL)) as (waiting, _):
            digests.append(waiting.digest)
    assert digests[0] != digests[1]


async def test_nothing_private_is_in_a_repr():
    approvals = Approvals()
    async with asked(approvals, lambda: approvals.of("c1", "chat").approve(CALL)) as (waiting, _):
        assert CANARY not in repr(waiting) + repr(approvals) + repr(approvals.of("c1", "chat"))
        assert waiting.digest not in repr(waiting)


async def test_a_run_that_ends_takes_its_question_away():
    approvals = Approvals()
    async with asked(approvals, lambda: approvals.of("c1", "chat").approve(CALL)) as (waiting, task):
        over = asyncio.create_task(approvals.over(waiting.id))
        task.cancel()
        late = approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
        assert isinstance(late, Decided) or late == NotDecided(Why.UNKNOWN)
        await asyncio.wait([task])
        assert approvals.waiting() == ()
        assert await over is (approvals.decided(waiting.id))


async def test_a_stopped_run_is_not_said_to_be_approved():
    approvals = Approvals()
    async with asked(approvals, lambda: approvals.of("c1", "chat").approve(CALL)) as (waiting, task):
        task.cancel()
        await asyncio.wait([task])
        assert approvals.decide(waiting.id, waiting.digest, reply=True, by="page") == NotDecided(Why.UNKNOWN)
        assert await approvals.over(waiting.id) is None


async def test_a_question_that_is_left_alone_is_declined_after_a_while():
    approvals = Approvals(alone_seconds=0.01)
    with approvals.answerer("page", "on the page"):
        task = asyncio.create_task(approvals.of("c1", "chat").approve(CALL))
        await asyncio.sleep(0)
        [waiting] = approvals.waiting()
    assert not task.done()
    assert await asyncio.wait_for(task, 10) is False
    assert approvals.decided(waiting.id) == Decided(id=waiting.id, approved=False, by="nobody")


async def test_a_page_that_is_loaded_again_finds_its_question():
    approvals = Approvals(alone_seconds=0.01)
    with approvals.answerer("page", "on the page"):
        task = asyncio.create_task(approvals.of("c1", "chat").approve(CALL))
        await asyncio.sleep(0)
    with approvals.answerer("page", "on the page"):
        await asyncio.sleep(0.05)
        [waiting] = approvals.waiting()
        approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
        assert await task is True


async def test_a_message_and_a_server_s_question_wait_as_calls_do():
    approvals = Approvals()
    questions = approvals.of("c1", "chat")
    assert isinstance(questions, AnswersQuestions)
    async with asked(approvals, lambda: questions.approve(MESSAGE)) as (waiting, task):
        assert waiting.kind is Kind.MESSAGE
        approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
        assert await task is True
    async with asked(approvals, lambda: questions.answer(QUESTION)) as (waiting, task):
        assert waiting.kind is Kind.QUESTION
        approvals.decide(waiting.id, waiting.digest, {"seats": 4}, by="page")
        assert await task == {"seats": 4}


@pytest.mark.parametrize(("given", "said"), [("the second", "the second"), (False, "")])
async def test_a_planners_question_waits_for_words_and_a_no_is_none(given: Reply, said):
    approvals = Approvals()
    async with asked(approvals, lambda: approvals.of("c1", "ask").reply(WHICH)) as (waiting, task):
        assert waiting.kind is Kind.REPLY
        assert CANARY not in repr(waiting.request)
        approvals.decide(waiting.id, waiting.digest, given, by="page")
        assert await task == said
    assert await approvals.of("c1", "ask").reply(WHICH) == ""  # nobody is there any more


@pytest.mark.parametrize(
    ("ask", "reply"),
    [
        ("call", {"seats": 4}),
        ("question", True),
        ("question", {}),
        ("question", {"seats": "four"}),
        ("question", {"seats": 4, "more": 1}),
        ("question", "four"),
        ("call", "yes"),
        ("reply", True),
        ("reply", {"reply": "the second"}),
        ("reply", " "),
        ("reply", "x" * 20_001),
    ],
)
async def test_a_reply_that_does_not_fit_decides_nothing(ask, reply: Reply):
    approvals = Approvals()
    questions = approvals.of("c1", "chat")

    def put() -> object:
        match ask:
            case "call":
                return questions.approve(CALL)
            case "question":
                return questions.answer(QUESTION)
        return questions.reply(WHICH)

    async with asked(approvals, put) as (waiting, task):
        assert approvals.decide(waiting.id, waiting.digest, reply, by="page") == NotDecided(Why.UNFIT)
        assert not task.done()


async def test_more_questions_than_anybody_reads_are_declined():
    approvals = Approvals()
    with approvals.answerer("page", "on the page"):
        tasks = [asyncio.create_task(approvals.of(f"c{n}", "chat").approve(CALL)) for n in range(65)]
        await asyncio.sleep(0)
        assert len(approvals.waiting()) == 64
        assert await tasks[-1] is False
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_whoever_subscribes_sees_each_change():
    approvals = Approvals()
    changes = approvals.subscribe()
    assert await anext(changes) == ()
    async with asked(approvals, lambda: approvals.of("c1", "chat").approve(CALL)) as (waiting, task):
        assert await asyncio.wait_for(anext(changes), 5) == (waiting,)
        approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
        assert await asyncio.wait_for(anext(changes), 5) == ()
        await task
    await changes.aclose()


@pytest.mark.parametrize(("preview", "questions"), [("never", 0), ("first", 1), ("always", 2)])
async def test_messages_are_shown_as_often_as_the_configuration_wants(preview, questions):
    approvals = Approvals()
    approver = approvals.of("c1", "chat").approver(preview)
    asked = 0
    with approvals.answerer("page", "on the page"):
        for _ in range(2):
            if approver is None:
                continue
            task = asyncio.create_task(approver.approve(MESSAGE))
            await asyncio.sleep(0)
            for waiting in approvals.waiting():
                asked += 1
                approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
            assert await task is True
    assert asked == questions

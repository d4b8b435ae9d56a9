"""What the page follows, and what it decides: over real HTTP, with real sessions that wait for an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.end_to_end.harness import chat_plan, chat_question
from tests.end_to_end.page.served import MAIL, ServedPage, served_page
from tests.end_to_end.test_session_flows import MAIL_CALLS, MAIL_PLANS
from umi_edge.doors.approvals import Approvals
from umi_edge.egress.cloud_client import Outbound
from umi_edge.session.consent import ConsentRequest, DecidedBy, Provenance
from umi_edge.session.events import Answered
from umi_edge.tools.running_call import QuestionField, ServerQuestion
from umi_shared.handles import Handle
from umi_shared.transcript import Instruction, View

ALICE = "alice.moreau@example.org"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x1b[2J\u200b" + "A" * 100_000


@pytest.fixture
async def page(tmp_path) -> AsyncIterator[ServedPage]:
    async with served_page(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as served:
        yield served


class Stream:
    """The events of one page that is open."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def until(self, kind: str, holds: Any = lambda _: True) -> Any:
        """The next event of a kind for which something holds."""
        of = ""
        async with asyncio.timeout(20):
            async for line in self._lines:
                of = line.removeprefix("event: ") if line.startswith("event: ") else of
                if line.startswith("data: ") and of == kind and holds(said := json.loads(line[6:])):
                    return said
        raise AssertionError("the stream ended")


@asynccontextmanager
async def opened(page: ServedPage, after: int = 0) -> AsyncIterator[Stream]:
    async with page.http() as http, http.stream("GET", f"/api/stream?after={after}") as answer:
        assert answer.status_code == 200
        yield Stream(answer.aiter_lines())


async def decide(page: ServedPage, question: Any, reply: Any, **other: Any) -> httpx.Response:
    async with page.http() as http:
        document = {"digest": question["digest"], "reply": reply, **other}
        return await http.post(f"/api/approvals/{question['id']}", json=document)


async def test_a_call_waits_for_the_page_which_shows_its_exact_values_and_approves_it(page):
    async with opened(page) as stream:
        work = asyncio.create_task(page.session().ask(MAIL))
        (question,) = await stream.until("waiting", bool)
        assert (question["kind"], question["tool"], question["door"]) == ("call", "mail.send", "chat")
        assert question["rows"][-1]["name"] == "to"
        assert "".join(piece["text"] for piece in question["rows"][-1]["value"]) == f'"{ALICE}"'
        assert page.world.session.record == []
        assert (await decide(page, question, True)).json() == {"approved": True, "by": "page", "mine": True}
        assert isinstance(await work, Answered)
        (letter,) = (page.folder / "home" / "outbox" / "new").iterdir()
        assert ALICE.encode() in letter.read_bytes()
        again = await decide(page, question, False)
        assert again.json() == {"approved": True, "by": "page", "mine": False}


async def test_a_decision_about_other_values_decides_nothing(page):
    async with opened(page) as stream:
        work = asyncio.create_task(page.session().ask(MAIL))
        (question,) = await stream.until("waiting", bool)
        assert (await decide(page, question, True, digest="0" * 64)).status_code == 409
        for reply in ("yes", 1, None, {}, [True]):  # only a yes is a yes
            assert reply is not True
        assert (await decide(page, question, "yes")).json()["approved"] is False
        await work
    assert not list((page.folder / "home" / "outbox").glob("new/*"))
    async with page.http() as http:
        gone = await http.post("/api/approvals/unknown", json={"digest": "", "reply": True})
    assert gone.status_code == 404


async def test_where_no_page_is_open_a_call_is_declined_at_once(page):
    await page.session().ask(MAIL)
    assert not list((page.folder / "home" / "outbox").glob("new/*"))


async def test_each_step_says_what_each_reader_saw(page):
    async with opened(page) as stream:
        work = asyncio.create_task(page.session().ask(MAIL))
        await stream.until("begun")
        result = await stream.until("step", lambda step: step["what"]["kind"] == "result")
        (question,) = await stream.until("waiting", bool)
        await decide(page, question, True)
        await work
    seen = {one["reader"]: one["pieces"] for one in result["what"]["seen"]}
    assert set(seen) == {"tool:contacts.search", "planner", "summarizer"}
    exact = "".join(piece["shown"] for piece in seen["planner"])
    assert ALICE not in exact
    assert "<email:1>" in exact
    assert ALICE in "".join(piece["value"] for piece in seen["planner"])
    (email,) = [piece for piece in seen["planner"] if "<email:1>" in piece["shown"]]
    assert email["stayed"]
    assert "contacts.search" in email["rule"]


async def test_a_page_that_comes_back_is_told_what_it_missed_and_not_what_it_knows(page):
    async with opened(page) as stream:
        work = asyncio.create_task(page.session().ask(MAIL))
        (question,) = await stream.until("waiting", bool)
        await decide(page, question, False)
        await work
        last = page.live.steps()[-1].number
    async with opened(page, after=last - 1) as stream:
        assert (await stream.until("step"))["number"] == last


async def test_a_servers_question_is_answered_with_what_fits_its_fields(page):
    fields = (
        QuestionField(name="seats", title="Seats", kind="integer", required=True, schema={"type": "integer"}),
        QuestionField(
            name="room", title="Room", kind="choice", choices={"a": "The blue one"}, schema={"type": "string"}
        ),
    )
    asked = ServerQuestion(server="rooms", message=HOSTILE, fields=fields, remote=True)
    async with opened(page) as stream:
        work = asyncio.create_task(page.approvals.of("c9", "rooms").answer(asked))
        (question,) = await stream.until("waiting", bool)
        assert "not on this device" in question["notes"][1]["words"]
        refused = await decide(page, question, {"seats": "many"})
        assert (refused.status_code, "seats" in refused.json()["error"]) == (400, True)
        assert (await decide(page, question, {"seats": "4", "room": "the blue one"})).status_code == 200
        assert await work == {"seats": 4, "room": "a"}


async def test_what_the_user_took_away_is_no_answer_and_choices_are_told_apart_by_their_values(page):
    people = {"Smith, Bob": "Smith, Bob", "Bob": "Bob", "Smith": "Smith"}
    fields = (
        QuestionField(name="share", title="Share?", kind="flag", default=True, schema={"type": "boolean"}),
        QuestionField(name="note", title="Note", kind="text", default="here", schema={"type": "string"}),
        QuestionField(name="who", title="Who", kind="choices", choices=people, schema={"type": "array"}),
        QuestionField(name="seats", title="Seats", kind="integer", default=4, required=True, schema={}),
    )
    asked = ServerQuestion(server="rooms", message="x", fields=fields)
    async with opened(page) as stream:
        work = asyncio.create_task(page.approvals.of("c9", "rooms").answer(asked))
        (question,) = await stream.until("waiting", bool)
        given = {"share": "", "note": "", "who": ["Smith, Bob"], "seats": "2"}
        for unfit in ({"seats": ""}, {"seats": None}, {"who": ["bobby"]}, {"seats": ["2"]}):
            assert (await decide(page, question, given | unfit)).status_code == 400, unfit
        assert (await decide(page, question, given)).status_code == 200
        assert await work == {"who": ["Smith, Bob"], "seats": 2}


async def test_hostile_values_come_with_signs_for_what_does_not_show(page):
    origin = Provenance(decided_by=DecidedBy.STRANGER, said=(HOSTILE,))
    asked = ConsentRequest(
        tool=f"evil.{HOSTILE}",
        arguments={HOSTILE: HOSTILE, "to": "p\u0430ul@example.org"},
        reasons=(HOSTILE,),
        leaves_device=True,
        provenance={HOSTILE: origin, "to": origin},
    )
    async with opened(page) as stream:
        work = asyncio.create_task(page.approvals.of("c9", HOSTILE).approve(asked))
        (question,) = await stream.until("waiting", bool)
        text = json.dumps(question, ensure_ascii=False)
        assert not {character for character in ("\u202e", "\x1b", "\u200b") if character in text}
        assert question["in_full"]
        assert any("mixes scripts" in str(doubt) for doubt in question["rows"][-1]["doubts"])
        await decide(page, question, False)
        assert await work is False


async def test_a_message_that_is_about_to_leave_is_shown_as_it_stands_with_its_handles(page):
    view = View(catalogue=(), entries=(Instruction(("Write to ", Handle("email", 1), "\u202e.")),))
    outbound = Outbound(
        sink="planner",
        peer="the planner",
        request_id="r1",
        view=view,
        padding_bytes=3,
        message=b"bytes",
        sha256="0" * 64,
    )
    async with opened(page) as stream:
        work = asyncio.create_task(page.approvals.of("c9", "chat").approve(outbound))
        (question,) = await stream.until("waiting", bool)
        assert (question["kind"], question["sink"], question["bytes"]) == ("message", "planner", 5)
        (entry,) = question["entries"]
        assert entry["text"] == [{"clear": "Write to "}, {"handle": "<email:1>"}, {"clear": "<U+202E>."}]
        assert (await decide(page, question, True)).json()["mine"]
        assert await work is True


async def test_too_many_pages_are_refused_and_those_that_close_make_room(page, monkeypatch):
    monkeypatch.setattr("umi_edge.doors.page.stream_view._MOST_STREAMS", 2)
    async with opened(page) as one, opened(page) as other:
        await one.until("begun")
        await other.until("begun")
        async with page.http() as http:
            assert (await http.get("/api/stream")).status_code == 429
    async with asyncio.timeout(10), aclosing(page.approvals.subscribe()) as changes:
        async for _ in changes:
            if not page.approvals.where(""):  # both are seen to be closed
                break
    async with opened(page) as stream:
        await stream.until("begun")


async def test_a_server_that_ends_ends_the_streams(page):
    async with page.http() as http, http.stream("GET", "/api/stream") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: begun"
        await page.page.stop()
        async with asyncio.timeout(5):
            assert all("step" not in line for line in [line async for line in lines])


async def test_nothing_of_a_value_is_in_a_repr_or_a_log(page, caplog):
    caplog.set_level("DEBUG")
    async with opened(page) as stream:
        work = asyncio.create_task(page.session().ask(MAIL))
        (question,) = await stream.until("waiting", bool)
        shown = repr((page.approvals, page.live, page.approvals.waiting(), page.live.steps()))
        await decide(page, question, True)
        await work
    for text in (shown, caplog.text):
        assert ALICE not in text
        assert "Moreau" not in text


def test_a_page_is_an_answerer_of_every_conversation():
    approvals = Approvals()
    with approvals.answerer("page", "on umi's page"):
        assert approvals.where("any") == "on umi's page"


async def test_a_planners_question_is_replied_to_on_the_page_and_the_first_reply_holds(tmp_path):
    plans = [chat_question("Which Alice?"), chat_plan("That is known."), "It is done."]
    async with served_page(tmp_path, plans=plans, dialect="chat") as page, opened(page) as stream:
        session = page.session()
        session.replies = page.approvals.of("c1", "ask")
        work = asyncio.create_task(session.ask("Write to Alice."))
        (question,) = await stream.until("waiting", bool)
        assert (question["kind"], question["message"], question["door"]) == ("reply", "Which Alice?", "ask")
        unfit = await decide(page, question, {"reply": "x" * 20_001})
        assert (unfit.status_code, "does not fit" in unfit.json()["error"]) == (409, True)
        replied = await decide(page, question, {"reply": f"Alice Moreau, {ALICE}"})
        assert replied.json() == {"approved": True, "by": "page", "mine": True}
        second = await decide(page, question, {"reply": "another"})
        assert second.json() == {"approved": True, "by": "page", "mine": False}
        assert await work == Answered("It is done.")
        assert "Request: <person:2>, <email:1>" in page.world.prompts[1]
        assert ALICE.encode() not in page.world.capture.bytes_out


@pytest.mark.parametrize(
    "reply", [False, True, "the second", {"reply": " "}, {"other": "x"}, {"reply": ["x"]}]
)
async def test_what_is_no_reply_is_none(page, reply):
    async with opened(page) as stream:
        work = asyncio.create_task(page.approvals.of("c1", "ask").reply("Which?"))
        (question,) = await stream.until("waiting", bool)
        assert (await decide(page, question, reply)).json()["approved"] is False
        assert await work == ""

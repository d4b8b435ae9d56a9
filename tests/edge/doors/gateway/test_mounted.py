"""The gateways of the daemon, with the SDK's client over HTTP: who is asked, and which policy holds."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult
from starlette.applications import Starlette

from tests.end_to_end.harness import tool_of
from tests.end_to_end.page.served import serving
from umi_edge.doors.approvals import Approvals, NotDecided
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway import mounted, opened
from umi_edge.doors.gateway.elicitation import current_elicitation
from umi_edge.doors.gateway.kept_calls import KeptCalls
from umi_edge.doors.gateway.mounted import MountedGateways
from umi_edge.doors.gateway.page_consent import ASKED
from umi_edge.doors.gateway.window import look, window_folder
from umi_edge.doors.line import Line
from umi_edge.doors.live import Live
from umi_edge.ledger import read_ledger
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import open_laptop
from umi_edge.runtime.planner import Planner
from umi_shared.errors import PrivacyError
from umi_shared.screen.console import Screen

KEY = "umi-" + "k" * 40
SECRET = "the key lies under the blue pot 4711"
POLICY = """
version: 1
clients: {editor: {accepts: planner}}
tools:
  box.open: {runs: device, confirm: %s, results: {"$.said": %s}}
  box.wait: {runs: device, confirm: never}
"""
LISTING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
JSON_ONLY = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@dataclass
class Desk:
    """A line without a planner, and its gateways at a port."""

    url: str
    line: Line
    gateways: MountedGateways
    policy: Path
    waiting: asyncio.Event
    """Set once `box.wait` is under way, which never ends by itself."""
    complaints: list[str]
    opened: list[str]
    """The views at which the page was opened."""
    has_browser: bool = True

    async def open_page(self, view: str) -> bool:
        self.opened.append(view)
        return self.has_browser

    @asynccontextmanager
    async def program(
        self, name: str = "", mode: str = "legacy", elicited: Any = None
    ) -> AsyncIterator[Client]:
        async with self.http() as http:
            transport = streamable_http_client(f"{self.url}/mcp{name and '/'}{name}", http_client=http)
            async with Client(transport, mode=mode, cache=None, elicitation_callback=elicited) as client:
                yield client

    def http(self, key: str = KEY) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=20)

    def sent(self, sink: str) -> bytes:
        """All that left to one sink, as the ledger has it."""
        entries = read_ledger(self.line.laptop.ledger.path)
        return b"".join(
            base64.b64decode(one["message"])
            for one in entries
            if one["kind"] == "sent" and one["sink"] == sink
        )


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The self-test has tests of its own; here it is counted."""
    times: list[str] = []

    async def self_test() -> None:
        times.append("once")

    monkeypatch.setattr(opened, "self_test", self_test)
    return times


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY % ("never", "handle"))
    config = EdgeConfig(policy=policy, ledger=tmp_path / "ledger.jsonl")
    waiting = asyncio.Event()

    async def wait(_: Any) -> None:
        waiting.set()
        await asyncio.Event().wait()

    tools = (tool_of("box.open", lambda _: {"said": SECRET}), tool_of("box.wait", wait))
    async with AsyncExitStack() as stack:
        laptop = await stack.enter_async_context(open_laptop(config, tools=tools, calls=False))
        line = Line(
            config=config,
            laptop=laptop,
            planner=Planner(None),  # type: ignore[arg-type]  # nothing is planned here
            approvals=Approvals(),
            live=Live(),
            stack=stack,
            console=Screen(quiet=True),
        )
        complaints: list[str] = []

        async def _open_page(view: str) -> bool:
            return await desk.open_page(view)

        gateways = MountedGateways(
            line=line,
            keeper=Doorkeeper(KEY),
            open_page=_open_page,
            page_url=lambda: "http://127.0.0.1:4864",
            complain=complaints.append,
        )
        async with serving(Starlette(routes=gateways.routes())) as url:
            desk = Desk(url, line, gateways, policy, waiting, complaints, [])
            try:
                yield desk
            finally:
                await gateways.stop()


async def open_box(client: Client) -> Any:
    return await client.call_tool("box_open", {})


async def said(client: Client) -> str:
    """The handle of the secret."""
    return str((await open_box(client)).structured_content["result"]["said"])


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("yes", [True, False])
async def test_a_call_is_decided_where_all_questions_wait(desk, yes, mode):
    desk.policy.write_text(POLICY % ("always", "handle"))
    with desk.line.approvals.answerer("page", "on the page"):
        async with desk.program("claude", mode) as client:
            calling = asyncio.create_task(open_box(client))
            async with asyncio.timeout(20):
                async for questions in desk.line.approvals.subscribe():
                    if questions or calling.done():
                        break
            [question] = questions
            assert question.door == "client:claude"
            assert question.request.tool == "box.open"
            desk.line.approvals.decide(question.id, question.digest, yes, by="page")
            result = await calling
            assert result.is_error is not yes
            if yes:
                assert result.structured_content["result"] == {"said": "<text:1>"}


@dataclass
class Leads:
    """A client that leads the user to an address, and says what they do."""

    action: str
    asked: list[Any] = field(default_factory=list)
    shown: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: Any, params: Any) -> ElicitResult:
        self.asked.append(params)
        self.shown.set()
        return ElicitResult.model_construct(action=self.action)


async def waiting_call(desk: Desk, client: Client) -> tuple["asyncio.Task[Any]", Any]:
    """A call, and the question that waits for it; None where it was over without one."""
    calling = asyncio.create_task(open_box(client))
    async with asyncio.timeout(20):
        async for questions in desk.line.approvals.subscribe():
            if questions:
                return calling, questions[0]
            if calling.done():
                break
    return calling, None


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("yes", [True, False])
async def test_a_client_that_offers_it_leads_the_user_to_the_page_where_they_decide(desk, yes, mode):
    desk.policy.write_text(POLICY % ("always", "handle"))
    leads = Leads("accept")
    async with desk.program("claude", mode, elicited=leads) as client:
        calling, question = await waiting_call(desk, client)
        await asyncio.wait_for(leads.shown.wait(), 20)
        [asked] = leads.asked
        assert (asked.mode, asked.url) == ("url", "http://127.0.0.1:4864/#/approvals")
        assert asked.message == ASKED
        assert not calling.done()  # that they go there is no yes
        desk.line.approvals.decide(question.id, "0" * 64, True, by="page")
        assert not calling.done()
        desk.line.approvals.decide(question.id, question.digest, yes, by="page")
        desk.line.approvals.decide(question.id, question.digest, not yes, by="page")
        result = await calling
        assert result.is_error is not yes
        assert desk.opened in ([], ["approvals"])


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_no_in_the_client_is_a_no(desk, mode):
    desk.policy.write_text(POLICY % ("always", "handle"))
    with desk.line.approvals.answerer("page", "on the page"):
        async with desk.program("claude", mode, elicited=Leads("decline")) as client:
            result = await asyncio.wait_for(open_box(client), 20)
    assert result.is_error
    assert "declined" in result.content[0].text


@pytest.mark.parametrize(
    ("mode", "action"),
    [("legacy", "cancel"), ("legacy", "no action of the protocol"), ("2026-07-28", "cancel")],
)
async def test_what_the_client_only_closes_or_cannot_show_is_left_to_the_page(desk, mode, action):
    desk.policy.write_text(POLICY % ("always", "handle"))
    leads = Leads(action)
    with desk.line.approvals.answerer("page", "on the page"):
        async with desk.program("claude", mode, elicited=leads) as client:
            calling, question = await waiting_call(desk, client)
            await asyncio.wait_for(leads.shown.wait(), 20)
            desk.line.approvals.decide(question.id, question.digest, True, by="page")
            assert not (await calling).is_error


async def test_the_page_is_opened_where_the_client_cannot_show_what_it_offers(desk):
    desk.policy.write_text(POLICY % ("always", "handle"))
    came = asyncio.Event()

    async def open_page(view: str) -> bool:
        desk.opened.append(view)
        came.set()
        return True

    desk.open_page = open_page
    async with desk.program("claude", elicited=Leads("no action of the protocol")) as client:
        calling, question = await waiting_call(desk, client)
        await asyncio.wait_for(came.wait(), 20)
        with desk.line.approvals.answerer("page", "on the page"):
            desk.line.approvals.decide(question.id, question.digest, True, by="page")
            assert not (await calling).is_error
    assert desk.opened == ["approvals"]


class Repeats:
    """A client of 2026-07-28 that repeats its calls by itself."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, state: str | None = None, action: Any = None, **arguments: Any) -> Any:
        """The answer to a call, which may be that something is to be shown."""
        responses = None if action is None else {"consent": ElicitResult(action=action)}
        return await self.client.session.call_tool(
            "box_open", arguments, input_responses=responses, request_state=state, allow_input_required=True
        )


@asynccontextmanager
async def repeating(desk: Desk) -> AsyncIterator[Repeats]:
    desk.policy.write_text(POLICY % ("always", "handle"))
    async with desk.program("claude", "2026-07-28", elicited=Leads("accept")) as client:
        yield Repeats(client)


async def test_the_answer_that_something_is_to_be_shown_has_the_pages_address_and_no_key(desk):
    async with repeating(desk) as client:
        asked = await client.call()
        assert asked.result_type == "input_required"
        [request] = asked.input_requests.values()
        assert (request.params.mode, request.params.url) == ("url", "http://127.0.0.1:4864/#/approvals")
        assert request.params.message == ASKED
        [question] = desk.line.approvals.waiting()
        for word in (question.id, question.conversation, question.digest):
            assert word not in asked.model_dump_json()


@pytest.mark.parametrize("yes", [True, False])
async def test_what_is_decided_before_the_client_comes_again_holds(desk, yes):
    async with repeating(desk) as client:
        asked = await client.call()
        [question] = desk.line.approvals.waiting()
        desk.line.approvals.decide(question.id, question.digest, yes, by="page")
        result = await client.call(asked.request_state, "decline" if yes else "accept")
        assert result.is_error is not yes
        assert desk.line.approvals.waiting() == ()


async def test_a_repetition_of_another_call_does_nothing_and_leaves_the_question(desk):
    async with repeating(desk) as client:
        asked = await client.call()
        for state, arguments in ((asked.request_state, {"more": "x"}), ("0" * 32, {}), ("", {})):
            with pytest.raises(MCPError, match="no call waits"):
                await client.call(state, "accept", **arguments)
        [question] = desk.line.approvals.waiting()
        desk.line.approvals.decide(question.id, question.digest, True, by="page")
        assert not (await client.call(asked.request_state, "accept")).is_error
        with pytest.raises(MCPError, match="no call waits"):
            await client.call(asked.request_state, "accept")


async def test_another_program_cannot_take_up_the_call(desk):
    async with repeating(desk) as client, desk.program("editor", "2026-07-28", Leads("accept")) as editor:
        asked = await client.call()
        with pytest.raises(MCPError, match="no call waits"):
            await Repeats(editor).call(asked.request_state, "accept")


async def test_a_client_that_comes_again_without_an_answer_is_as_one_that_shows_nothing(desk):
    async with repeating(desk) as client:
        asked = await client.call()
        assert desk.opened == []
        coming = asyncio.create_task(client.call(asked.request_state))
        with desk.line.approvals.answerer("page", "on the page"):
            [question] = desk.line.approvals.waiting()
            desk.line.approvals.decide(question.id, question.digest, True, by="page")
            assert not (await coming).is_error


async def test_a_call_that_waits_ends_with_its_policy(desk):
    async with repeating(desk) as client:
        asked = await client.call()
        desk.policy.write_text(POLICY % ("always", "planner"))
        with pytest.raises(MCPError, match="no call waits"):
            await client.call(asked.request_state, "accept")
        assert desk.line.approvals.waiting() == ()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_without_it_the_page_is_opened_where_nobody_can_be_asked(desk, mode):
    desk.policy.write_text(POLICY % ("always", "handle"))
    came = asyncio.Event()

    async def open_page(view: str) -> bool:
        desk.opened.append(view)
        came.set()
        return True

    desk.open_page = open_page
    async with desk.program("claude", mode) as client:
        calling = asyncio.create_task(open_box(client))
        await asyncio.wait_for(came.wait(), 20)
        with desk.line.approvals.answerer("page", "on the page"):
            async with asyncio.timeout(20):
                async for questions in desk.line.approvals.subscribe():
                    if questions or calling.done():
                        break
            [question] = questions
            desk.line.approvals.decide(question.id, question.digest, True, by="page")
            assert not (await calling).is_error
    assert desk.opened == ["approvals"]


@pytest.mark.parametrize("name", ["ask", "chat", "page", "constructor"])
async def test_a_program_cannot_pass_for_another_door_by_its_name(desk, name):
    desk.policy.write_text(POLICY % ("always", "handle"))
    with desk.line.approvals.answerer("page", "on the page"):
        async with desk.program(name) as client:
            calling, question = await waiting_call(desk, client)
            assert question.door == f"client:{name}"
            assert question.asked_by == f"client: {name}"
            desk.line.approvals.decide(question.id, question.digest, False, by="page")
            await calling
            await client.call_tool("umi_reveal", {"handles": ["<text:1>"]})
    assert {step.door for step in desk.line.live.steps()} == {f"client:{name}"}


async def test_the_first_message_of_each_session_is_shown_where_that_is_wanted(desk):
    desk.line.laptop.config = replace(desk.line.laptop.config, preview="first")
    shown: list[str] = []

    async def say_yes() -> None:
        async for questions in desk.line.approvals.subscribe():
            for one in questions:
                shown.append(one.request.message.decode())
                desk.line.approvals.decide(one.id, one.digest, True, by="page")

    with desk.line.approvals.answerer("page", "on the page"):
        saying = asyncio.create_task(say_yes())
        for _ in range(2):
            async with desk.program("claude") as client:
                for _ in range(2):
                    assert not (await open_box(client)).is_error
        saying.cancel()
        await asyncio.wait([saying])
    assert ["<text:" in one for one in shown if '"content"' in one] == [True, True]


@pytest.mark.parametrize("why", ["it was idle", "its connection ended", "the policy has changed"])
async def test_a_handle_of_a_session_that_ended_is_refused_plainly_and_means_nothing_else(desk, why):
    async with desk.program("claude") as client:
        old = await said(client)
        assert await said(client) == old
    if why == "the policy has changed":
        desk.policy.write_text(POLICY % ("never", "handle") + "# changed\n")
    async with desk.program("claude") as client:
        if why == "it was idle":
            old = await said(client)
            sessions = (await desk.gateways.current("claude")).gateway.sessions
            sessions.now = lambda: time.monotonic() + 3 * 3600
        new = await said(client)
        assert new != old
        refused = await client.call_tool("box_open", {"key": old})
        assert refused.is_error
        assert "is of a session that has ended" in refused.content[0].text


async def test_without_a_page_it_is_declined(desk):
    desk.policy.write_text(POLICY % ("always", "handle"))
    desk.has_browser = False
    async with desk.program("claude") as client:
        assert (await asyncio.wait_for(open_box(client), 20)).is_error


async def test_the_user_sees_what_a_handle_stands_for(desk):
    async with desk.program() as client:
        result = await open_box(client)
        handle = result.structured_content["result"]["said"]
        [seen] = await look(window_folder(desk.policy.parent), [handle])
        assert (seen.client, seen.value) == ("client", SECRET)
    await desk.gateways.stop()
    assert await look(window_folder(desk.policy.parent), [handle]) == []


@pytest.mark.parametrize("has_browser", [True, False])
async def test_reveal_opens_the_page_at_the_record_of_the_session_and_tells_no_value(desk, has_browser):
    desk.has_browser = has_browser
    async with desk.program("claude") as client:
        handle = (await open_box(client)).structured_content["result"]["said"]
        shown = await client.call_tool("umi_reveal", {"handles": [handle]})
        assert not shown.is_error
        assert SECRET not in shown.model_dump_json()
        assert ("umi mcp reveal" in shown.content[0].text) is not has_browser
        steps = desk.line.live.steps()
        conversation = steps[-1].conversation
        assert desk.opened == [f"live/{conversation}"]
        assert (steps[-1].what.kind, steps[-1].what.by, steps[-1].door) == (
            "shown",
            "client:claude",
            "client:claude",
        )
        assert [(piece.shown, piece.value) for piece in steps[-1].what.seen[0].pieces] == [(handle, SECRET)]
        call, result = (
            next(one.what for one in steps if one.what.kind == kind) for kind in ("call", "result")
        )
        assert call.by == "client:claude"
        assert {one.reader for one in result.seen} == {"tool:box.open", "client:claude"}
        assert SECRET not in repr(steps)
        unknown = await client.call_tool("umi_reveal", {"handles": ["<text:9>"]})
        assert unknown.is_error
        assert desk.opened == [f"live/{conversation}"]
    await desk.gateways.stop()
    assert desk.line.live.steps(conversation)[-1].what.words == "over"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer umi-wrong"}, 401),
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
    ],
)
async def test_who_may_not_come_in_opens_nothing(desk, tried, headers, status):
    async with desk.http() as http:
        refused = await http.post(f"{desk.url}/mcp/claude", json=LISTING, headers=JSON_ONLY | headers)
        named = await http.post(f"{desk.url}/mcp/Not.A.Name", json=LISTING, headers=JSON_ONLY)
    assert refused.status_code == status
    assert refused.json()["error"]["code"] == -32600
    assert named.status_code == 404
    assert tried == []
    assert not window_folder(desk.policy.parent).exists()


async def test_two_names_have_two_sinks_and_each_one_gateway(desk, tried):
    desk.policy.write_text(POLICY % ("never", "planner"))
    async with desk.program("editor") as editor, desk.program("claude") as claude:
        assert (await open_box(editor)).structured_content["result"]["said"] == SECRET
        assert (await open_box(claude)).structured_content["result"]["said"] == "<text:1>"
        async with desk.program("claude") as another:
            assert await said(another) != await said(claude)
    assert SECRET.encode() in desk.sent("client:editor")
    assert b"<text:1>" in desk.sent("client:claude")
    assert SECRET.encode() not in desk.sent("client:claude")
    assert len(tried) == 2


async def test_a_changed_policy_ends_the_sessions_of_the_old_one(desk, tried):
    desk.policy.write_text(POLICY % ("never", "planner"))
    async with desk.program("editor") as client:
        assert (await open_box(client)).structured_content["result"]["said"] == SECRET
        desk.policy.write_text(POLICY % ("never", "handle"))
        with pytest.raises(MCPError):
            await open_box(client)
    async with desk.program("editor") as client:
        assert (await said(client)).startswith("<text:")
    assert len(tried) == 2


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("next_one", ["claude", "editor", ""], ids=["itself", "another program", "umi ask"])
async def test_a_policy_that_is_taken_up_ends_a_call_that_is_under_way(desk, mode, next_one):
    async with desk.program("claude", mode) as client:
        calling = asyncio.create_task(client.call_tool("box_wait", {}))
        await asyncio.wait_for(desk.waiting.wait(), 20)
        desk.policy.write_text(POLICY % ("never", "planner"))
        async with asyncio.timeout(20):
            if next_one:
                async with desk.program(next_one, mode) as again:
                    await again.list_tools()
            else:
                await desk.line.keep_up()  # as before each session that plans
            await asyncio.wait([calling])
        assert calling.exception() is not None


async def test_a_question_under_the_old_policy_is_gone_once_another_is_taken_up(desk):
    desk.policy.write_text(POLICY % ("always", "handle"))
    with desk.line.approvals.answerer("page", "on the page"):
        async with desk.program("claude") as client:
            calling, question = await waiting_call(desk, client)
            desk.policy.write_text(POLICY % ("never", "handle"))
            await desk.line.keep_up()
            async with asyncio.timeout(20):
                await asyncio.wait([calling])
            decided = desk.line.approvals.decide(question.id, question.digest, True, by="page")
            assert isinstance(decided, NotDecided)
            assert calling.exception() is not None


async def test_programs_that_are_served_nothing_take_no_place(desk, monkeypatch):
    async def says_no() -> None:
        raise PrivacyError("the self-test found its probe", fix="report it")

    with monkeypatch.context() as patched:
        patched.setattr(opened, "self_test", says_no)
        async with desk.http() as http:
            for number in range(20):
                reply = await http.post(f"{desk.url}/mcp/p{number}", json=LISTING, headers=JSON_ONLY)
                assert reply.status_code == 503
    async with desk.program("claude") as client:
        assert (await client.list_tools()).tools


async def test_a_policy_that_does_not_load_lets_no_request_in(desk):
    async with desk.program() as client, desk.http() as http:
        await open_box(client)
        desk.policy.write_text("version: 1\ntools: [")
        refused = await http.post(f"{desk.url}/mcp", json=LISTING, headers=JSON_ONLY)
        assert refused.status_code == 503
        desk.policy.write_text(POLICY % ("never", "handle"))
        assert (await said(client)).startswith("<text:")


async def test_where_the_self_test_says_no_a_name_is_served_nothing(desk, monkeypatch):
    async def says_no() -> None:
        raise PrivacyError("the self-test found its probe", fix="report it")

    with monkeypatch.context() as patched:
        patched.setattr(opened, "self_test", says_no)
        async with desk.http() as http:
            refused = await http.post(f"{desk.url}/mcp/claude", json=LISTING, headers=JSON_ONLY)
    assert refused.status_code == 503
    assert json.loads(refused.text)["error"]["code"] == -32603
    assert desk.complaints == ["claude: the self-test found its probe; report it"]
    assert desk.sent("client:claude") == b""
    async with desk.program("claude") as client:
        assert (await client.list_tools()).tools


async def test_there_are_only_so_many_names(desk, monkeypatch):
    monkeypatch.setattr(mounted, "_MOST", 1)
    async with desk.program("claude") as client, desk.http() as http:
        refused = await http.post(f"{desk.url}/mcp/editor", json=LISTING, headers=JSON_ONLY)
        assert refused.status_code == 429
        assert (await client.list_tools()).tools


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_end_of_the_daemon_ends_a_call_that_is_under_way_and_opens_nothing(desk, mode):
    async with desk.program("claude", mode) as client, desk.http() as http:
        calling = asyncio.create_task(client.call_tool("box_wait", {}))
        await asyncio.wait_for(desk.waiting.wait(), 20)
        async with asyncio.timeout(20):
            await desk.gateways.stop()
            await asyncio.wait([calling])
        assert calling.exception() is not None
        refused = await http.post(f"{desk.url}/mcp/editor", json=LISTING, headers=JSON_ONLY)
        assert refused.status_code == 503


async def test_what_waits_for_a_yes_is_over_before_the_requests_of_a_gateway_have_ended() -> None:
    """A yes in that time would make a call under the policy of before."""
    kept, yes, made = KeptCalls(), asyncio.Event(), []

    async def call() -> dict[str, Any]:
        shows = asyncio.create_task(current_elicitation()("words", "address", "name"))  # type: ignore[misc]
        await yes.wait()
        made.append("under the old policy")
        shows.cancel()
        return {}

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def gateway() -> AsyncIterator[Any]:
        yield SimpleNamespace(gateway=SimpleNamespace(kept=kept), app=None)

    held = mounted.HeldGateway("old policy")
    held.begin(gateway(), print)
    await held.opened
    await kept.begin(b"what", call)
    request = asyncio.create_task(held.carry_out(slow()))
    await asyncio.sleep(0.01)
    held.cancel()
    await asyncio.sleep(0.05)
    yes.set()
    await held.end()
    assert made == []
    await asyncio.gather(request, return_exceptions=True)

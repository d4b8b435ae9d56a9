"""The gateway with the SDK's client, in both protocols: what a program reads, and what its calls come to."""

import base64
import json
from functools import partial
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from tests.end_to_end.gateway_client import told
from tests.end_to_end.harness import TODAY, tool_of
from umi_edge.doors.gateway.gateway import END_SESSION, REVEAL
from umi_edge.doors.gateway.sessions import SessionLimits
from umi_edge.doors.gateway.wire import SESSION_ARGUMENT
from umi_edge.egress.guard import EgressGuard, GuardedError
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.labelling.labeller import Labeller
from umi_edge.policy import load_policy
from umi_edge.session.consent import ConsentRequest, UnsafeApproveAll
from umi_edge.tools import FailureKind, Tool, ToolFailure
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

CANARY = "the key lies under the blue pot 4711"
POLICY = """
clients: {editor: {accepts: planner}, reader: {tools: [contacts.*]}}
tools:
  box.open: {confirm: never, results: {"$.said": handle, "$.shelf": planner, "$.colour": cloud}}
  box.lock: {confirm: never}
  box.list: {confirm: never}
  box.say: {confirm: never, runs: device, stored_as: nowhere}
  box.post: {confirm: never, runs: third-party, stored_as: nowhere}
"""
BOTH = pytest.mark.parametrize("modern", [False, True], ids=["2025-11-25", "2026-07-28"])


def box(**more: Any) -> list[Tool]:
    """A box that holds a secret, and two ways to use it."""
    said: list[Any] = more.pop("heard", [])
    text = {"type": "object", "properties": {"text": {"type": "string"}, "times": {"type": "integer"}},
            "required": ["text"], "additionalProperties": False}  # fmt: skip

    def hear(given: Any) -> str:
        said.append(given)
        return "heard"

    return [
        tool_of(
            "box.open",
            lambda _: {"said": CANARY, "shelf": "upper", "colour": "blue", "none": None},
            source="builtin",
        ),
        tool_of("box.say", hear, schema=text),
        tool_of("box.post", hear, schema=text),
        tool_of("box.lock", lambda _: fail()),
    ]


def fail() -> None:
    raise ToolFailure(FailureKind.NOT_FOUND, CANARY)


def session_of(result: Any) -> dict[str, str]:
    """The session that a result names, as the arguments of the next call."""
    word = (result.structured_content or {}).get(SESSION_ARGUMENT)
    return {SESSION_ARGUMENT: word} if word else {}


@BOTH
async def test_a_result_has_the_same_handles_twice_and_an_argument_by_handle_is_the_value(tmp_path, modern):
    heard: list[Any] = []
    async with told(tmp_path, box(heard=heard), POLICY, modern=modern, guard=EgressGuard) as t:
        opened = await t.call("box_open")
        given = opened.structured_content["result"]
        assert given["colour"] == "blue"
        assert given["said"] == "<text:1>"
        assert json.loads(opened.content[0].text) == opened.structured_content
        assert bool(session_of(opened)) == modern
        said = await t.call("box_say", text=f"It says {given['said']}", **session_of(opened))
        assert not said.is_error
        assert heard == [{"text": f"It says {CANARY}"}]
        frames = b"".join(t.frames)
        assert b"blue" in frames
        assert CANARY.encode() not in frames
        assert base64.b64encode(CANARY.encode()) not in frames


@BOTH
async def test_what_is_told_is_in_the_ledger_before_it_leaves(tmp_path, modern):
    async with told(tmp_path, box(), POLICY, modern=modern) as t:
        await t.client.list_tools()
        opened = await t.call("box_open")
        await t.call("box_lock", **session_of(opened))
        listed, first, second = t.recorded
        assert {entry["sink"] for entry in t.recorded} == {"client:claude"}
        results = [json.loads(frame).get("result", {}) for frame in t.frames]
        told_of = [one for one in results if "content" in one or "tools" in one]
        for entry, result in zip((listed, first, second), told_of, strict=True):
            recorded = json.loads(base64.b64decode(entry["message"]))
            assert recorded == {key: result[key] for key in recorded}
            assert result.keys() - recorded.keys() <= {"_meta", "resultType", "ttlMs", "cacheScope"}
        assert any(one["rule"].endswith("$.colour") for one in first["clearances"])


@BOTH
async def test_a_failure_tells_its_kind_and_what_can_be_done(tmp_path, modern):
    async with told(tmp_path, box(), POLICY, modern=modern) as t:
        failed = await t.call("box_lock")
        assert failed.is_error
        assert failed.content[0].text.startswith("failed: not-found")
        assert failed.structured_content is None
        assert CANARY.encode() not in b"".join(t.frames)


async def test_a_policy_trusts_one_client_more_than_another(tmp_path):
    async with told(tmp_path, box(), POLICY, name="claude") as t:
        assert (await t.call("box_open")).structured_content["result"]["shelf"] == "<text:2>"
    async with told(tmp_path, box(), POLICY, name="editor", guard=EgressGuard) as t:
        opened = await t.call("box_open")
        assert opened.structured_content["result"] | {"none": 0} == {
            "said": "<text:1>",
            "shelf": "upper",
            "colour": "blue",
            "none": 0,
        }
        schema = {tool.name: tool.output_schema for tool in (await t.client.list_tools()).tools}["box_open"]
        assert schema["properties"]["result"] == {}  # it declares none
    async with told(tmp_path, box(), POLICY, name="reader") as t:
        assert [tool.name for tool in (await t.client.list_tools()).tools] == [REVEAL]
        with pytest.raises(MCPError, match="no tool of that name"):
            await t.call("box_open")


async def test_what_a_client_read_in_clear_and_others_may_not_stays_from_third_parties(tmp_path):
    """What it writes carries the label of all that it was shown."""
    heard: list[Any] = []
    async with told(tmp_path, box(heard=heard), POLICY, name="editor") as t:
        assert not (await t.call("box_post", text="hello")).is_error
        await t.call("box_open")
        refused = await t.call("box_post", text="upper")
        assert refused.is_error
        assert refused.content[0].text.startswith("failed: denied")
        assert heard == [{"text": "hello"}]


async def test_a_private_value_for_a_third_party_is_denied_by_the_policy(tmp_path):
    heard: list[Any] = []
    async with told(tmp_path, box(heard=heard), POLICY) as t:
        given = (await t.call("box_open")).structured_content["result"]
        denied = await t.call("box_post", text=given["said"])
        assert "policy" in denied.content[0].text
        assert heard == []


class Asked:
    """Says yes or no, and knows the exact values."""

    def __init__(self, *replies: bool) -> None:
        self.replies = list(replies)
        self.requests: list[ConsentRequest] = []

    async def approve(self, request: ConsentRequest) -> bool:
        self.requests.append(request)
        return self.replies.pop(0)


async def test_a_call_that_wants_a_yes_shows_the_exact_values_and_is_declined_without_one(tmp_path):
    heard: list[Any] = []
    policy = POLICY.replace("box.say: {confirm: never", "box.say: {confirm: always")
    asks = Asked(True, False, False)
    async with told(tmp_path, box(heard=heard), policy, consent=asks) as t:
        given = (await t.call("box_open")).structured_content["result"]
        assert not (await t.call("box_say", text=given["said"])).is_error
        assert asks.requests[0].arguments == {"text": CANARY}
        declined = await t.call("box_say", text="again")
        assert "nobody approved this call" in declined.content[0].text.lower()
        await t.call("box_say", text="and again")
        third = await t.call("box_say", text="a third time")  # nobody is asked any more
        assert third.is_error
        assert len(asks.requests) == 3
        assert heard == [{"text": CANARY}]


@BOTH
async def test_arguments_that_do_not_fit_are_said_only_as_far_as_the_client_wrote_them(tmp_path, modern):
    async with told(tmp_path, box(), POLICY, modern=modern) as t:
        wrong = await t.call("box_say", text=["x"])
        assert wrong.content[0].text.startswith('failed: invalid-arguments: "text: type: must be string"')
        missing = await t.call("box_say", zqname="zqvalue")
        assert "the arguments: required: missing text" in missing.content[0].text
        assert "the arguments: additionalProperties" in missing.content[0].text
        assert b"zq" not in b"".join(t.frames)
        opened = await t.call("box_open")
        given = opened.structured_content["result"]["said"]
        secret = await t.call("box_say", text="x", times=given, **session_of(opened))
        assert secret.is_error
        assert secret.content[0].text.startswith("failed: invalid-arguments")
        unknown = await t.call("box_say", text="<text:7>", **session_of(opened))
        assert unknown.content[0].text.startswith("failed: unknown-handle")
        assert CANARY.encode() not in b"".join(t.frames)


async def test_which_members_a_value_that_stays_has_is_not_told(tmp_path):
    """Names alone decide `required`, but these are names that the program has not written."""
    policy = POLICY + "  box.whole: {confirm: never, results: {'$': {locality: handle, shape: hidden}}}\n"
    schema = {"type": "object", "properties": {"o": {"type": "object", "required": ["lid"]}}}
    tools = [tool_of("box.whole", lambda _: {"key": 1}), tool_of("box.list", lambda _: "x", schema=schema)]
    async with told(tmp_path, tools, policy) as t:
        whole = (await t.call("box_whole")).structured_content["result"]
        refused = await t.call("box_list", o=whole)
        assert refused.content[0].text == "failed: invalid-arguments"


@BOTH
async def test_reveal_says_where_and_never_what(tmp_path, modern):
    async with told(tmp_path, box(), POLICY, modern=modern) as t:
        opened = await t.call("box_open")
        shown = await t.call(REVEAL, handles=["<text:1>"], **session_of(opened))
        assert "umi mcp reveal '<text:1>' --session" in shown.content[0].text
        assert (await t.call(REVEAL, handles=["<text:9>"], **session_of(opened))).is_error
        assert (await t.call(REVEAL, handles=[], **session_of(opened))).is_error
        assert CANARY.encode() not in b"".join(t.frames)


async def test_a_vault_ends_with_its_session(tmp_path):
    async with told(tmp_path, box(), POLICY, modern=True) as t:
        first, second = await t.call("box_open"), await t.call("box_open")
        assert session_of(first) != session_of(second)
        handle, other = (one.structured_content["result"]["said"] for one in (first, second))
        assert not (await t.call("box_say", text=other, **session_of(second))).is_error
        assert (await t.call("box_say", text=handle, **session_of(second))).is_error
        assert not (await t.call(END_SESSION, **session_of(first))).is_error
        gone = await t.call("box_say", text=handle, **session_of(first))
        assert gone.is_error
        assert "no session has that" in gone.content[0].text.lower()
        assert (await t.call(END_SESSION, **session_of(first))).is_error
        assert len(t.sessions) == 1


async def test_sessions_are_bounded_since_each_may_tell_a_little(tmp_path):
    limits = SessionLimits(open_at_once=2, a_day=3)
    async with told(tmp_path, box(), POLICY, modern=True, limits=limits) as t:
        opened = [await t.call("box_open") for _ in range(3)]
        assert len(t.sessions) == 2
        assert (await t.call("box_say", text="x", **session_of(opened[0]))).is_error
        more = await t.call("box_open")
        assert more.is_error
        assert "as many sessions as it may" in more.content[0].text


async def test_a_budget_that_is_spent_ends_the_session(tmp_path):
    policy = POLICY + "limits: {shape_bits: 20}\n"
    tools = [*box(), tool_of("box.list", lambda _: [{"a": [1, 2, 3]}] * 40)]
    async with told(tmp_path, tools, policy, modern=True) as t:
        opened = await t.call("box_say", text="x")
        assert session_of(opened)
        stopped = await t.call("box_list", **session_of(opened))
        assert stopped.content[0].text.startswith("failed: stopped")
        assert (await t.call("box_say", text="x", **session_of(opened))).is_error
        assert "shape_bits" in t.complaints[0]


async def test_a_pipe_gets_a_new_session_after_a_spent_budget_and_it_is_one_of_the_days(tmp_path):
    policy = POLICY + "limits: {shape_bits: 20}\n"
    tools = [*box(), tool_of("box.list", lambda _: [{"a": [1, 2, 3]}] * 40)]
    async with told(tmp_path, tools, policy, limits=SessionLimits(a_day=2)) as t:
        for _ in range(2):
            assert not (await t.call("box_say", text="x")).is_error
            assert "this session has ended" in (await t.call("box_list")).content[0].text
            assert t.sessions == []
        assert "as many sessions as it may" in (await t.call("box_say", text="x")).content[0].text


async def test_after_two_noes_nobody_is_promised_to_be_asked(tmp_path):
    policy = POLICY.replace("box.say: {confirm: never", "box.say: {confirm: always")
    async with told(tmp_path, box(), policy) as t:
        for text in "abc":
            said = (await t.call("box_say", text=text)).content[0].text
        assert "after two noes, nobody is asked any more in this session" in said


async def test_a_fault_tells_nothing_but_that_there_was_one(tmp_path, monkeypatch, caplog, capfd):
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(Labeller, "result", broken)
    async with told(tmp_path, box(), POLICY) as t:
        stopped = await t.call("box_open")
        assert stopped.content[0].text.startswith("failed: stopped")
        said = [*map(bytes.decode, t.frames), *t.complaints, caplog.text, *capfd.readouterr()]
        assert "RuntimeError" in "".join(t.complaints)
        assert not [one for one in said if CANARY in one]


async def test_what_the_guard_stops_is_not_told_and_the_ledger_says_so(tmp_path, monkeypatch):
    """As on the day that release has a fault."""
    from umi_edge.doors.gateway import gateway as module

    well = module.called
    leak = {"content": [{"type": "text", "text": CANARY}], "isError": False}
    monkeypatch.setattr(
        module, "called", lambda view, **more: well(view, **more) if view.payload.entries[0].failure else leak
    )
    async with told(tmp_path, box(), POLICY, guard=EgressGuard) as t:
        stopped = await t.call("box_open")
        assert stopped.content[0].text.startswith("failed: stopped")
        assert CANARY.encode() not in b"".join(t.frames)
        assert "egress guard" in t.complaints[0]
        assert t.sessions == []  # as it was told
        assert [base64.b64decode(entry["message"]) for entry in t.recorded][-1].startswith(b'{"content"')


async def test_a_full_disk_under_the_ledger_tells_nothing(tmp_path, monkeypatch):
    async with told(tmp_path, box(), POLICY) as t:
        monkeypatch.setattr(type(t.ledger), "append", _full)
        with pytest.raises(MCPError, match="could not answer"):
            await t.call("box_open")
        with pytest.raises(MCPError):
            await t.client.list_tools()


def _full(*_: Any, **__: Any) -> None:
    raise OSError("no room")


async def test_the_built_in_tools_of_a_home(tmp_path):
    tools = builtin_tools(make_sample_home(tmp_path / "home", TODAY))
    async with told(tmp_path, tools, consent=UnsafeApproveAll(), guard=EgressGuard) as t:
        listed = {tool.name: tool for tool in (await t.client.list_tools()).tools}
        assert "contacts_search" in listed
        assert listed["contacts_search"].annotations.read_only_hint
        email = listed["contacts_search"].output_schema["properties"]["result"]["properties"]["matches"][
            "items"
        ]
        assert email["properties"]["email"]["description"].endswith("a handle such as <email:1>")
        assert "anyOf" in listed["calendar_create"].input_schema["properties"]["date"]
        found = await t.call("contacts_search", name="Alice")
        [alice, *_] = found.structured_content["result"]["matches"]
        assert alice["email"].startswith("<email:")
        sent = await t.call("mail_send", to=alice["email"], subject="Late", body="I am late.")
        assert not sent.is_error, sent
        [sent] = [one for one in (tmp_path / "home" / "outbox").rglob("*") if one.is_file()]
        assert "alice.moreau@example.org" in sent.read_text()
        assert b"alice.moreau" not in b"".join(t.frames)


async def test_a_name_that_is_added_later_leaves_the_list_of_tools(tmp_path):
    """In a description it becomes a handle; a tool of that name is there no more."""
    file = tmp_path / "clients.txt"
    file.write_text("Nobody Else\n")
    policy = load_policy(
        f"version: 1\ndetect_also: [{{type: client, values_file: clients.txt}}]\n{POLICY}",
        str(tmp_path / "policy.yaml"),
    )
    tools = [
        tool_of("crm.find", lambda _: "", description="Posts to Kestrelwood."),
        tool_of("crm.kestrelwood", lambda _: ""),
    ]
    async with told(tmp_path, tools, policy, guard=EgressGuard) as t:
        catalogue = t.gateway.catalogue
        catalogue.read_gazetteers = partial(load_gazetteers, policy, catalogue.catalogue)
        before = {tool.name: tool.description for tool in (await t.client.list_tools()).tools}
        file.write_text("Nobody Else\nKestrelwood\n")
        after = {tool.name: tool.description for tool in (await t.client.list_tools()).tools}
        await t.call("crm_find")
        [session] = t.sessions
        session.read_gazetteers = partial(load_gazetteers, policy, session.catalogue)
        with pytest.raises(MCPError, match=r"[Nn]o tool|[Uu]nknown"):
            await t.call("crm_kestrelwood")
        await t.call("crm_find")  # the session goes on
    assert "Kestrelwood" in before["crm_find"]
    assert "Posts to <client:1>." in after["crm_find"]
    assert "crm_kestrelwood" in before
    assert "crm_kestrelwood" not in after


@pytest.mark.parametrize(
    ("detector", "before", "after"),
    [
        ("values_file: list.txt", "Nobody Else", "Kestrelwood"),
        ("values: [Kestrelwood], except_values_file: list.txt", "Kestrelwood", "Nobody Else"),
    ],
    ids=["a name that is added", "an exception that is taken back"],
)
async def test_what_a_program_was_told_before_it_had_to_stay_is_public_no_more(
    tmp_path, detector, before, after
):
    file = tmp_path / "list.txt"
    file.write_text(f"{before}\n")
    rule = 'crm.find: {confirm: never, results: {"$": scan}}'
    policy = load_policy(
        f"version: 1\ndetect_also: [{{type: client, {detector}}}]\n{POLICY}  {rule}\n",
        str(tmp_path / "policy.yaml"),
    )
    async with told(
        tmp_path, [tool_of("crm.find", lambda _: "of Kestrelwood")], policy, guard=EgressGuard
    ) as t:
        assert "of Kestrelwood" in str(await t.call("crm_find"))
        [session] = t.sessions
        session.read_gazetteers = partial(load_gazetteers, policy, session.catalogue)
        file.write_text(f"{after}\n")
        assert "of <client:1>" in str(await t.call("crm_find"))
        assert "Kestrelwood" not in "".join(
            span.clear
            for entry in session.calls.entries
            for span in entry.text
            if span.label.may_read(session.client.sink)
        )
        with pytest.raises(GuardedError):
            session.way_out.guard.check(b"of Kestrelwood", session.client.sink)

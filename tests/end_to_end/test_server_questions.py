"""What a server asks in the midst of a call: the user answers it, under the policy, and the answer goes to it alone."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import World, plan, world
from umi_edge.session.consent import ConsentRequest, UnsafeApproveAll
from umi_edge.session.events import Progressed, Questioned
from umi_edge.terminal.consent import TerminalConsent
from umi_edge.terminal.question import TerminalQuestion, typed_value
from umi_edge.terminal.stdin import TypedLines
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.running_call import QuestionField, ServerQuestion
from umi_shared.screen.console import Screen

SERVER = "asking_mcp_server.py"
CODE = "zq-4410-canary"
OPEN = """
tools: {asking.*: {confirm: never, stored_as: nowhere, results: {"$": scan}%s}}
limits: {call_seconds: %s}
"""


class Answering:
    """A user who agrees to every call and answers every question alike, after a while."""

    def __init__(self, answers: Mapping[str, Any] | None, seconds: float = 0) -> None:
        self.answers = answers
        self.seconds = seconds
        self.questions: list[ServerQuestion] = []

    async def approve(self, request: ConsentRequest) -> bool:
        return True

    async def answer(self, question: ServerQuestion) -> Mapping[str, Any] | None:
        self.questions.append(question)
        await asyncio.sleep(self.seconds)
        return self.answers


@asynccontextmanager
async def asked(
    folder: Path,
    consent: Any,
    tool: str = "book",
    arguments: str = "{}",
    policy: str = OPEN % ("", 30),
    server: str = SERVER,
) -> AsyncIterator[World]:
    started = {"command": sys.executable, "args": [str(Path(__file__).with_name(server))]}
    servers = McpServers.parse({"mcpServers": {"asking": started}})
    async with (
        open_mcp(servers, {}) as (source,),
        world(
            folder,
            plans=[plan(f"Use asking.{tool}."), plan("It is done.", "summarizer"), "Done."],
            calls=[(f"asking.{tool}", arguments)],
            tools=source.tools,
            policy=policy,
            consent=consent,
        ) as w,
    ):
        await w.session.ask("Book.")
        yield w


async def test_what_the_user_answers_goes_to_the_server_and_not_to_the_cloud_though_the_result_does(tmp_path):
    user = Answering({"code": CODE, "guests": 4})
    async with asked(tmp_path, user) as w:
        (question,) = user.questions
        assert (question.server, question.message, question.remote) == (
            "asking",
            "For whom?\nAll is safe here.",
            False,
        )
        assert [(one.name, one.kind, one.required, one.default) for one in question.fields] == [
            ("code", "text", True, None),
            ("guests", "integer", False, 2),
        ]
        assert w.results == ["done"]
        assert "door [hidden]" in w.prompts[1]  # the server had it, and gave it back
        assert all(CODE.encode() not in sent.message for sent in w.capture.requests)
        assert [event.reply for event in w.of(Questioned)] == ["", "answered"]
        (progress,) = w.of(Progressed)
        assert (progress.done, progress.total, progress.message) == (1, 3, "Looking at [red]tables[/]")
        assert CODE not in repr(user.questions) + repr(w.events)


async def test_a_server_of_an_older_protocol_asks_by_a_request_of_its_own(tmp_path):
    async with asked(tmp_path, Answering({"code": CODE}), server="old_asking_mcp_server.py") as w:
        assert "accept: door [hidden]" in w.prompts[1]


@pytest.mark.parametrize("consent", [Answering(None), UnsafeApproveAll()], ids=str)
async def test_a_question_is_declined_where_the_user_says_no_or_nobody_is_there(tmp_path, consent):
    async with asked(tmp_path, consent) as w:
        assert "no table: decline" in w.prompts[1]
        assert w.of(Questioned)[-1].reply == "declined"


async def test_a_policy_declines_and_the_user_is_not_asked(tmp_path):
    user = Answering({"code": CODE})
    async with asked(tmp_path, user, policy=OPEN % (", questions: decline", 30)) as w:
        assert "no table: decline" in w.prompts[1]
    assert user.questions == []


async def test_the_time_of_a_call_does_not_run_while_the_user_thinks(tmp_path):
    async with asked(tmp_path, Answering({"code": CODE}, seconds=2.5), policy=OPEN % ("", 2)) as w:
        assert w.results == ["done"]
    async with asked(tmp_path / "slow", Answering(None), "slow", '{"seconds": 20}', OPEN % ("", 1)) as w:
        assert w.results == ["timeout"]


async def test_an_address_is_put_to_the_user_unless_it_is_none_that_a_browser_may_be_sent_to(tmp_path):
    user = Answering({})
    async with asked(tmp_path, user, "pay", '{"url": "https://pay.example.org/x?y=1"}') as w:
        assert "accept" in w.prompts[1]
    assert [one.url for one in user.questions] == ["https://pay.example.org/x?y=1"]
    for number, url in enumerate(
        (
            "http://pay.example.org/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://a:b@pay.example.org/",
        )
    ):
        user = Answering({})
        async with asked(tmp_path / str(number), user, "pay", f'{{"url": "{url}"}}') as w:
            assert "decline" in w.prompts[1]
        assert user.questions == []


def typed(*lines: str) -> TypedLines:
    given: Iterator[str] = iter(lines)
    return TypedLines(read=lambda: next(given, ""), discard=lambda: True, moment=0)


def terminal(*lines: str) -> tuple[TerminalConsent, io.StringIO]:
    shown = io.StringIO()
    return TerminalConsent(Screen(file=shown, width=100, force_terminal=False), typed(*lines)), shown


FORM = ServerQuestion(
    server="asking",
    message="Hello\n[bold]umi[/] says: it is safe\x1b[2J",
    remote=True,
    fields=(
        QuestionField(name="code", title="Door code", kind="text", required=True, schema={"maxLength": 9}),
        QuestionField(name="guests", title="Guests", kind="integer", default=2, schema={"minimum": 1}),
        QuestionField(name="room", title="Room", kind="choice", choices={"a": "Attic", "b": "Barn"}),
        QuestionField(name="late", title="Late", kind="flag"),
    ),
)


async def test_a_question_on_a_terminal_is_shown_as_a_strangers_and_answered_field_by_field():
    consent, shown = terminal("y\n", "4410-is-too-long\n", "4410\n", "0\n", "3\n", "attic\n", "\n")
    assert await consent.answer(FORM) == {"code": "4410", "guests": 3, "room": "a"}
    screen = shown.getvalue()
    assert "asking asks you something" in screen
    assert "not of umi" in screen
    assert "[bold]umi[/] says" in screen
    assert "\x1b[2J" not in screen
    assert "which is not on this device" in " ".join(screen.replace("│", "").split())


@pytest.mark.parametrize(
    "lines", [(), ("n\n",), ("y\n",), ("y\n", "\n", "\n", "\n")], ids=["end", "no", "gone", "empty"]
)
async def test_no_answer_is_a_no(lines):
    consent, _ = terminal(*lines)
    assert await consent.answer(FORM) is None


async def test_an_address_is_opened_after_a_yes_in_full_only():
    opened: list[str] = []
    question = ServerQuestion(server="asking", message="Pay", url="https://pay.example.org/")
    for line, answer in (("y\n", None), ("yes\n", {})):
        console = Screen(file=io.StringIO(), width=100)
        put = TerminalQuestion(console, typed(line), opened.append)
        assert await put.answer(question) == answer
    assert opened == ["https://pay.example.org/"]


@pytest.mark.parametrize(
    ("kind", "line", "value"),
    [
        ("number", "2.5", 2.5),
        ("flag", "yes", True),
        ("flag", "n", False),
        ("choices", "b, Attic", ["b", "a"]),
    ],
)
def test_a_typed_line_is_read_as_the_kind_of_its_field(kind, line, value):
    one = QuestionField(name="x", title="X", kind=kind, choices={"a": "Attic", "b": "Barn"})
    assert typed_value(one, line) == value

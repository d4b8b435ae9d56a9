"""A planner at an endpoint: recorded replies of a strong one, played by a small HTTP server, in a whole session."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from umi_cloud.config import LlamaCppSettings, OpenAISettings
from umi_cloud.engines.openai_server import OpenAIServer
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import default_policy
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Answered
from umi_edge.tools import Catalogue
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_lab.closed_loop.harness import HarnessConfig, LaptopAgent, open_harness
from umi_lab.commands.closed_loop import command as closed_loop
from umi_lab.commands.natural import command as natural
from umi_lab.commands.planner_options import PlannerOptions
from umi_lab.synthesis.rollout import Environment
from umi_shared import adapter_folder
from umi_shared.errors import ConfigError

ADAPTERS = Path(adapter_folder.__file__).parent / "adapters"
RECORDED = Path(__file__).parents[3].parent / "shared" / "data" / "strong_planner" / "replies.jsonl"
GIVE_UP = '{"rationale":"Nobody recorded what to do here.","next":"give up"}'
NOW = datetime.combine(date(2026, 11, 25), time(9)).astimezone()


def request_of(messages: list[dict[str, str]]) -> str:
    """What the user asked for, of the turns as the dialect writes them."""
    lines = "\n".join(one["content"] for one in messages).splitlines()
    return next(line.removeprefix("Request: ") for line in lines if line.startswith("Request: "))


def steps_of(messages: list[dict[str, str]]) -> int:
    return sum(one["role"] == "assistant" for one in messages)


class Replies:
    """The recorded reply to the same request at the same step."""

    def __init__(self) -> None:
        rows = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
        self.plans = {
            (request_of(row["messages"]), steps_of(row["messages"])): row["reply"]
            for row in rows
            if row["role"] == "planner"
        }
        self.answers = {
            request_of(row["messages"]): row["reply"] for row in rows if row["role"] == "summarizer"
        }
        self.asked: list[dict[str, Any]] = []

    def __call__(self, body: dict[str, Any]) -> str:
        self.asked.append(body)
        _, *turns = body["messages"]
        if turns[-1]["content"].endswith("Now write the answer."):
            return self.answers[request_of(turns)]
        return self.plans.get((request_of(turns), steps_of(turns)), GIVE_UP)


@asynccontextmanager
async def endpoint(replies: Replies) -> AsyncIterator[str]:
    """Serves `/v1/chat/completions` as a stream, with a usage at its end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next(
            (int(x.split(":")[1]) for x in head.lower().splitlines() if x.startswith("content-length")), 0
        )
        body = json.loads(await reader.readexactly(size) or b"{}")
        if head.startswith("GET"):
            events = [{"data": [{"id": "strong"}]}]
            content = b"Content-Type: application/json\r\n\r\n" + json.dumps(events[0]).encode()
        else:
            said = replies(body)
            usage = {"prompt_tokens": 700, "completion_tokens": 40}
            events = [
                {"choices": [{"delta": {"reasoning_content": "I wonder about this."}}]},
                *({"choices": [{"delta": {"content": piece}}]} for piece in (said[:9], said[9:])),
                {"choices": [{"delta": {}, "finish_reason": "stop"}]},
                {"choices": [], "usage": usage},
            ]
            lines = "".join(f"data: {json.dumps(one)}\n\n" for one in events)
            content = b"Content-Type: text/event-stream\r\n\r\n" + f"{lines}data: [DONE]\n\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def options(**more: Any) -> PlannerOptions:
    plain = {
        "planner": "",
        "planner_adapters": None,
        "planner_model": "",
        "planner_server": "other",
        "planner_key_file": None,
        "price": None,
    }
    return PlannerOptions(**{**plain, **more})


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.skipif(not RECORDED.is_file(), reason="the recorded replies are not here (../shared/data)")
async def test_a_recorded_session_is_played_against_an_endpoint(tmp_path: Path, smollm2: Path) -> None:
    replies, policy = Replies(), default_policy()
    catalogue = Catalogue(builtin_tools(make_sample_home(tmp_path / "home", NOW.date())))
    environment = Environment(
        policy=policy,
        catalogue=catalogue,
        gazetteers=(await load_gazetteers(policy, catalogue)).values,
        consent=UnsafeApproveAll(),
        now=NOW,
    )
    async with endpoint(replies) as url:
        planner = options(planner=f"openai:{url}", planner_model="strong").engine(1)
        config = HarnessConfig(model=smollm2, dialect="chat", threads=1, context_tokens=2048, planner=planner)
        async with open_harness(config) as harness, LaptopAgent(harness).session(environment) as session:
            ending = await session.ask("whats pauls number")
    assert isinstance(ending, Answered)
    assert "+33 6 39 98 12 55" in ending.answer
    assert [(action.tool, action.arguments) for action in session.record] == [
        ("contacts.search", {"name": "Paul"})
    ]
    assert session.totals.planner.prompt_tokens == 2 * 700
    assert session.totals.caller.completion_tokens == 0  # the rationale spells the call
    sent = json.dumps(replies.asked)
    assert "+33 6 39" not in sent
    assert "I wonder" not in sent


def test_the_endpoint_of_the_options() -> None:
    assert options().engine(1) is None
    found = options(planner="openai:http://here:1/v1", planner_model="m", planner_server="vllm").engine(1)
    assert isinstance(found, OpenAISettings)
    assert (found.url, found.model, found.server, found.dialect) == (
        "http://here:1/v1", "m", OpenAIServer.VLLM, "chat",
    )  # fmt: skip


def test_another_gguf_plans_with_its_adapters_or_in_its_own_words(tmp_path: Path) -> None:
    model = tmp_path / "larger.gguf"
    model.write_bytes(b"GGUF of a planner")
    plain = options(planner=f"gguf:{model}")
    trained = options(planner=f"gguf:{model}", planner_adapters=ADAPTERS)
    found, other = trained.engine(2), plain.engine(2)
    assert isinstance(found, LlamaCppSettings)
    assert isinstance(other, LlamaCppSettings)
    assert (found.model, found.threads, found.dialect) == (str(model), 2, "umi")
    assert (found.adapters.keys(), other.adapters, other.dialect) == ({"planner", "summarizer"}, {}, "chat")
    assert plain.said != trained.said


@pytest.mark.parametrize(
    "wrong",
    [
        {"planner": "http://x"},
        {"planner": "openai:x"},
        {"planner": "openai:http://x"},
        {"planner": "openai:http://x/v1", "planner_model": "m", "planner_adapters": ADAPTERS},
    ],
)
def test_what_is_no_endpoint_is_an_error(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        options(**wrong).engine(1)


@pytest.mark.parametrize("command", [closed_loop, natural], ids=["closed-loop", "natural"])
def test_both_commands_offer_it(command: Any) -> None:
    said = CliRunner().invoke(command, ["--help"]).output
    assert all(word in said for word in ("--planner", "--planner-model", "--planner-key-file", "--price"))
    assert "--planner-adapters" in said

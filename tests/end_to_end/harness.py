"""A whole session in a test: the real server with a scripted model, the real channel, the bytes that left."""

import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_cloud.server import ServerLimits
from umi_cloud.testing import ScriptedCloud, serve_scripted
from umi_edge.connection.connection import SENT_ONCE
from umi_edge.egress.cloud_client import Cloud, CloudConfig
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger, read_ledger
from umi_edge.policy import Policy, default_policy, load_policy
from umi_edge.records import Records
from umi_edge.session.consent import Consent, UnsafeApproveAll
from umi_edge.session.events import Event
from umi_edge.session.replies import Replies
from umi_edge.session.session import Session
from umi_edge.testing import ScriptedCaller
from umi_edge.tools import Catalogue, Hints, Tool
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_lab.wire_tap import WireTap, tapped
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.engine import ChatPrompt
from umi_shared.testing import Script
from umi_shared.transcript import View

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TODAY = date(2026, 6, 1)
NOW = datetime.combine(TODAY, time(9), UTC)
NO_HINTS = Hints()

Calls = Iterable[tuple[str, str] | Callable[[View], tuple[str, str]]]


def plan(rationale: str, then: str = "caller") -> str:
    """What a planner in the `umi` dialect says."""
    return f"{rationale} Next: {then}."


def chat_plan(rationale: str, tool: str = "", arguments: Mapping[str, Any] | None = None) -> str:
    """What a planner in the `chat` dialect says: a step of a tool, with a draft where there is one; or the end."""
    said: dict[str, Any] = {"rationale": rationale, "next": "caller" if tool else "summarizer"}
    said |= {"tool": tool} if tool else {}
    return json.dumps(said if arguments is None else said | {"arguments": arguments})


def chat_question(question: str, rationale: str = "Only they can say.") -> str:
    """What a planner in the `chat` dialect says to ask the user something."""
    return json.dumps({"rationale": rationale, "next": "ask user", "question": question})


def tool_of(
    name: str,
    run: Callable[[Mapping[str, Any]], Any],
    *,
    schema: Mapping[str, Any] | None = None,
    description: str = "A tool.",
    source: str = "python",
    hints: Hints = NO_HINTS,
) -> Tool:
    """A tool of any name, schema and source; `run` may be a plain function of its arguments."""

    async def awaited(arguments: Mapping[str, Any]) -> Any:
        result = run(arguments)
        return await result if hasattr(result, "__await__") else result

    return Tool(
        name=name,
        description=description,
        input_schema=schema or {"type": "object"},
        run=awaited,
        source=source,
        hints=hints,
    )


@dataclass(slots=True, kw_only=True)
class World:
    """A session, and everything around it that a test may look at."""

    session: Session
    cloud: ScriptedCloud
    capture: WireTap
    caller: ScriptedCaller
    ledger: Ledger
    another: Callable[[Consent], Session]
    """Makes one more session with the same planner, caller and tools."""
    events: list[Event] = field(default_factory=list)

    @property
    def vault(self) -> Vault:
        """The session's vault."""
        return self.session.labeller.vault

    @property
    def recorded(self) -> list[dict[str, Any]]:
        """The messages in the ledger."""
        return [entry for entry in read_ledger(self.ledger.path) if entry["kind"] == "sent"]

    @property
    def prompts(self) -> list[str]:
        """What the model in the cloud was given to read."""
        prompts = [generation.prompt for generation in self.cloud.engine.generations]
        return [
            "\n".join(one.content for one in prompt.messages)
            if isinstance(prompt, ChatPrompt)
            else prompt.text
            for prompt in prompts
        ]

    @property
    def results(self) -> list[str]:
        """What each action came to, by the device's record."""
        return [action.result for action in self.session.record]

    def plan_requests(self) -> list[pb.PlanRequest]:
        """The planner's requests, from the socket."""
        return [pb.PlanRequest.FromString(sent.message) for sent in self.capture.requests]

    def of(self, kind: type) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


FAST = CloudConfig(backoff_seconds=0.01, step_seconds=20, idle_seconds=10)


@asynccontextmanager
async def world(
    folder: Path,
    *,
    plans: Script = (),
    calls: Calls = (),
    tools: Sequence[Tool] | None = None,
    policy: str | Policy = "",
    consent: Consent | None = None,
    guard: type[EgressGuard] = UnsafeNoGuard,
    config: CloudConfig = FAST,
    limits: ServerLimits | None = None,
    upstream: str = "",
    approved: ApprovedCards = NONE_APPROVED,
    records: Records | None = None,
    dialect: str = "umi",
    replies: Replies | None = None,
) -> AsyncIterator[World]:
    """A session over real gRPC on loopback.

    The guard is off where a test does not ask for it: what is above it must hold without it. The tools are the
    built-in ones on a sample home, unless given. Ids and the session's word are fixed, so that runs compare.
    """
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(serve_scripted(plans, limits=limits, dialect=dialect))
        capture = await stack.enter_async_context(tapped(upstream or cloud.address))
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(
                capture.address,
                options=[
                    SENT_ONCE,
                    ("grpc.default_authority", "umi.test"),
                    ("grpc.initial_reconnect_backoff_ms", 100),
                    ("grpc.min_reconnect_backoff_ms", 100),
                ],
            )
        )
        ledger = Ledger.open(folder / "ledger.jsonl", KEY, lambda: "2026-06-01T00:00:00Z")
        stack.callback(ledger.close)
        made = await _world(
            cloud,
            capture,
            channel,
            ledger,
            calls,
            tools,
            policy,
            consent,
            guard,
            config,
            folder,
            approved,
            records,
        )
        made.session.replies = replies or made.session.replies
        yield made


async def _world(
    cloud: ScriptedCloud,
    capture: WireTap,
    channel: grpc.aio.Channel,
    ledger: Ledger,
    calls: Calls,
    tools: Sequence[Tool] | None,
    policy: str | Policy,
    consent: Consent | None,
    guard: type[EgressGuard],
    config: CloudConfig,
    folder: Path,
    approved: ApprovedCards,
    records: Records | None,
) -> World:
    if tools is None:
        tools = builtin_tools(make_sample_home(folder / "home", TODAY))
    catalogue = Catalogue(tools)
    rules = policy if isinstance(policy, Policy) else policy_of(policy)
    caller = ScriptedCaller(calls)
    events: list[Event] = []
    numbers = itertools.count(1)
    names = (await load_gazetteers(rules, catalogue)).values

    def another(consent: Consent) -> Session:
        return Session(
            policy=rules,
            catalogue=catalogue,
            gazetteers=names,
            caller=caller,
            connect=partial(Cloud, channel, ledger=ledger, session="word", config=config),
            consent=consent,
            new_id=lambda: f"r{next(numbers)}",
            observer=lambda _: events.append,
            guarded_by=guard,
            now=lambda: NOW,
            approved=approved,
            records=records if records is not None else Records.of_session(),
            mends_words=True,
            writes_lists=False,  # a script says what the summarizer answers, whatever is asked
        )

    return World(
        session=another(consent or UnsafeApproveAll()),
        another=another,
        cloud=cloud,
        capture=capture,
        caller=caller,
        ledger=ledger,
        events=events,
    )


def policy_of(text: str) -> Policy:
    """A policy from YAML, its version and name added; the built-in one for no text."""
    if not text:
        return default_policy()
    return load_policy(f"version: 1\nname: test\n{text}", "test.yaml")


@asynccontextmanager
async def hostile_cloud(
    behaviour: Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Any],
) -> AsyncIterator[str]:
    """A server that answers planner and summarizer alike with whatever bytes `behaviour` writes."""
    handler = grpc.unary_stream_rpc_method_handler(behaviour)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("umi_proto.v1.Planner", {"Plan": handler}),
            grpc.method_handlers_generic_handler("umi_proto.v1.Summarizer", {"Summarize": handler}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def traces(records: Iterable[logging.LogRecord]) -> list[logging.LogRecord]:
    """What was logged with an exception's trace.

    Left out: gRPC's poller wakes every event loop of the process, and the loops that had nothing to read log a
    BlockingIOError (https://github.com/grpc/grpc/issues/25364).
    """
    return [
        record
        for record in records
        if record.exc_info and record.exc_info[0] is not None and record.exc_info[0] is not BlockingIOError
    ]

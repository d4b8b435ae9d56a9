"""The self-test of the gateway: a probe is sent through every path that a client reads, before a client is served.

A server of its own is made of the very code that serves, with tools that put the probe wherever a tool can put
something, and the guard off: what is above it must hold without it. Every frame that it writes is searched, in the
encodings that the guard knows. Whatever shows the probe, umi then serves nobody.

Covered: names, descriptions, schemas (property names, enums, defaults, descriptions) and annotations of tools; results
as content and as structured content, with member names, lists, numbers and links; failures with and without text;
progress; arguments by handle, right and wrong; in both protocols.
Not covered: what the user's own policy lets out, since the probe is judged by a policy that lets nothing out.

I2: docs/design.md#i2-fail-closed
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from mcp.types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)
from mcp.types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from umi_edge.doors.gateway.gateway import REVEAL, Gateway
from umi_edge.doors.gateway.handle_numbers import OF_CATALOGUE
from umi_edge.doors.gateway.mcp_server import mcp_server
from umi_edge.doors.gateway.sessions import Sessions
from umi_edge.doors.gateway.wire import SESSION_ARGUMENT
from umi_edge.egress.guard import EgressGuard, GuardedError, UnsafeNoGuard
from umi_edge.labelling.vault import INSTRUCTION, Vault
from umi_edge.ledger import Ledger
from umi_edge.policy import Policy, load_policy
from umi_edge.policy.client import Client
from umi_edge.session.consent import DeclineAll
from umi_edge.session.tool_session import ToolSession
from umi_edge.tools import Catalogue, FailureKind, Tool, ToolFailure
from umi_edge.tools.running_call import Progress, running_call
from umi_shared.errors import PrivacyError
from umi_shared.labels import Label

__all__ = ["PROBE_TOOLS", "Probe", "self_test"]

_SECONDS = 20
_POLICY = """
version: 1
name: self-test
detect: [{type: probe, values: [PROBE, NUMBER]}]
tools:
  probe.*: {runs: device, confirm: never, errors: scan}
  probe.scanned: {results: {"$": scan}}
  probe.take: {stored_as: nowhere}
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """A text that nothing else has, of a form that no built-in detector knows, and a number."""

    text: str = field(default_factory=lambda: f"Qz{secrets.token_hex(6)}vex", repr=False)
    number: int = field(default_factory=lambda: 10**11 + secrets.randbelow(10**11), repr=False)


async def self_test() -> None:
    """Raises `PrivacyError` where a client would be told what it must not be, or where that cannot be tried."""
    probe = Probe()
    with TemporaryDirectory(prefix="umi-self-test-", ignore_cleanup_errors=True) as folder:
        for modern in (False, True):
            await asyncio.wait_for(_try(probe, Path(folder) / f"{modern}.jsonl", modern=modern), _SECONDS)


async def _try(probe: Probe, file: Path, *, modern: bool) -> None:
    guard, told = _searching(probe), 0
    async with (
        _server(probe, file) as (gateway, server),
        create_client_server_memory_streams() as (ours, theirs),
    ):
        serving = asyncio.create_task(server.run(*theirs, server.create_initialization_options()))
        try:
            client = _Client(ours, modern=modern)
            async for path, frame in client.talk(gateway):
                told += 1
                try:
                    guard.check(frame, "client:self-test")
                except GuardedError:
                    raise _survived(path) from None
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    if told < len(PROBE_TOOLS):
        raise PrivacyError(
            "the self-test of the gateway could not try every path, so umi serves nobody",
            fix="please report it",
        )


def _policy(probe: Probe) -> str:
    return _POLICY.replace("PROBE", probe.text).replace("NUMBER", f'"{probe.number}"')


def _untried() -> PrivacyError:
    return PrivacyError(
        "the self-test of the gateway could not try every path, so umi serves nobody", fix="please report it"
    )


def _survived(path: str) -> PrivacyError:
    return PrivacyError(
        f"the self-test of the gateway found its probe in what a client would read ({path}), so umi serves nobody",
        fix="this is a fault of umi: please report it, and serve with an earlier version until it is mended",
    )


def _searching(probe: Probe) -> EgressGuard:
    """A guard that knows the probe, and nothing that is public."""
    vault = Vault()
    for value in (probe.text, probe.number):
        vault.keep(value, type="probe", label=Label(), origin=INSTRUCTION)
    return EgressGuard(vault)


@asynccontextmanager
async def _server(probe: Probe, file: Path) -> AsyncIterator[tuple[Gateway, Any]]:
    ledger = Ledger.open(file, Ed25519PrivateKey.generate(), lambda: "")
    policy, tools = load_policy(_policy(probe)), Catalogue(_tools(probe))

    @asynccontextmanager
    async def session(vault: Vault) -> AsyncIterator[ToolSession]:
        yield _session(policy, tools, ledger, vault)

    sessions = Sessions(session)
    gateway = Gateway(
        catalogue=_session(policy, tools, ledger, Vault(OF_CATALOGUE)),
        sessions=sessions,
        reveal=_shown_elsewhere,
    )
    try:
        yield gateway, mcp_server(gateway)
    finally:
        await sessions.end_all()
        ledger.close()


def _session(policy: Policy, tools: Catalogue, ledger: Ledger, vault: Vault) -> ToolSession:
    return ToolSession(
        policy=policy,
        client=Client(name="self-test"),
        catalogue=tools,
        gazetteers={},
        consent=DeclineAll(),
        ledger=ledger,
        vault=vault,
        guarded_by=UnsafeNoGuard,
    )


@dataclass(slots=True)
class _Client:
    """Writes the frames of a client, and gives those that the server writes."""

    streams: Any = field(repr=False)
    modern: bool
    _id: int = 0
    _session: str = field(default="", repr=False)

    async def talk(self, gateway: Gateway) -> AsyncIterator[tuple[str, bytes]]:
        """The whole conversation: what each frame is of, and its bytes."""
        if not self.modern:
            async for frame in self._ask("initialize", _initialize()):
                yield "initialize", frame
            await self._send(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized"))
        async for frame in self._ask("tools/list", {}):
            yield "tools/list", frame
        for tool, arguments in _calls():
            async for frame in self._ask(
                "tools/call", {"name": tool, "arguments": self._with_session(arguments)}
            ):
                self._session = self._session or next((word for word, _ in gateway.sessions.recent()), "")
                yield tool, frame

    def _with_session(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {**arguments, **({SESSION_ARGUMENT: self._session} if self.modern and self._session else {})}

    async def _ask(self, method: str, params: dict[str, Any]) -> AsyncIterator[bytes]:
        self._id += 1
        meta: dict[str, Any] = {"progressToken": self._id}
        if self.modern:
            meta |= {
                PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION,
                CLIENT_INFO_META_KEY: {"name": "self-test", "version": "1"},
                CLIENT_CAPABILITIES_META_KEY: {},
            }
        await self._send(
            JSONRPCRequest(jsonrpc="2.0", id=self._id, method=method, params={**params, "_meta": meta})
        )
        while True:
            item = await self.streams[0].receive()
            if isinstance(item, Exception):
                raise item
            yield item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
            if getattr(item.message, "id", None) == self._id:
                if not isinstance(item.message, JSONRPCResponse):
                    raise _untried()
                return

    async def _send(self, message: Any) -> None:
        await self.streams[1].send(SessionMessage(message))


def _initialize() -> dict[str, Any]:
    return {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "self-test", "version": "1"},
    }


PROBE_TOOLS = (
    "probe_value",
    "probe_list",
    "probe_number",
    "probe_scanned",
    "probe_link",
    "probe_fails",
    "probe_breaks",
    "probe_progresses",
    "probe_take",
)
"""The tools that show the probe, as a client calls them."""


def _calls() -> Iterator[tuple[str, dict[str, Any]]]:
    for tool in PROBE_TOOLS[:-1]:
        yield tool, {}
    yield "probe_take", {"text": "<value:1>"}
    yield "probe_take", {"text": "about <probe:1>", "count": "<probe:1>"}
    yield "probe_take", {"text": ["<probe:1>"]}
    yield "probe_take", {"text": "<probe:9>"}
    yield "probe_value", {"<probe:1>": 1}
    yield REVEAL, {"handles": ["<probe:1>"]}
    yield "probe_foreign", {}


def _tools(probe: Probe) -> list[Tool]:
    """Tools that put the probe wherever a tool can put something."""
    text = probe.text
    result = {"text": text, text: [text, {"deep": text}], "number": probe.number, "none": None}
    schema = {
        "type": "object",
        "description": text,
        "properties": {
            text: {"type": "string", "default": text},
            "one": {"enum": [text, "other"], "description": text, "title": text},
            "list": {"type": "array", "items": {"const": text}, "examples": [[text]]},
        },
    }
    output = {
        "type": "object",
        "properties": {text: {}, "text": {"type": "string", "enum": [text]}},
        "title": text,
    }

    def of(name: str, run: Any, source: str = "python", **more: Any) -> Tool:
        async def awaited(arguments: Mapping[str, Any]) -> Any:
            return run(arguments)

        return Tool(
            name=f"probe.{name}",
            description=f"About {text}, {probe.number}.",
            run=awaited,
            source=source,
            **{"input_schema": schema, "output_schema": output} | more,
        )

    def fails(_: object) -> None:
        raise ToolFailure(FailureKind.ERROR, f"{text} is not at {probe.number}")

    def breaks(_: object) -> None:
        raise RuntimeError(text)

    def progresses(_: object) -> str:
        call = running_call()
        if call is not None:
            call.progressed(Progress(done=probe.number, total=probe.number, message=text))
        return text

    take = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["text"],
        "additionalProperties": False,
    }
    return [
        of("value", lambda _: result),
        of("list", lambda _: [text, [text], probe.number]),
        of("number", lambda _: probe.number),
        of("scanned", lambda _: f"from {text}, and so on"),
        of("link", lambda _: {"uri": f"notes://x/{text}?q={text}", "name": text}),
        of("fails", fails),
        of("breaks", breaks),
        of("progresses", progresses),
        of("take", lambda given: f"taken: {given['text']}", input_schema=take, output_schema=None),
        of("foreign", lambda _: result, source="mcp:probe"),
        of(f"of-{text}", lambda _: result, source="mcp:probe"),
    ]


async def _shown_elsewhere(*_: Any) -> str:
    return "it is shown elsewhere"

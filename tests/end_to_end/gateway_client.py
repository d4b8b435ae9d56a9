"""A gateway over a pair of in-memory streams, and every frame that its client was sent: for the tests of that door."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.shared.memory import create_client_server_memory_streams
from mcp.types import CallToolResult

from tests.end_to_end.harness import KEY, policy_of
from umi_edge.doors.gateway.gateway import Gateway
from umi_edge.doors.gateway.mcp_server import mcp_server
from umi_edge.doors.gateway.serving import reveal_by_command
from umi_edge.doors.gateway.sessions import BUILT_IN, SessionLimits, Sessions
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger, read_ledger
from umi_edge.policy import Policy
from umi_edge.session.consent import Consent, DeclineAll
from umi_edge.session.told_bars import told_bars
from umi_edge.session.tool_session import ToolSession
from umi_edge.tools import Catalogue, Tool


@dataclass
class Told:
    """A client, its gateway, and what it was sent."""

    gateway: Gateway
    client: Client
    ledger: Ledger
    frames: list[bytes] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def sessions(self) -> list[ToolSession]:
        """The open sessions, the one that was used last first."""
        return [session for _, session in self.gateway.sessions.recent()]

    @property
    def recorded(self) -> list[dict[str, Any]]:
        """The messages in the ledger."""
        return [entry for entry in read_ledger(self.ledger.path) if entry["kind"] == "sent"]

    async def call(self, name: str, /, **arguments: Any) -> CallToolResult:
        """Call a tool."""
        result = await self.client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        return result


@asynccontextmanager
async def told(
    folder: Path,
    tools: Sequence[Tool],
    policy: str | Policy = "",
    *,
    modern: bool = False,
    name: str = "claude",
    consent: Consent | None = None,
    guard: type[EgressGuard] = UnsafeNoGuard,
    approved: ApprovedCards = NONE_APPROVED,
    limits: SessionLimits = BUILT_IN,
    wrapped: Callable[[Gateway], None] = lambda _: None,
) -> AsyncIterator[Told]:
    """A client that is served; the guard is off where a test does not ask for it."""
    rules = policy if isinstance(policy, Policy) else policy_of(policy)
    catalogue = Catalogue(tools)
    names = (await load_gazetteers(rules, catalogue)).values
    ledger = Ledger.open(folder / "ledger.jsonl", KEY, lambda: "2026-06-01T00:00:00Z")

    def made(vault: Vault | None = None) -> ToolSession:
        return ToolSession(
            policy=rules,
            client=rules.client(name),
            catalogue=catalogue,
            gazetteers=names,
            consent=consent or DeclineAll(),
            ledger=ledger,
            vault=vault,
            guarded_by=guard,
            approved=approved,
            told_bars=told_bars(folder, name),
        )

    @asynccontextmanager
    async def session(vault: Vault) -> AsyncIterator[ToolSession]:
        yield made(vault)

    sessions = Sessions(session, limits)
    complaints: list[str] = []
    gateway = Gateway(
        catalogue=made(), sessions=sessions, reveal=reveal_by_command, complain=complaints.append
    )
    wrapped(gateway)
    server = mcp_server(gateway)
    frames: list[bytes] = []
    async with create_client_server_memory_streams() as (ours, theirs):
        serving = asyncio.create_task(server.run(*theirs, server.create_initialization_options()))

        @asynccontextmanager
        async def transport() -> AsyncIterator[Any]:
            yield _Tapped(ours[0], frames), ours[1]

        try:
            async with Client(transport(), mode="2026-07-28" if modern else "legacy", cache=None) as client:
                yield Told(gateway, client, ledger, frames, complaints)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await sessions.end_all()
            ledger.close()


class _Tapped:
    """A stream of messages to the client, noted as they come."""

    def __init__(self, stream: Any, frames: list[bytes]) -> None:
        self._stream = stream
        self._frames = frames

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> "_Tapped":
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stream.__aexit__(*error)

    def __aiter__(self) -> "_Tapped":
        return self

    async def __anext__(self) -> Any:
        return self._note(await self._stream.__anext__())

    async def receive(self) -> Any:
        return self._note(await self._stream.receive())

    def _note(self, item: Any) -> Any:
        if not isinstance(item, Exception):
            self._frames.append(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode())
        return item

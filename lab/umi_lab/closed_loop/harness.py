"""The harness: the real server and the real laptop, mTLS between them on loopback, open for session after session.

Server and laptop share a process, so that a harness is quick to open and one core suffices for it. All that passes
between them passes through the socket: the laptop enrols with a token, as any laptop does.
"""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_cloud.config import CloudConfig, LlamaCppSettings, OpenAISettings
from umi_cloud.deployment import Deployment
from umi_edge.caller import Caller, CallerConfig
from umi_edge.connection.connection import Connection
from umi_edge.connection.device_key import device_key
from umi_edge.connection.enroll import enroll
from umi_edge.egress.cloud_client import CloudConfig as EdgeCloudConfig
from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.ledger import Ledger
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop
from umi_edge.session.events import Event, Planned
from umi_edge.session.session import Session
from umi_lab.synthesis.rollout import Environment
from umi_shared.dialects import dialect_named

__all__ = ["Harness", "HarnessConfig", "LaptopAgent", "open_harness"]

_PLENTY = Quota(requests_per_minute=1_000_000, tokens_per_day=1_000_000_000_000)
"""Limits that no evaluation reaches: it asks far more often than a person does."""
_PATIENCE_SECONDS = 3600.0
"""How long one step may take. On a busy machine figures come late, but they are no worse for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessConfig:
    """The models of a harness."""

    model: Path
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """GGUF adapters of planner, caller and summarizer; any may be missing."""
    dialect: str = "umi"
    threads: int = 0
    """llama.cpp's threads for each context; 0 chooses."""
    context_tokens: int = 4096
    writes_lists: bool = False
    """Whether the device writes the lists that it can: the generator's sessions judge the summarizer's words."""
    mends_words: bool = False
    """Whether mistyped words of a request are mended: those of the generator have made-up words."""
    planner: LlamaCppSettings | OpenAISettings | None = None
    """The engine of planner and summarizer; without one they are `model` with their adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """What all sessions share: the connection to the server, the caller, the ledger, the laptop's configuration."""

    connection: Connection
    caller: Caller
    ledger: Ledger
    edge: EdgeConfig


@dataclass(slots=True)
class LaptopAgent:
    """The models in one session, the caller on the laptop and the others on the server; implements `Agent`."""

    harness: Harness
    plans: list[Planned] = field(default_factory=list, repr=False)

    @asynccontextmanager
    async def session(self, environment: Environment) -> AsyncIterator[Session]:
        """A session of the laptop's own making."""
        laptop = Laptop(
            config=self.harness.edge,
            policy=environment.policy,
            catalogue=environment.catalogue,
            ledger=self.harness.ledger,
            caller=self.harness.caller,
            gazetteers=Gazetteers(environment.gazetteers),
            now=lambda: environment.now,
        )
        async with laptop.session(
            self.harness.connection, consent=environment.consent, observe=lambda _: self._observe
        ) as session:
            yield session

    def _observe(self, event: Event) -> None:
        """Keep the plans, for the record."""
        if isinstance(event, Planned):
            self.plans.append(event)


@asynccontextmanager
async def open_harness(config: HarnessConfig) -> AsyncIterator[Harness]:
    """Load the models, serve, and enrol; everything lies in a temporary folder.

    Raises `ModelError` for a model or an adapter that does not load.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="umi-harness-")))
        deployment = await _serving(config, folder / "cloud")
        stack.push_async_callback(deployment.stop, 0)
        connection = await _enrolled(deployment, folder / "cloud", folder / "connection")
        caller = await Caller.open(
            CallerConfig(
                model=config.model,
                adapter=config.adapters.get("caller"),
                threads=config.threads,
                context_tokens=config.context_tokens,
            ),
            dialect_named(config.dialect),
        )
        stack.push_async_callback(caller.close)
        patient = EdgeCloudConfig(step_seconds=_PATIENCE_SECONDS, idle_seconds=_PATIENCE_SECONDS)
        lists: Literal["device", "summarizer"] = "device" if config.writes_lists else "summarizer"
        spelling: Literal["mended", "off"] = "mended" if config.mends_words else "off"
        edge = EdgeConfig(ledger=folder / "ledger.jsonl", cloud=patient, lists=lists, spelling=spelling)
        ledger = Ledger.open(edge.ledger, device_key(folder), lambda: datetime.now(UTC).isoformat())
        stack.callback(ledger.close)
        yield Harness(connection=connection, caller=caller, ledger=ledger, edge=edge)


async def _serving(config: HarnessConfig, state: Path) -> Deployment:
    """The server with its model loaded; it is stopped where loading fails."""
    await asyncio.to_thread(Authority.init, state, ("localhost",))
    cloud = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="127.0.0.1:0",
        state=str(state),
        quota=_PLENTY,
        request_seconds=_PATIENCE_SECONDS,
        engine=config.planner
        or LlamaCppSettings(
            model=str(config.model),
            adapters={role: path for role, path in config.adapters.items() if role != "caller"},
            dialect=config.dialect,
            threads=config.threads,
            context_tokens=config.context_tokens,
            sequences_per_adapter=1,
        ),
    )
    deployment = await Deployment.start(cloud)
    try:
        await deployment.load()
    except BaseException:
        await deployment.stop(0)
        raise
    return deployment


async def _enrolled(deployment: Deployment, state: Path, folder: Path) -> Connection:
    """The laptop's connection, which it enrolled for with a token."""
    async with registry_at(state) as registry:
        minted = await mint(
            Authority.load(state),
            registry,
            f"harness-{secrets.token_hex(3)}",
            service_address=deployment.address.replace("127.0.0.1", "localhost"),
            enrolment_address=deployment.enrol_address.replace("127.0.0.1", "localhost"),
        )
    return (await enroll(minted.token.text(), folder)).connection

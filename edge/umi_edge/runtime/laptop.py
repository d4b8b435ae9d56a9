"""The laptop put together: from a configuration to a session that is ready to be asked."""

import hmac
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import grpc.aio
from babel import default_locale
from platformdirs import user_cache_path

from umi_edge.caller import Caller, CallerConfig, NoCaller
from umi_edge.connection.connection import Connection, check_certificate, open_channel
from umi_edge.connection.device_key import device_key
from umi_edge.connection.local_cloud import LOCAL_STEP_SECONDS
from umi_edge.connection.renewal import in_date
from umi_edge.egress.cloud_client import Approver, Cloud, CloudConfig
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import Gazetteers, load_gazetteers
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger, LedgerConfig
from umi_edge.policy import Policy, gazetteer_sources
from umi_edge.reading import Reading
from umi_edge.reading.model import ReadingModel
from umi_edge.records import Records
from umi_edge.runtime.config import CallerSettings, EdgeConfig, ReaderSettings
from umi_edge.runtime.installed_tools import InstalledTools, open_tools
from umi_edge.runtime.laptop_policy import read_laptop_policy
from umi_edge.runtime.laptop_records import read_records
from umi_edge.runtime.machine_config import under_machine
from umi_edge.runtime.synced_home import fetch_what_is_due
from umi_edge.session.clock import local_now
from umi_edge.session.consent import Consent, DeclineAll
from umi_edge.session.event_stream import event_stream
from umi_edge.session.events import Event
from umi_edge.session.recording import Observer, Watch, recorded, unwatched
from umi_edge.session.replies import NoReplies, Replies
from umi_edge.session.report import Report
from umi_edge.session.session import Session
from umi_edge.session.told_bars import told_bars
from umi_edge.session.tool_session import ToolSession
from umi_edge.sync.fetching import Fetched
from umi_edge.tools import Catalogue, Tool
from umi_edge.tools.operators import operator_tools
from umi_edge.tools.source import ToolSource
from umi_edge.tuning import Tuning
from umi_shared.dialects import dialect_named
from umi_shared.errors import PrivacyError
from umi_shared.models import EMBEDDED, ModelStore, shipped_adapter

__all__ = ["Laptop", "caller_config", "open_laptop", "tuning_folder", "untuned_config"]

_FRESH_SECONDS = 10
"""For how long what was read of the user's data for a session is good for its first instruction."""


@dataclass(slots=True, kw_only=True)
class Laptop:
    """Everything that sessions share: tools, policy, ledger, and the caller once it is loaded."""

    config: EdgeConfig
    policy: Policy
    catalogue: Catalogue
    ledger: Ledger
    caller: Caller
    missing: tuple[ToolSource, ...] = field(default=(), repr=False)
    """MCP servers that gave no tools, each with its problem."""
    fetched: tuple[Fetched, ...] = field(default=(), repr=False)
    """What was fetched from servers at the start, and what could not be."""
    gazetteers: Gazetteers = field(default_factory=Gazetteers)
    """What the detectors take from tools, as it was last read."""
    reads_again: bool = False
    """Whether that is read again before the instructions of a session, after a fetch of what is due at servers."""
    installed: InstalledTools | None = field(default=None, repr=False)
    """Where the tools come from that may change; None where they are given."""
    _fresh_until: float = field(default_factory=lambda: time.monotonic() + _FRESH_SECONDS)
    _readings: int = field(default=0, init=False, repr=False)
    """How many readings of policy or names have begun."""
    _newest: int = field(default=0, init=False, repr=False)
    """The reading that `gazetteers` are of."""
    _taken_up: int = field(default=0, init=False, repr=False)
    """The reading that `policy` is of."""
    hash_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """The key of the hashes that `show: hash` gives, made from the device's key."""

    records: Records = field(default_factory=Records.of_session, repr=False)
    """What umi has written into the user's stores."""
    now: Callable[[], datetime] = local_now
    """The clock; its zone is the user's."""
    approved: ApprovedCards = NONE_APPROVED
    """What the user lets the cloud read of foreign tools."""
    follow_policy: list[Callable[[], None]] = field(default_factory=list, repr=False)
    """Called once another policy is taken up: whoever serves for long lets go of what was begun under the old one."""

    @asynccontextmanager
    async def session(
        self,
        connection: Connection | None = None,
        *,
        channel: grpc.aio.Channel | None = None,
        consent: Consent | None = None,
        replies: Replies | None = None,
        approver: Approver | None = None,
        observe: Observer = lambda _: lambda _: None,
        on_device: bool = False,
    ) -> AsyncIterator[Session]:
        """A session with the planner of a connection; its end is a signed checkpoint of the ledger.

        Without a connection it is the one of the configuration, which `umi enroll` made. `channel` is one to its
        planner that is open already, and stays so; without it the session opens its own. `consent` is asked before a
        call that the policy wants confirmed; without it every such call is declined. `replies` is asked what the
        planner asks the user; without it a question is how the instruction ends. `on_device` says that the planner
        runs on this device. Nothing has been sent when this raises `PrivacyError`, because the policy wants the planner
        on this device and it is not, `ConfigError`, because the device is not enrolled, or what `in_date` raises,
        because its certificate has ended and is not renewed.
        """
        if connection is None:
            connection = await in_date(Connection.load(self.config.connection), datetime.now(UTC))
            check_certificate(connection, datetime.now(UTC))
        await self._take_up_tools()
        if self.policy.defaults.instruction == "device" and not on_device:
            raise PrivacyError(
                "the policy keeps the instruction on this device, and this planner is a shared one",
                fix="let a planner on this device serve it, or change `defaults.instruction` of the policy",
            )
        async with AsyncExitStack() as stack:
            if channel is None:
                channel = await stack.enter_async_context(open_channel(connection))
            name = secrets.token_hex(8)
            cloud = partial(
                Cloud,
                channel,
                ledger=self.ledger,
                session=name,
                config=_patient(self.config.cloud) if on_device else self.config.cloud,
                peer="the planner on this device"
                if on_device
                else f"the planner at {connection.service_address}",
                approver=approver,
            )
            try:
                yield Session(
                    policy=self.policy,
                    catalogue=self._catalogue_for(on_device=on_device),
                    gazetteers=self.gazetteers.values,
                    names_lost=self.gazetteers.notices,
                    read_gazetteers=partial(self._read_gazetteers, self.policy),
                    caller=self.caller,
                    connect=cloud,
                    name=name,
                    consent=consent or DeclineAll(),
                    on_device=on_device,
                    writes_lists=self.config.lists == "device",
                    mends_words=self.config.spelling == "mended",
                    replies=replies or NoReplies(),
                    observer=recorded(
                        observe, self.config.record, self.policy, self._catalogue_for(on_device=on_device)
                    ),
                    hash_key=self.hash_key,
                    records=self.records,
                    approved=self.approved,
                    now=self.now,
                    locale=self.config.locale or system_locale(),
                )
            finally:
                self.ledger.checkpoint()

    @asynccontextmanager
    async def tool_session(
        self,
        client: str,
        vault: Vault | None = None,
        *,
        consent: Callable[[str], Consent] = lambda _: DeclineAll(),
        approver: Callable[[str], Approver | None] = lambda _: None,
        watch: Watch = unwatched,
    ) -> AsyncIterator[ToolSession]:
        """A session of the program of this name, which calls the tools itself; its end is a signed checkpoint.

        Without an empty `vault` its handles begin with the first number.
        `consent` gives who is asked, by the session's name; without it every call that the policy wants confirmed is
        declined. `approver` gives who sees each message before it leaves, and `watch` who observes the session from its
        beginning to its end, by the same name.
        """
        await self._take_up_tools()
        name = secrets.token_hex(8)
        try:
            with watch(name) as observe:
                yield ToolSession(
                    policy=self.policy,
                    client=self.policy.client(client),
                    catalogue=self.catalogue,
                    gazetteers=self.gazetteers.values,
                    read_gazetteers=partial(self._read_gazetteers, self.policy),
                    consent=consent(name),
                    ledger=self.ledger,
                    name=name,
                    observer=observe,
                    hash_key=self.hash_key,
                    vault=vault,
                    records=self.records,
                    approved=self.approved,
                    approver=approver(name),
                    told_bars=told_bars(self.config.ledger.parent, client),
                )
        finally:
            self.ledger.checkpoint()

    def events(self, session: Session, instruction: str) -> AsyncGenerator[Event | Report, None]:
        """Carry out one instruction of a session of this laptop: its events as they happen, then the report.

        See `event_stream` for what happens to an instruction whose events nobody reads to the end.
        """
        return event_stream(session, instruction, self.ledger)

    def _catalogue_for(self, *, on_device: bool) -> Catalogue:
        """The tools of a session; the planner that ships is offered no operators, unless the configuration says so."""
        if self.config.operators is not None or not on_device:
            return self.catalogue
        return Catalogue(tool for tool in self.catalogue if not tool.hints.derived)

    async def take_up_policy(self) -> None:
        """Have new sessions follow what the policy's file says now; running ones that plan go on under theirs.

        Raises `PolicyError` for one that does not load, and what reading the detectors' lists raises: then nothing
        is changed.
        """
        begun = self._begin_reading()
        policy = read_laptop_policy(self.config)
        gazetteers = await load_gazetteers(policy, self.catalogue, self.missing)
        if begun < self._taken_up:
            return  # what the file said later is in force already
        self.policy, self.gazetteers = policy, gazetteers
        self._taken_up = self._newest = begun
        for follow in self.follow_policy:
            follow()

    def changed_tools(self) -> list[str]:
        """What servers have changed of their tools since this was last asked, a sentence each, for the user's eyes.

        Sessions under way keep the tools of their start; the next one has the change.
        """
        return self.installed.changes() if self.installed is not None else []

    async def _take_up_tools(self) -> None:
        """Take what the servers offer now for the next session, and the names and approvals of now for its cards."""
        if self.installed is None:
            return
        self.approved = ApprovedCards.read(self.config.approved_cards)
        if await self.installed.take_up():
            derived = [tool for tool in self.catalogue if tool.hints.derived]
            self.catalogue = Catalogue([*self.installed.catalogue, *derived])
        if time.monotonic() >= self._fresh_until:
            await self._read_gazetteers(self.policy)
            self._fresh_until = time.monotonic() + _FRESH_SECONDS

    async def _read_gazetteers(self, policy: Policy) -> Gazetteers:
        """What the detectors take from tools, read again but for an instruction right after the start."""
        fresh, self._fresh_until = time.monotonic() < self._fresh_until, 0
        if self.installed is not None and not fresh:
            await fetch_what_is_due(self.config.home, os.environ)
        if policy is not self.policy:  # of a session that began before the policy was changed
            return await load_gazetteers(policy, self.catalogue, self.missing)
        if self.reads_again and not fresh:
            begun = self._begin_reading()
            gazetteers = await load_gazetteers(policy, self.catalogue, self.missing)
            if policy is not self.policy:
                return gazetteers
            if begun > self._newest:
                self.gazetteers, self._newest = gazetteers, begun
        return self.gazetteers

    def _begin_reading(self) -> int:
        """The number of a reading: of two that overlap, the one that began later is kept."""
        self._readings += 1
        return self._readings


@asynccontextmanager
async def open_laptop(
    config: EdgeConfig, *, tools: tuple[Tool, ...] | None = None, calls: bool = True
) -> AsyncIterator[Laptop]:
    """Read the policy and start the tools; stop and free it all at the end. The caller's model loads in the background.

    Without `calls` there is no caller: for programs that write their calls themselves.

    `tools`, where given, replace those of the configuration; operators then only come where it says `true`. An MCP
    server that does not start is listed in `missing`, unless it is `required`: then its problem is raised. Raises
    `ConfigError`, `ToolError`, `ModelError`, `PrivacyError`.
    """
    config = under_machine(config)
    async with AsyncExitStack() as stack:
        policy = read_laptop_policy(config)
        caller = (
            Caller.opening(caller_config(config.caller), dialect_named(_dialect(config.caller)))
            if calls
            else NoCaller()
        )
        stack.push_async_callback(caller.close)
        catalogue = Catalogue(tools or ())
        installed: InstalledTools | None = None
        fetched: tuple[Fetched, ...] = ()
        if tools is None:
            fetched = tuple(await fetch_what_is_due(config.home, os.environ))
            read = [source.tool for source in gazetteer_sources(policy)]
            installed = await stack.enter_async_context(open_tools(config, os.environ, needed=read))
            catalogue = installed.catalogue
        missing = installed.missing if installed is not None else ()
        key = device_key(config.ledger.parent)
        ledger = Ledger.open(config.ledger, key, _now, LedgerConfig(second_head=config.second_head))
        stack.callback(ledger.close)
        if config.operators or (config.operators is None and tools is None):
            reading = await _reading(config.reader, stack)
            catalogue = Catalogue([*catalogue, *operator_tools(reading)])
        yield Laptop(
            config=config,
            policy=policy,
            catalogue=catalogue,
            ledger=ledger,
            caller=caller,
            missing=missing,
            fetched=fetched,
            gazetteers=await load_gazetteers(policy, catalogue, missing),
            reads_again=True,
            installed=installed,
            hash_key=hmac.digest(key.private_bytes_raw(), b"umi show: hash", "sha256"),
            records=read_records(config),
            approved=ApprovedCards.read(config.approved_cards),
        )


async def _reading(settings: ReaderSettings, stack: AsyncExitStack) -> Reading:
    """The reader; its model is loaded when something is first read. Raises `ModelError` where that is not here."""
    if settings.model is None:
        return Reading()
    model = ReadingModel(ModelStore.local().path_of(settings.model), threads=settings.threads)
    stack.push_async_callback(model.close)
    return Reading(model.scores)


def caller_config(settings: CallerSettings) -> CallerConfig:
    """Where the caller's model and adapter lie, and how it runs best here if `umi doctor --tune` has found that out.

    A number of threads in the configuration goes before the tuned one. Raises `ModelError` when a file is not on this
    machine.
    """
    config = untuned_config(settings)
    tuning = Tuning.read(tuning_folder(), config.model)
    if tuning is None:
        return config
    weights = Path(tuning.weights) if tuning.weights else config.model
    return replace(config, model=weights, threads=settings.threads or tuning.threads)


def tuning_folder() -> Path:
    """The folder of the tunings, and of the converted weights that they chose."""
    return user_cache_path("umi", appauthor=False) / "tuning"


def untuned_config(settings: CallerSettings) -> CallerConfig:
    """The caller as the configuration alone has it; raises `ModelError`."""
    shipped = shipped_adapter("caller") if settings.model == EMBEDDED else None
    return CallerConfig(
        model=ModelStore.local().path_of(settings.model),
        adapter=Path(settings.adapter).expanduser() if settings.adapter else shipped,
        context_tokens=settings.context_tokens,
        threads=settings.threads,
        catalogue_tokens=settings.catalogue_tokens,
        state_folder=user_cache_path("umi", appauthor=False) / "states",
        state_bytes=settings.cache_mib << 20,
    )


def system_locale() -> str:
    """How this system writes days; empty where it does not say."""
    found = default_locale("LC_TIME") or ""
    return "" if found.endswith("_POSIX") else found


def _patient(config: CloudConfig) -> CloudConfig:
    """For a planner on this device, which takes the time that this device needs, and shares it with the caller."""
    seconds = max(config.step_seconds, LOCAL_STEP_SECONDS)
    return replace(config, step_seconds=seconds, idle_seconds=seconds)


def _dialect(settings: CallerSettings) -> str:
    if settings.dialect:
        return settings.dialect
    return "umi" if settings.adapter or (settings.model == EMBEDDED and shipped_adapter("caller")) else "chat"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

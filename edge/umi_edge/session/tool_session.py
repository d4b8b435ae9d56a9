"""A session without a planner: a program calls the tools itself, and reads of them what its sink may.

That program is planner, caller and summarizer in one, as far as umi can tell: what it writes carries the join of all
that it was shown in clear, and is never trusted. Everything else is as in a session that umi plans.

I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I6: docs/design.md#i6-cloud-text-is-untrusted-input
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any

from umi_edge.egress.cloud_client import Approver, Outbound, Sent, UnapprovedError
from umi_edge.egress.guard import EgressGuard
from umi_edge.egress.way_out import WayOut
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.later_names import CardWords, added_names
from umi_edge.labelling.release import LabelledCard, release
from umi_edge.labelling.text import LabelledEntry, constant
from umi_edge.labelling.tool_cards import Unapproved, Withheld, declared_names, labelled_cards
from umi_edge.labelling.vault import Kept, UnknownHandleError, Vault
from umi_edge.ledger import Ledger
from umi_edge.policy import Policy, Scanner
from umi_edge.policy.client import Client
from umi_edge.policy.excepted import told_by_exceptions
from umi_edge.records import Records
from umi_edge.session.argument_refusal import refusal_of
from umi_edge.session.calls import Calls, SaidNoTwiceError
from umi_edge.session.consent import Consent, DeclineAll
from umi_edge.session.events import Action, CallWritten, Event
from umi_edge.session.public_text import PublicText
from umi_edge.session.recording import Observer
from umi_edge.session.rehydration import resolve
from umi_edge.session.time_arguments import Timed
from umi_edge.session.told_bars import ToldBars
from umi_edge.session.written_arguments import read_arguments
from umi_edge.tools import Catalogue
from umi_shared.errors import MalformedError, PrivacyError
from umi_shared.handles import Handle, escape
from umi_shared.labels import PUBLIC, Label, join_all
from umi_shared.released import Released
from umi_shared.transcript import Call, Observation, Usage, View

__all__ = ["ToolSession"]


@dataclass(slots=True, kw_only=True)
class ToolSession:
    """One conversation of one program, with one vault."""

    policy: InitVar[Policy]
    client: Client
    """Who calls, and what it may read."""
    catalogue: Catalogue
    gazetteers: InitVar[Mapping[str, Sequence[str]]]
    consent: Consent
    ledger: InitVar[Ledger]
    name: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)
    """The word under which the ledger has its messages."""
    observer: InitVar[Observer] = lambda _: lambda _: None
    hash_key: InitVar[bytes] = b""
    vault: InitVar[Vault | None] = None
    """An empty one; without it, one whose handles begin with the first number."""
    guarded_by: InitVar[type[EgressGuard]] = EgressGuard
    records: InitVar[Records | None] = None
    approved: InitVar[ApprovedCards] = NONE_APPROVED
    approver: Approver | None = None
    """Who is shown each message before it leaves and may stop it; None sends all without asking."""
    read_gazetteers: Callable[[], Awaitable[Gazetteers]] | None = field(default=None, repr=False)
    """Reads them again, before each call."""
    told_bars: ToldBars = field(default_factory=ToldBars, repr=False)
    """What bars the program's words for what other sessions told it."""
    new_id: Callable[[], str] = field(default=lambda: secrets.token_hex(8))
    labeller: Labeller = field(init=False)
    way_out: WayOut = field(init=False)
    calls: Calls = field(init=False, repr=False)
    cards: tuple[LabelledCard, ...] = field(init=False)
    withheld: tuple[Withheld, ...] = field(init=False)
    unapproved: tuple[Unapproved, ...] = field(init=False)
    observe: Callable[[Event], None] = field(init=False)
    _names: Mapping[str, Sequence[str]] = field(init=False, repr=False)
    _approved: ApprovedCards = field(init=False, repr=False)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    """Calls that come at once are made one after the other: each reads what the one before it left."""

    _over: bool = field(default=False, init=False)

    def __post_init__(
        self,
        policy: Policy,
        gazetteers: Mapping[str, Sequence[str]],
        ledger: Ledger,
        observer: Observer,
        hash_key: bytes,
        vault: Vault | None,
        guarded_by: type[EgressGuard],
        records: Records | None,
        approved: ApprovedCards,
    ) -> None:
        self._names, self._approved = gazetteers, approved
        self.catalogue = Catalogue(tool for tool in self.catalogue if self.client.has(tool.name))
        sources = {tool.name: tool.source for tool in self.catalogue}
        scanner = Scanner.of(policy, gazetteers)
        self.labeller = Labeller.fresh(policy, scanner, sources, hash_key=hash_key, vault=vault)
        guard = guarded_by(self.labeller.vault)
        self.way_out = WayOut(guard, ledger, self.name, f"the program {self.client.name}")
        self.observe = observer(self.labeller.vault)
        self._tell_of_tools()
        self.calls = Calls(
            catalogue=self.catalogue,
            labeller=self.labeller,
            public=PublicText(guard),
            consent=self.consent,
            records=records if records is not None else Records.of_session(),
            observe=self._tell,
            reader=self.client.sink,
        )
        self._allow_catalogue()

    def _tell_of_tools(self) -> None:
        """Make the cards, as far as the names that are known now let the program be told of the tools."""
        cards = labelled_cards(self.catalogue, self.labeller, self._approved)
        self.cards, self.withheld, self.unapproved = cards.told, cards.withheld, cards.unapproved
        self.labeller.result_names = cards.result_names

    def _allow_catalogue(self) -> None:
        tools, names = [tool.name for tool in self.catalogue], self.labeller.result_names
        self.calls.public.allow_catalogue(self.cards, tools, self.labeller.policy, names)

    def _tell(self, event: Event) -> None:
        self.observe(event)

    @property
    def record(self) -> list[Action]:
        """What was done, for the user's eyes."""
        return self.calls.record

    async def tools_now(self) -> Released[View]:
        """The catalogue, as the program may read it with the names that the user's tools have now.

        Raises `PrivacyError` where they have lost some.
        """
        async with self._one:
            await self._look_up_names()
        return self.tools()

    def tools(self) -> Released[View]:
        """The catalogue, as the program may read it."""
        return release(self.cards, (), self.client.sink)

    def kept(self, handle: Handle) -> Kept:
        """The value of a handle, for the user's eyes. Raises `UnknownHandleError`."""
        return self.labeller.vault[handle]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Released[View]:
        """Make a call that the program wrote; gives its observation, as the program may read it.

        A call that fails or is refused has one, too, and nothing tells it from one that the policy hides. Raises
        `KeyError` for a tool that the program was not told of; and `PrivacyError` before anything is told, which ends
        the session. Any other exception becomes one that names its type only (I8).
        """
        if tool not in {card.name for card, _ in self.cards}:
            raise KeyError("no tool of that name")
        fault, told = "", False
        async with self._one:
            if self._over:
                raise PrivacyError("this session has ended", fix="start a new session")
            try:
                await self._look_up_names()
                told = tool in {card.name for card, _ in self.cards}  # a name in it may be in a list now
                if told:
                    await self._call(tool, arguments)
                    return self._released(self.calls.entries[-1:])
            except PrivacyError:  # a budget is spent, or something that keeps values in has failed
                self._over = True
                raise
            except Exception as error:
                self._over = True
                fault = type(error).__name__
        if not told and not fault:
            raise KeyError("no tool of that name")
        raise PrivacyError(  # outside of the handler, so that it has no `__context__`
            f"something in umi, the policy or a plug-in failed ({fault}); nothing was told",
            fix="try again; if it stays so, please report it",
        )

    async def let_out(self, view: Released[View], message: bytes) -> None:
        """Let a view leave, serialized as these bytes: they are the program's to read then.

        Raises `PrivacyError`: then nothing of it may be sent, and no call is made any more.
        """
        try:
            await self._let_out(view, message)
        except Exception:
            self._over = True
            raise

    async def _let_out(self, view: Released[View], message: bytes) -> None:
        if view.sink != self.client.sink:
            raise PrivacyError("a view for another reader was about to leave", fix="please report it")
        request_id = self.new_id()
        if self.approver is not None:
            self.way_out.guard.check(message, view.sink)
            shown = Outbound(
                sink=view.sink,
                peer=self.way_out.peer,
                request_id=request_id,
                view=view.payload,
                padding_bytes=0,
                message=message,
                sha256=hashlib.sha256(message).hexdigest(),
                notes=told_by_exceptions(view.disclosures),
            )
            if not await self.approver.approve(shown):
                raise UnapprovedError(view.sink)
        if bars := self._read().bars:
            await asyncio.to_thread(self.told_bars.add, bars)  # another process may hold the file's lock
        digest = self.way_out.let_out(message, view, request_id)
        self.calls.public.has_read(view.sink, self.calls.entries)
        self.observe(Sent(view.sink, len(message), digest, 1))

    def stopped(self, tool: str) -> Released[View]:
        """What is told of a call whose observation may not leave: that, and nothing of why."""
        return self._released([LabelledEntry(Observation(tool, (), "stopped"), ())])

    async def _look_up_names(self) -> None:
        """Take the names that the user's tools have now. Raises `PrivacyError` where they have lost some."""
        if self.read_gazetteers is None:
            return
        now = await self.read_gazetteers()
        if now.values != self._names:
            self.labeller.keeper.scanner = await asyncio.to_thread(
                Scanner.of, self.labeller.policy, now.values
            )
            cards = self.cards
            self._tell_of_tools()
            self._allow_catalogue()
            words = CardWords.of(cards, self.cards, self.labeller)
            self.calls.withhold(added_names(self._names, now.values), words, self._allow_catalogue)
        self._names = now.values  # only now: what has failed is to fail again

    async def _call(self, name: str, given: Mapping[str, Any]) -> None:
        tool, entries = self.catalogue[name], self.calls.entries
        try:
            arguments = read_arguments(json.dumps(given, ensure_ascii=False))
            resolved = resolve(arguments, self.labeller.vault)
        except (MalformedError, UnknownHandleError) as error:
            kind = "unknown-handle" if isinstance(error, UnknownHandleError) else "invalid-call"
            entries.append(LabelledEntry(Call(name, ()), ()))
            self.calls.refuse(name, kind, (str(error),), {}, PUBLIC)
            return
        card = next(card for card, _ in self.cards if card.name == name)
        refusal = refusal_of(tool, card, self.labeller.keeper.scanner, arguments, resolved)
        if refusal is not None and refusal.public:  # no detector has looked at it, so nothing of it was kept
            entries.append(LabelledEntry(Call(name, ()), ()))
            self.calls.refuse(name, "invalid-arguments", (), {}, PUBLIC)
            told = Observation(name, (), "invalid-arguments")
            text = (constant(json.dumps(escape(refusal.rule), ensure_ascii=False), "the schema of the tool"),)
            entries[-1] = LabelledEntry(told, text)
            return
        labelled = self.labeller.arguments(
            name,
            arguments,
            self._shown(),
            names=declared_names(tool.input_schema),
            drafted=arguments,
        )
        entries.append(LabelledEntry(Call(name, ()), labelled.text))
        self.calls.public.allow_clear(labelled.text)
        self.observe(CallWritten(tool=name, arguments=labelled.text, usage=Usage()))
        before = len(entries)
        timed = Timed(arguments=arguments)
        try:
            await self.calls.make(name, timed, labelled, PUBLIC, planned=True, drafted=frozenset())
        except SaidNoTwiceError:
            self.calls.consent = DeclineAll()  # whoever goes on asking gets no third try
        finally:
            if len(entries) == before:  # every call has its observation, whatever came between
                entries.append(LabelledEntry(Observation(name, (), "interrupted"), ()))

    def _shown(self) -> Label:
        """The label of what the program writes: the join of all that it was shown in clear; the bars of any session."""
        return self._read().with_bars(self.told_bars.of(self.labeller.policy.bars))

    def _read(self) -> Label:
        return join_all(entry.shown_to(self.client.sink) for entry in self.calls.entries)

    def _released(self, entries: Sequence[LabelledEntry]) -> Released[View]:
        """What the program may see, as long as the vault has what every handle in it stands for (I2)."""
        view = release((), entries, self.client.sink)
        if not all(handle in self.labeller.vault for handle in view.payload.handles()):
            raise PrivacyError(
                "the vault has lost values of this session; nothing more was sent", fix="start a new session"
            )
        return view

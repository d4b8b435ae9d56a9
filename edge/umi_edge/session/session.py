"""The session: one conversation of a user with umi; each instruction in it is an errand.

I2: docs/design.md#i2-fail-closed
I6: docs/design.md#i6-cloud-text-is-untrusted-input
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime

from umi_edge.egress.cloud_client import UnapprovedError
from umi_edge.egress.guard import EgressGuard, GuardedError
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.later_names import added_names
from umi_edge.labelling.text import LabelledEntry
from umi_edge.labelling.vault import Kept
from umi_edge.policy import Policy, Scanner
from umi_edge.records import Records
from umi_edge.session.calls import Calls, SaidNoTwiceError
from umi_edge.session.clearing import Clearing
from umi_edge.session.clock import clock_news, local_now
from umi_edge.session.consent import Consent
from umi_edge.session.disagreement import explained
from umi_edge.session.errand import Errand, Waiting
from umi_edge.session.events import (
    Action,
    ClockTold,
    Ended,
    Ending,
    Event,
    Instructed,
    Stopped,
)
from umi_edge.session.exchange import Exchange
from umi_edge.session.item_evidence import Said
from umi_edge.session.noes import Noes
from umi_edge.session.pending_question import (
    pending_question,
)
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.public_text import PublicText
from umi_edge.session.recording import Observer
from umi_edge.session.replies import NoReplies, Replies
from umi_edge.session.snapshot import Snapshot
from umi_edge.session.told_catalogue import ToldCatalogue
from umi_edge.session.totals import Totals
from umi_edge.session.users_turn import UsersTurn
from umi_edge.tools import Catalogue
from umi_edge.values.time_words import TimePhrases
from umi_shared.errors import PrivacyError, UmiError

__all__ = ["Connect", "Session"]

Connect = Callable[[EgressGuard], CloudPort]
"""Makes the way to the planner and the summarizer; every message goes through the guard that it is given."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One conversation with one vault. `ask` may be called again: what came before stays in the transcript.

    Labeller, vault, guard and cloud are made here, of one policy and for each other, so that they cannot be mixed: a
    guard that looked for another vault's values would find none of this one's, and let them through in silence.

    Cancelling `ask` at any point leaves nothing half-done but the tool call that was running, which the record
    then shows as interrupted. A tool is executed once for each call the caller wrote: retries repeat messages,
    never calls.
    """

    policy: InitVar[Policy]
    catalogue: Catalogue
    """The tools, their sources and hints."""
    gazetteers: InitVar[Mapping[str, Sequence[str]]]
    """The values of detectors that read them from tools, by the rule of each."""
    caller: CallerPort
    connect: InitVar[Connect]
    consent: Consent
    name: str = field(default="", repr=False)
    """The word under which the ledger has its messages."""
    new_id: Callable[[], str] = field(default=lambda: secrets.token_hex(8))
    """Request ids; random, or a counter where runs must be comparable."""
    observer: InitVar[Observer] = lambda _: lambda _: None
    """Makes the function that is told of each event; it is given the vault, to show the user their own values."""
    hash_key: InitVar[bytes] = b""
    """The key of `show: hash`; without one, hashes differ from session to session."""
    guarded_by: InitVar[type[EgressGuard]] = EgressGuard
    names_lost: tuple[str, ...] = field(default=(), repr=False)
    """What of the gazetteers could not be read, and the policy does without; for the user's eyes."""
    read_gazetteers: Callable[[], Awaitable[Gazetteers]] | None = field(default=None, repr=False)
    """Reads them again, before each message."""
    records: Records = field(default_factory=Records.of_session, repr=False)
    """What umi has written into the user's stores, in this session and before."""
    approved: InitVar[ApprovedCards] = NONE_APPROVED
    """What the user lets the cloud read of foreign tools."""
    on_device: bool = False
    """Whether its planner is on this device."""
    writes_lists: bool = True
    """Whether a list that was asked for is written on this device, where it is sure; else the summarizer writes it."""
    mends_words: InitVar[bool] = False
    """Whether mistyped words of the user's are mended."""
    replies: Replies = field(default_factory=NoReplies)
    """Who replies when the planner asks the user something, or this device does."""
    labeller: Labeller = field(init=False)
    guard: EgressGuard = field(init=False)
    cloud: CloudPort = field(init=False)
    observe: Callable[[Event], None] = field(init=False)
    totals: Totals = field(default_factory=Totals, init=False)
    calls: Calls = field(init=False, repr=False)
    """What makes the calls, with the transcript and the record of what was done."""
    told: ToldCatalogue = field(init=False, repr=False)
    """What the cloud is told of the tools."""
    now: Callable[[], datetime] = local_now
    """The clock; its zone is the user's."""
    locale: str = field(default="", repr=False)
    """How the user writes days in figures, such as `en_GB`; empty where that is not known."""
    _told_now: datetime = field(default_factory=local_now, init=False, repr=False)
    """When the user asked: what they say of days and times counts from then."""
    _busy: bool = field(default=False, init=False, repr=False)
    _waiting: Waiting = field(default_factory=Waiting, init=False, repr=False)
    _clearing: Clearing = field(init=False, repr=False)

    def __post_init__(
        self,
        policy: Policy,
        gazetteers: Mapping[str, Sequence[str]],
        connect: Connect,
        observer: Observer,
        hash_key: bytes,
        guarded_by: type[EgressGuard],
        approved: ApprovedCards,
        mends_words: bool,
    ) -> None:
        sources = {tool.name: tool.source for tool in self.catalogue}
        self.labeller = Labeller.fresh(
            policy, Scanner.of(policy, gazetteers), sources, hash_key=hash_key, mends_words=mends_words
        )
        self.guard = guarded_by(self.labeller.vault)
        self.cloud = connect(self.guard)
        self.observe = observer(self.labeller.vault)
        entries: list[LabelledEntry] = []
        self._clearing = Clearing(
            catalogue=self.catalogue, labeller=self.labeller, entries=entries, read=self._read
        )
        self.calls = Calls(
            catalogue=self.catalogue,
            labeller=self.labeller,
            entries=entries,
            public=PublicText(self.guard),
            consent=self.consent,
            records=self.records,
            observe=self._tell,
            narrow=self._clearing.narrowed,
        )
        self.told = ToldCatalogue(calls=self.calls, approved=approved, names=gazetteers)

    def _tell(self, event: Event) -> None:
        """To whoever observes now: `observe` may be another function later."""
        self.observe(event)

    @property
    def record(self) -> list[Action]:
        """What was done, for the user's eyes."""
        return self.calls.record

    def snapshot(self) -> Snapshot:
        """The session as it is now. Between two instructions it is all that `resume` needs."""
        return Snapshot(
            kept=tuple(self.labeller.vault),
            entries=tuple(self.calls.entries),
            read_by=dict(self.calls.public.read_by),
            declassified=dict(self.labeller.keeper.declassified.charged),
            shapes=dict(self.labeller.shapes.charged),
            record=tuple(self.record),
            on_device=self.on_device,
            waiting=self._waiting.call,
            lost_at=self._waiting.lost_at,
        )

    def resume(self, snapshot: Snapshot) -> None:
        """Go on, as a fresh session, from a snapshot that was taken under the same policy and tools.

        Raises `ValueError` where its values do not fit those that this session keeps already.
        """
        self.labeller.vault.restore(snapshot.kept)
        self.labeller.keeper.declassified.restore(snapshot.declassified)
        self.labeller.shapes.restore(snapshot.shapes)
        self.calls.record += snapshot.record
        self.calls.entries[:] = snapshot.entries
        self._waiting.call, self._waiting.lost_at = snapshot.waiting, snapshot.lost_at
        self.calls.noes = Noes.in_transcript(self.calls.entries)
        self.calls.public.allow_transcript(self.calls.entries, snapshot.read_by)
        self.told.withhold(added_names({}, self.told.names), self._waiting.tool)

    def take_over(
        self, said: Sequence[tuple[bool, str]], *, known: Iterable[Kept] = (), quoted: Iterable[str] = ()
    ) -> None:
        """Go on with a conversation that this session has not seen: what was said, each with whether the user did.

        What an assistant said is taken for private as a whole, and so is what is `quoted` of other conversations
        wherever it stands. `known` are values that other sessions keep.
        """
        for chat in quoted:
            self.labeller.past_answer(chat)
        for kept in known:
            if not kept.label.visible:
                self.labeller.vault.conceal(kept.value, label=kept.label, origin=kept.origin)
                continue
            self.labeller.vault.keep(
                kept.value, type=kept.handle.type, label=kept.label, origin=kept.origin, link=kept.linked
            )
        for by_user, words in said:
            self._user.take_earlier(words, by_user=by_user)

    async def ask(self, instruction: str) -> Ending:
        """Carry out one instruction; everything on the way goes to `observe`.

        Raises `PrivacyError` before a byte is sent, `TransportError`, `PeerError`, `ModelError`; and `RuntimeError`
        while another instruction of this session is being carried out. Any other exception stops the session as a
        `PrivacyError` that names its type only: its text, and the exceptions that it came from, may hold values (I8).
        """
        if self._busy:  # the two would read each other's half-written steps
            raise RuntimeError(
                "a session carries out one instruction at a time: wait for the other, or open a session"
            )
        fault = ""
        self._busy = True
        try:
            return await self._carry_through(instruction)
        except (UmiError, BrokenPipeError):
            raise
        except Exception as error:
            fault = type(error).__name__
        finally:
            self._busy = False
        raise PrivacyError(  # outside of the handler, so that it has no `__context__`
            f"something in umi, the policy or a plug-in failed ({fault}); nothing more was sent",
            fix="try again; if it stays so, please report it",
        )

    async def _look_up_names(self) -> None:
        """Take the names that the user's tools have now. Raises `PrivacyError` where they have lost some."""
        if self.read_gazetteers is None:
            return
        now = await self.read_gazetteers()
        self.names_lost = now.notices
        await self.told.take_names(now.values, self._waiting.tool)

    async def _carry_through(self, instruction: str) -> Ending:
        await self._look_up_names()
        self.calls.begin()
        question = pending_question(self.calls.entries)
        self._waiting.call = self._waiting.call if question else None
        self._waiting.plan = self._waiting.plan if question else None
        self._tell_clock()
        read = self._user.read(instruction)
        text = self._user.replied(read, question) if question else self._user.typed(read)
        await self._user.take(text)
        self.observe(Instructed(text))
        try:
            ending = await self._errand.ending(read.text)
        except UnapprovedError as error:
            ending = Stopped(f"{error.message}; {error.fix}")
        except SaidNoTwiceError:
            ending = Stopped("a call was declined for the second time in this session")
        except GuardedError as error:
            raise explained(error, self.calls.entries, self.labeller.vault) from None
        self.observe(Ended(ending))
        return ending

    def _tell_clock(self) -> None:
        """Tell the models what of now the policy lets out, unless that is what they were told last."""
        self._told_now = self.now()
        entry = clock_news(self._told_now, self.labeller.policy, self.calls.entries)
        if entry is None:
            return
        self.calls.public.allow_clear(entry.text)
        self.calls.entries.append(entry)
        self.observe(ClockTold(entry.text))

    def _read(self, text: str, *, beside: Sequence[str] = ()) -> Said:
        return Said(text, self._phrases, tuple(beside))

    @property
    def _phrases(self) -> TimePhrases:
        return TimePhrases(self._told_now, self.locale)

    @property
    def _user(self) -> UsersTurn:
        return UsersTurn(self.calls)

    @property
    def _errand(self) -> Errand:
        exchange = Exchange(
            cloud=self.cloud,
            told=self.told,
            calls=self.calls,
            totals=self.totals,
            observe=self._tell,
            new_id=self.new_id,
        )
        return Errand(
            exchange=exchange,
            caller=self.caller,
            clearing=self._clearing,
            phrases=self._phrases,
            replies=self.replies,
            waiting=self._waiting,
            writes_lists=self.writes_lists,
            look_up_names=self._look_up_names,
        )

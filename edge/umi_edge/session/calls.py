"""The calls of a session: each is judged, asked about, made once, and its outcome labelled.

Keeps I2 (a failure in here stops the step), I4 (handles resolve here, after the verdict) and I5 (a private value
reaches a third party by a rule, or by a yes to these very values).

I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.labeller import LabelledArguments, Labeller
from umi_edge.labelling.later_names import CardWords, LaterNames
from umi_edge.labelling.text import LabelledEntry, LabelledText
from umi_edge.labelling.tool_cards import declared_names
from umi_edge.labelling.vault import Kept, Origin, Source
from umi_edge.policy import Allowed, Ask, Denied, Verdict, check_call
from umi_edge.policy.checks import leaves_device, may_write, reads_its_own
from umi_edge.policy.document import RelationsWord, UnknownNames
from umi_edge.records import Records
from umi_edge.session.call_host import SessionCallHost
from umi_edge.session.consent import Consent, ConsentRequest, Provenance
from umi_edge.session.events import Action, Asked, Event, Observed, Refused
from umi_edge.session.noes import Noes
from umi_edge.session.owned_values import Approvals, OwnedValues
from umi_edge.session.provenance import History
from umi_edge.session.public_text import PublicText
from umi_edge.session.read_out import read_from, read_out
from umi_edge.session.record_keeping import RecordKeeping
from umi_edge.session.rehydration import resolve, without
from umi_edge.session.relations import compared, relations_of
from umi_edge.session.time_arguments import Timed
from umi_edge.session.unknown_names import about_to_leave, question_of, with_names_kept
from umi_edge.tools import Catalogue, Failed, FailureKind, Lost, Outcome, RunLimits, Succeeded, run_tool
from umi_edge.tools.record import Doubts
from umi_edge.tools.runner import fits
from umi_shared.handles import HANDLE_TYPE_PATTERN
from umi_shared.labels import PLANNER, Label, Sink
from umi_shared.transcript import Observation, Relation

__all__ = ["Calls", "SaidNoTwiceError"]


class SaidNoTwiceError(Exception):
    """The user's second no: whoever goes on asking is not to get a third try."""


@dataclass(slots=True, kw_only=True)
class Calls:
    """Makes the calls that somebody wrote for a session; what comes of each is the transcript's next entry."""

    catalogue: Catalogue
    labeller: Labeller
    public: PublicText
    consent: Consent
    records: Records = field(repr=False)
    observe: Callable[[Event], None]
    narrow: Callable[[str, Outcome], Outcome] = field(default=lambda _, outcome: outcome, repr=False)
    """What is left of what a tool gave, where the user's words leave some of it out."""
    reader: Sink = field(default=PLANNER, repr=False)
    """Who plans these calls, and reads what comes of them."""
    entries: list[LabelledEntry] = field(default_factory=list, repr=False)
    """The transcript."""
    record: list[Action] = field(default_factory=list, repr=False)
    """What was done, for the user's eyes."""
    noes: Noes = field(default_factory=Noes, repr=False)
    approvals: Approvals = field(default_factory=Approvals, repr=False)
    let_go: set[str] = field(default_factory=set, repr=False)
    """Unknown names that the user has let leave."""
    unread: dict[str, tuple[Lost, ...]] = field(default_factory=dict, repr=False)
    """What the tools of this instruction say that they could not read, by the tool."""
    notes: list[str] = field(default_factory=list, repr=False)
    """What the user is told, at the end of an answer, of days that they did not say."""
    began: int = field(default=0, repr=False)
    """How long the record was when this instruction began."""

    def begin(self) -> None:
        """An instruction begins: what is told of others is told."""
        self.unread.clear()
        self.notes.clear()
        self.began = len(self.record)

    @property
    def keeping(self) -> RecordKeeping:
        """What is done about records that are not the user's own."""
        return RecordKeeping(self.labeller.policy, self.records)

    def withhold(
        self, names: Mapping[str, Sequence[str]], cards: CardWords, allow_catalogue: Callable[[], None]
    ) -> None:
        """Take names out of all that was said before, and out of what the guard takes as public.

        Raises `PrivacyError` when the vault is full.
        """
        later = LaterNames.of(self.labeller, names).withheld(self.entries, cards)
        if later == self.entries:
            return
        self.entries[:] = later
        read_by = dict(self.public.read_by)
        self.public.guard.forget_public()
        allow_catalogue()
        self.public.allow_transcript(self.entries, read_by)

    async def make(
        self,
        name: str,
        timed: Timed,
        labelled: LabelledArguments,
        seen: Label,
        *,
        planned: bool,
        drafted: frozenset[str],
    ) -> None:
        """Make one call, or refuse it. `seen` is what whoever wrote it had seen beside handles.

        Raises `PrivacyError`, and `SaidNoTwiceError` once the call is refused.
        """
        tool, arguments = self.catalogue[name], timed.arguments
        remainder = self.labeller.remainder(arguments, labelled)
        history = History(self.entries, self.labeller.vault, self.reader)
        owned = OwnedValues(name, arguments, timed.said, history, self.approvals)
        verdict = check_call(
            self.labeller.policy,
            name,
            labelled.leaves,
            tool.hints,
            source=tool.source,
            argument_names=declared_names(tool.input_schema),
            planned=planned,
            stored_as=tool.stored_as,
            unfound=remainder,
            holds_never=remainder.holds_never,
            owned=owned,
        )
        if (remainder.looked or owned.looked) and isinstance(verdict, Allowed) and seen.public:
            self.labeller.shapes.asked(
                name, approved=True
            )  # a question would have been told, so its absence tells
        match verdict:
            case Denied(reasons):
                resolved = resolve(arguments, self.labeller.vault)
                self.refuse(name, "denied", tuple(map(str, reasons)), resolved, seen)
            case Allowed(redact) | Ask(_, redact):
                resolved = resolve(without(arguments, redact), self.labeller.vault)
                told = may_write(tool.hints, tool.source) or isinstance(verdict, Ask)
                known = self._provenance(name, timed, labelled, drafted) if told else {}
                # What does not fit does not run, so nobody is asked about it.
                fails = not fits(tool, resolved, self._limits)
                if not fails and not await self._approved(name, arguments, resolved, verdict, seen, known):
                    return
                asked = isinstance(verdict, Ask) and not fails
                if asked:
                    self.approvals.add(name, arguments, labelled.leaves)
                derived = tool.hints.derived
                made_of = seen.join(labelled.label) if derived else seen
                kind = _type_asked_for(arguments, labelled) if derived else ""
                read = read_from(tool.reads, labelled, self.labeller.vault)
                found_told = seen.public and self.labeller.tells_found(
                    name, made_of, [one.handle for one in read]
                )
                written = 0
                if not fails:  # a guess that is never written must not be compared with what the user has
                    written = self.keeping.write(tool, resolved, labelled, known, self.entries, asked=asked)
                outcome = await self._run(name, resolved)
                outcome = self.narrow(name, outcome) if made_of.public else outcome
                if isinstance(outcome, Failed) or not reads_its_own(tool.hints, tool.source):
                    made_of = made_of.with_bars(labelled.label.bars)  # it may give back what it was given
                self.keeping.name(written, outcome)
                await self._take(name, resolved, outcome, made_of, kind, read, found_told=found_told)

    def _provenance(
        self, name: str, timed: Timed, labelled: LabelledArguments, drafted: frozenset[str]
    ) -> Mapping[str, Provenance]:
        rules = self.labeller.policy.arguments(name, timed.arguments)
        said = {**timed.arguments, **timed.said}
        history = History(self.entries, self.labeller.vault, self.reader)
        return history.provenance_of(said, labelled.leaves, rules, drafted=drafted)

    async def _approved(
        self,
        name: str,
        written: Mapping[str, Any],
        resolved: Mapping[str, Any],
        verdict: Verdict,
        seen: Label,
        provenance: Mapping[str, Provenance],
    ) -> bool:
        """Whether the user agrees, where the policy wants them asked: to these very values and no others.

        A call that they have said no to is declined without asking; their second no ends the instruction, where the
        cloud may know of it.
        """
        if not isinstance(verdict, Ask):
            return True
        reasons = tuple(map(str, verdict.reasons))
        request = ConsentRequest(
            tool=name,
            arguments=resolved,
            reasons=reasons,
            leaves_device=leaves_device(self.labeller.tool_policy(name), self.catalogue[name].hints),
            provenance=provenance,
        )
        asked = not self.noes.said_to(name, written, shows=seen.public)
        approved = asked and await self.consent.approve(request)
        self.observe(Asked(name, approved))
        if seen.public:  # else a "no" looks like any result
            self.labeller.shapes.asked(name, approved=approved)
        if approved:
            return True
        why = reasons if asked else ("it was declined before, so you were not asked again", *reasons)
        self.refuse(name, FailureKind.DECLINED, why, resolved, seen)
        self.noes.add(name, written, shows=seen.public)
        if self.noes.enough and seen.public:
            raise SaidNoTwiceError
        return False

    @property
    def _limits(self) -> RunLimits:
        limits = self.labeller.policy.limits
        return RunLimits(call_seconds=limits.call_seconds, result_bytes=limits.result_bytes)

    async def _run(self, name: str, resolved: Mapping[str, Any]) -> Outcome:
        try:
            return await run_tool(
                self.catalogue[name],
                resolved,
                self._limits,
                SessionCallHost(
                    tool=name,
                    rules=self.labeller.tool_policy(name),
                    consent=self.consent,
                    vault=self.labeller.vault,
                    observe=self.observe,
                ),
            )
        except asyncio.CancelledError:
            self.record.append(Action(tool=name, arguments=resolved, result="interrupted"))
            raise

    async def _take(
        self,
        name: str,
        resolved: Mapping[str, Any],
        outcome: Outcome,
        made_of: Label,
        type: str,  # noqa: A002
        read: Sequence[Kept],
        *,
        found_told: bool,
    ) -> None:
        """What a call came to: into the record with its values, into the transcript with its labels."""
        # The record first: what was done was done, also if labelling fails now.
        match outcome:
            case Succeeded(value, seconds, lost):
                self.unread[name] = max(self.unread.get(name, ()), lost, key=len)
                self.record.append(Action(tool=name, arguments=resolved, result="done", seconds=seconds))
                doubts = self.keeping.doubts(self.catalogue[name], outcome)
                if read and not made_of.public:
                    doubts = Doubts(records={(): read_out(name, read, outcome)})
                kind = ""
                text = self.labeller.result(name, value, made_of=made_of, type=type, doubts=doubts)
                self.public.allow_explicit(text)
            case Failed(failure, detail, seconds):
                self.record.append(
                    Action(tool=name, arguments=resolved, result=str(failure), detail=detail, seconds=seconds)
                )
                kind, text = self.labeller.failure(
                    name, str(failure), detail, made_of=made_of, type=type, told=found_told
                )
                self.public.allow_explicit(text)
        text = await self._without_refused_names(text, name)
        relations = (
            self._relations(name, text) if made_of.public else ()
        )  # what is made of what stays tells nothing
        told = Observation(name, (), kind, relations)
        self.entries.append(LabelledEntry(told, text))
        self.observe(Observed(tool=name, outcome=outcome, observation=text, failure=kind, given=resolved))

    def _relations(self, tool: str, result: LabelledText) -> tuple[Relation, ...]:
        """What the policy tells of the names in a result: which hold a name that the user typed."""
        if self.labeller.policy.relations is RelationsWord.HIDDEN:
            return ()
        pairs = compared(self.entries, result, self.labeller.vault)
        if not pairs or not self.labeller.shapes.related(tool, len(pairs)):
            return ()
        return relations_of(pairs, self.labeller.vault)

    def refuse(
        self, tool: str, kind: str, reasons: Sequence[str], resolved: Mapping[str, Any], seen: Label
    ) -> None:
        """A call that is not made. The labels decide that, so the planner may know; unless values did."""
        said, text = str(kind), LabelledText()
        if not seen.public:
            said, text = self.labeller.failure(tool, kind, made_of=seen)
        self.entries.append(LabelledEntry(Observation(tool, (), said), text))
        self.record.append(Action(tool=tool, arguments=resolved, result=kind))
        self.observe(Refused(tool, kind, tuple(reasons)))

    def unknown(self, text: LabelledText) -> tuple[str, ...]:
        """The names that the user must be asked about before this text leaves."""
        if self.labeller.policy.unknown_names is not UnknownNames.ASK:
            return ()
        return tuple(name for name in about_to_leave(text, self.reader) if name not in self.let_go)

    async def _without_refused_names(self, text: LabelledText, tool: str) -> LabelledText:
        """A result's text, without the names that nobody knows and the user keeps here."""
        names = self.unknown(text)
        if not names:
            return text
        if await self.consent.approve(question_of(names, self.reader, instruction=False)):
            self.let_go |= set(names)
            return text
        return with_names_kept(text, names, self.labeller.vault, Origin(Source.RESULT, tool), self.reader)


def _type_asked_for(arguments: Mapping[str, Any], labelled: LabelledArguments) -> str:
    """What an operator's call names as the type of its result, where everyone may read that name."""
    name, leaf = arguments.get("as"), labelled.leaves.get(("as",))
    if not isinstance(name, str) or leaf is None or leaf.label.readers is not None:
        return ""
    return name if re.fullmatch(HANDLE_TYPE_PATTERN, name) else ""

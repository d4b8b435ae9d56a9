"""Replay: what another policy would have let out of recorded sessions, and which calls it would have stopped.

Covered: every leaf of every recorded result, argument and instruction, under every resolution that it may have in the
new policy; where that depends on values, which a recording has not, the field counts as *maybe*. Verdicts are those
of the new policy on labels that the new policy gives.
Not covered: what the models would have done otherwise, had they seen more or less; what detectors would find (a
recording has no text: only that the new policy looks for a type at all is compared); facts that `show` tells; calls
whose caller saw values.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from umi_edge.policy import Allowed, Ask, LabelledLeaf, Location, Policy, Resolution, Verdict, check_call
from umi_edge.policy.cases import resolutions_at
from umi_edge.policy.paths import path_of
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.policy_tools.recorded import (
    RecordedCall,
    RecordedHandle,
    RecordedInstruction,
    RecordedLeaf,
    RecordedResult,
    RecordedSession,
)
from umi_edge.policy_tools.scan_by_type import left_by_types
from umi_edge.policy_tools.subjects import own_hints, own_tool
from umi_shared.handles import HANDLE_PATTERN, Handle
from umi_shared.labels import PLANNER, PUBLIC, SUMMARIZER, Integrity, Label, Locality, Sink, join_all

__all__ = ["CallChange", "FieldChange", "Replay", "replay"]

_UNNAMED = re.compile(HANDLE_PATTERN)
_SINKS = (PLANNER, SUMMARIZER)
_VERDICTS = {"allowed": "allowed", "asked": "asked", "declined": "asked", "denied": "denied"}


@dataclass(slots=True, kw_only=True)
class FieldChange:
    """Fields of one path that a sink would newly read, or no longer."""

    tool: str
    side: str
    """`results`, `errors`, `arguments`, or `instruction`."""
    path: str
    sink: Sink
    exposed: bool
    """True for what would newly leave, False for what would newly stay."""
    certain: int = 0
    """For how many fields this is certain; for the others it depends on values."""
    fields: int = 0
    bytes: int = 0
    """How many bytes left in clear that would not leave now."""
    bytes_at_most: int = 0
    """At most how many bytes of values that stayed would leave now, as far as their size class was recorded."""
    unknown: int = 0
    """How many fields stayed without their size being recorded."""
    rule_id: str = ""
    """The rule of the new policy that decides."""


@dataclass(slots=True, kw_only=True)
class CallChange:
    """Calls of one tool with another verdict."""

    tool: str
    was: str
    would_be: str
    calls: int = 0
    reasons: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Replay:
    """All that would be otherwise."""

    sessions: int = 0
    calls: int = 0
    leaves: int = 0
    not_replayed: int = 0
    """Calls of which only that they were made is recorded."""
    fields: list[FieldChange] = field(default_factory=list)
    verdicts: list[CallChange] = field(default_factory=list)

    @property
    def exposed(self) -> list[FieldChange]:
        """What sinks would newly read."""
        return [change for change in self.fields if change.exposed]

    @property
    def hidden(self) -> list[FieldChange]:
        """What sinks would no longer read."""
        return [change for change in self.fields if not change.exposed]


def replay(sessions: Iterable[RecordedSession], policy: Policy) -> Replay:
    """Replay sessions against a policy. Raises `LimitError` for a policy whose rules meet in too many ways."""
    report = _Replayer(policy)
    for session in sessions:
        report.session(session)
    return report.result()


@dataclass(frozen=True, slots=True)
class _New:
    """What a leaf may be under the new policy."""

    resolutions: tuple[Resolution, ...]

    def reads(self, sink: Sink) -> tuple[bool, bool]:
        """Whether a sink may read it, and whether that is sure."""
        found = {Label.at(one.locality).may_read(sink) for one in self.resolutions}
        return True in found, len(found) == 1

    def label(self, integrity: Integrity) -> Label:
        """The strictest label that it may have."""
        strict = join_all(
            Label.at(one.locality, Integrity.TRUSTED).with_bars(one.bars) for one in self.resolutions
        )
        return strict.with_integrity(integrity)

    @property
    def type(self) -> str:
        types = {one.type for one in self.resolutions}
        return types.pop() if len(types) == 1 else ANY_TYPE

    def rule_for(self, sink: Sink) -> Resolution:
        """The resolution that lets the sink read it; else any."""
        clear = [one for one in self.resolutions if Label.at(one.locality).may_read(sink)]
        return (clear or list(self.resolutions))[0]


class _Replayer:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.report = Replay()
        self.found = {detector.type for detector in policy.detect}
        self._fields: dict[tuple[str, str, str, Sink, bool], FieldChange] = {}
        self._verdicts: dict[tuple[str, str, str], CallChange] = {}
        self._known: dict[tuple[str, str, Location, frozenset[str]], _New] = {}
        self._labels: dict[Handle, tuple[Label, str]] = {}
        self._shown = Label.at(Locality.CLOUD)

    def result(self) -> Replay:
        order = lambda change: (not change.exposed, change.tool, change.side, change.path, change.sink)  # noqa: E731
        self.report.fields = sorted(self._fields.values(), key=order)
        self.report.verdicts = sorted(self._verdicts.values(), key=lambda c: (c.tool, c.was, c.would_be))
        return self.report

    def session(self, session: RecordedSession) -> None:
        """Go through one session in order; its handles mean nothing in another one."""
        self.report.sessions += 1
        self._labels, self._shown = {}, Label.at(Locality.CLOUD)
        source = ""
        for step in session.steps:
            match step:
                case RecordedInstruction(leaves):
                    for leaf in leaves:
                        self._instruction(leaf)
                case RecordedCall():
                    source = step.source
                    self._call(step)
                case RecordedResult(failure=failure) if failure:
                    self._failure(step, source)
                case RecordedResult():
                    for leaf in step.leaves:
                        self._result(step, source, leaf)

    # Texts.

    def _instruction(self, leaf: RecordedLeaf) -> None:
        self.report.leaves += 1
        word = self.policy.defaults.instruction
        rule = f"defaults.instruction: {word}"
        for sink in _SINKS:
            if word == "device" and sink in leaf.clear:
                self._change("", "instruction", "$", sink, exposed=False, rule=rule).bytes += leaf.clear[sink]
            for known in leaf.handles:
                if word == "cloud" or (word == "scan" and known.handle.type not in self.found):
                    self._expose(self._change("", "instruction", "$", sink, exposed=True, rule=rule), known)
        for known in leaf.handles:
            self._labels[known.handle] = Label.at(Locality.HANDLE, known.integrity), known.handle.type

    def _result(self, step: RecordedResult, source: str, leaf: RecordedLeaf) -> None:
        self.report.leaves += 1
        tool = step.tool
        new = self._new(tool, "results", leaf.path, step.names)
        integrity = self.policy.tool(tool, source=source).integrity
        self._compare(tool, "results", leaf, new)
        label = new.label(integrity)
        for known in leaf.handles:
            kind = new.type if new.type != ANY_TYPE and not leaf.clear else known.handle.type
            scanned = any(one.scan for one in new.resolutions)
            stays = Label.at(Locality.HANDLE, integrity).with_bars(label.bars) if scanned else label
            self._labels.setdefault(known.handle, (stays, kind))
        if label.may_read(PLANNER):
            self._shown = self._shown.join(label)

    def _failure(self, step: RecordedResult, source: str) -> None:
        """What the tool said of its failure; a recording in which it stayed has nothing of it."""
        self.report.leaves += 1
        rules = self.policy.tool(step.tool, source=source)
        shapeless = any(one.shape is Shape.HIDDEN for one in self._new(step.tool, "results", ()).resolutions)
        stays = Resolution(locality=Locality.HIDDEN, rule_id="built-in default for `errors`: only the kind")
        new = _New((stays if rules.errors is None or shapeless else rules.errors,))
        label = new.label(Integrity.UNTRUSTED)
        for leaf in step.leaves or (RecordedLeaf(path=(), hidden=True),):
            self._compare(step.tool, "errors", leaf, new)
            for known in leaf.handles:
                self._labels.setdefault(known.handle, (label, known.handle.type))
        if label.may_read(PLANNER):
            self._shown = self._shown.join(label)

    def _compare(self, tool: str, side: str, leaf: RecordedLeaf, new: _New) -> None:
        path = _general(leaf.path)
        for sink in _SINKS:
            reads, certain = new.reads(sink)
            rule = new.rule_for(sink)
            if sink in leaf.clear and (not reads or not certain):
                change = self._change(
                    tool, side, path, sink, exposed=False, rule=rule.rule_id, certain=certain
                )
                change.bytes += leaf.clear[sink]
            if not reads:
                continue
            if sink not in leaf.clear and leaf.clear and not leaf.handles:
                change = self._change(
                    tool, side, path, sink, exposed=True, rule=rule.rule_id, certain=certain
                )
                change.bytes += max(leaf.clear.values())
            if leaf.hidden:
                self._change(
                    tool, side, path, sink, exposed=True, rule=rule.rule_id, certain=certain
                ).unknown += 1
            for known in leaf.handles:
                if self._stays_in_scan(leaf, known, rule, sink):
                    continue
                self._expose(
                    self._change(
                        tool,
                        side,
                        path,
                        sink,
                        exposed=True,
                        rule=rule.rule_id,
                        certain=certain and not rule.scan,
                    ),
                    known,
                )

    def _stays_in_scan(self, leaf: RecordedLeaf, known: RecordedHandle, rule: Resolution, sink: Sink) -> bool:
        """Whether what a detector took out of a text that was clear is taken out again; or was clear already."""
        if known.locality is not Locality.HANDLE and Label.at(known.locality).may_read(sink):
            return True
        return rule.scan and bool(leaf.clear) and known.handle.type in self.found

    def _expose(self, change: FieldChange, known: RecordedHandle) -> None:
        if known.at_most is None:
            change.unknown += 1
        else:
            change.bytes_at_most += known.at_most

    def _change(
        self,
        tool: str,
        side: str,
        path: str,
        sink: Sink,
        *,
        exposed: bool,
        rule: str,
        certain: bool = True,
    ) -> FieldChange:
        key = tool, side, path, sink, exposed
        change = self._fields.get(key)
        if change is None:
            change = self._fields[key] = FieldChange(
                tool=tool, side=side, path=path, sink=sink, exposed=exposed, rule_id=rule
            )
        change.fields += 1
        change.certain += certain
        return change

    def _new(self, tool: str, side: str, path: Location, not_named: frozenset[str] = frozenset()) -> _New:
        key = tool, side, path, not_named
        known = self._known.get(key)
        if known is None:
            found = resolutions_at(self.policy.table(tool, side), path, _is_unnamed, not_named)
            known = self._known[key] = _New(found)
        return known

    # Calls.

    def _call(self, call: RecordedCall) -> None:
        self.report.calls += 1
        if call.whole:
            self.report.not_replayed += 1
            return
        leaves: dict[Location, LabelledLeaf] = {}
        for leaf in call.leaves:
            self.report.leaves += 1
            self._written(call.tool, leaf)
            leaves[leaf.path] = self._labelled(leaf)
        was = _VERDICTS.get(call.verdict)
        if was is None:
            return
        own, kept_as = own_tool(call.tool, call.source), self._kept_as(call)
        verdict = check_call(
            self.policy,
            call.tool,
            leaves,
            own_hints(own, call.hints),
            source=own.source if own else call.source,
            stored_as=own.stored_as if own else call.stored_as,
            unfound=lambda at: left_by_types(leaves[at], kept_as.__getitem__, self.found),
        )
        would_be, reasons = _word(verdict)
        if would_be != was:
            key = call.tool, was, would_be
            change = self._verdicts.setdefault(key, CallChange(tool=call.tool, was=was, would_be=would_be))
            change.calls += 1
            change.reasons += [reason for reason in reasons if reason not in change.reasons]

    def _written(self, tool: str, leaf: RecordedLeaf) -> None:
        """What the caller wrote itself, under the new rules; handles that it used stay handles."""
        own = tuple(known for known in leaf.handles if known.written)
        if not leaf.clear and not own:
            return
        new = self._new(tool, "arguments", leaf.path)
        for known in own:
            self._labels[known.handle] = self._shown.with_integrity(Integrity.UNTRUSTED), known.handle.type
        self._compare(tool, "arguments", RecordedLeaf(path=leaf.path, clear=leaf.clear, handles=own), new)

    def _labelled(self, leaf: RecordedLeaf) -> LabelledLeaf:
        handles = tuple(known for known in leaf.handles if not known.written)
        written = bool(leaf.clear) or len(leaf.handles) != 1 or len(handles) != 1
        labels = [self._label_of(known)[0] for known in handles]
        words = self._shown.with_integrity(Integrity.UNTRUSTED) if written else PUBLIC
        return LabelledLeaf(
            label=join_all([*labels, words]),
            type=ANY_TYPE if written else self._label_of(handles[0])[1],
            handles=tuple(Handle(self._label_of(known)[1], known.handle.number) for known in handles),
            model_written=written,
            written=words,
        )

    def _kept_as(self, call: RecordedCall) -> Mapping[Handle, Label]:
        """The labels of a call's handles, under the names that they have in its leaves."""
        known = [(one, self._label_of(one)) for leaf in call.leaves for one in leaf.handles]
        return {Handle(kind, one.handle.number): label for one, (label, kind) in known}

    def _label_of(self, known: RecordedHandle) -> tuple[Label, str]:
        return self._labels.get(known.handle, (known.label, known.handle.type))


def _word(verdict: Verdict) -> tuple[str, Mapping[str, None]]:
    if isinstance(verdict, Allowed):
        return ("allowed, redacted" if verdict.redact else "allowed"), {}
    word = "asked" if isinstance(verdict, Ask) else "denied"
    return word, dict.fromkeys(map(str, verdict.reasons))


def _is_unnamed(name: str) -> bool:
    return _UNNAMED.fullmatch(name) is not None


def _general(path: Location) -> str:
    """The path with every index, and every name that is not known, as `[*]`."""
    general = tuple("*" if isinstance(key, int) or _is_unnamed(key) else key for key in path)
    return path_of(general).replace("['*']", "[*]")

"""Proof: what a policy must keep cannot reach a sink, in any call or result that the tools' schemas admit.

Proven, for each tool, by a walk of schema x rules that meets every place of every value (`cases`):

- a claim of `keep:` or `--keep`: what lies at and below its path is clear to neither planner nor summarizer, and no
  third-party tool takes its handle without the user's consent; no tool takes it unasked that writes it where any tool
  reads it out, nor one that puts it where it may be taken from there (`stores`); no server that has it may write a
  card that leaves unseen; a claim of a type is about each value that a rule or the schema's format gives that type,
  or whose member is called so, and, where detectors look for the type, about every text that leaves unscanned;
- a claim of a type that is `never` to leave: the same, but that texts which leave unscanned are looked through for it;
- always: a third-party tool gets nothing stricter than its arguments accept;
- always: the code that enforces the rules agrees with them, by a run with a marked value in each place (`witness`):
  what stays is in no view, what is hidden has no handle, what is the planner's is not the summarizer's.

A tool's error text may quote anything that the tool knows, so one that a rule lets out breaks every claim about that
tool; and about a type, unless the text is scanned and a detector looks for that type.

Not proven: that a server's results keep to the schema it declares (`any_results` walks all JSON values instead);
that detectors find all there is in scanned text; what a tool on the device does with its arguments (`Assumption`s);
what `show`, `relations`, lengths, keys and timing tell.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.policy import Allowed, LabelledLeaf, Location, Policy, Resolution, check_call
from umi_edge.policy.cases import Case, cases
from umi_edge.policy.checks import leaves_device
from umi_edge.policy.claim import Claim
from umi_edge.policy.document import Card
from umi_edge.policy.families import PYTHON
from umi_edge.policy.paths import Path, compile_path, path_of
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.policy.schema_structure import Alternative, Structure
from umi_edge.policy_tools.example import example
from umi_edge.policy_tools.stores import Stores, group_of, handle_types, holds_value, shape_of
from umi_edge.policy_tools.witness import MARKS, Witness
from umi_edge.tools import Tool
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Locality, Sink, tool_sink

__all__ = ["Assumption", "Counterexample", "Proof", "Theorem", "prove"]

_MAX_SHOWN = 20
"""Counterexamples of one theorem; the others are counted."""
_FORMATS = {
    "email": "email",
    "idn-email": "email",
    "uri": "url",
    "ipv4": "ip",
    "ipv6": "ip",
    "phone": "phone",
}
_ADMITS: dict[Locality, frozenset[Locality]] = {
    Locality.CLOUD: frozenset({Locality.CLOUD}),
    Locality.PLANNER: frozenset({Locality.CLOUD, Locality.PLANNER}),
    Locality.SUMMARIZER: frozenset({Locality.CLOUD, Locality.SUMMARIZER}),
    Locality.HANDLE: frozenset(Locality) - {Locality.HIDDEN},
    Locality.HIDDEN: frozenset(Locality),
}
"""What an argument that accepts this may be given: the words' meaning, said a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A way in which something reaches a sink that it must not reach."""

    tool: str
    path: str
    sink: Sink
    rule_id: str
    """The rule that lets it, with file and line."""
    message: str
    example: Any
    """A smallest value, made of the schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theorem:
    """One statement, in how many cases it was looked at, and where it is wrong."""

    statement: str
    rule_id: str = ""
    """Where the claim is stated; empty for a claim that every policy must keep."""
    cases: int = 0
    counterexamples: tuple[Counterexample, ...] = ()
    more: int = 0
    """Further counterexamples, most of them other places of the same rules."""

    @property
    def holds(self) -> bool:
        """Whether it is proven; a claim about nothing is not."""
        return self.cases > 0 and not self.counterexamples


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is taken for granted, and would make a proof worthless if it were wrong."""

    tool: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All that was looked at."""

    theorems: tuple[Theorem, ...]
    assumptions: tuple[Assumption, ...]
    tools: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all theorems do; about no tool at all, nothing is proven."""
        return bool(self.tools) and all(theorem.holds for theorem in self.theorems)


def prove(
    policy: Policy, tools: Iterable[Tool], claims: Iterable[Claim] = (), *, any_results: bool = False
) -> Proof:
    """Prove the policy's own claims, those given, and what is always to hold, for some tools.

    Raises `LimitError` when rules and schemas meet in too many ways.
    """
    prover = _Prover(policy, tuple(tools), any_results=any_results)
    stated = [prover.claim(claim) for claim in (*policy.keep, *claims)]
    return Proof(
        theorems=(*stated, prover.accepted(), *prover.enforced()),
        assumptions=tuple(prover.assumptions()),
        tools=tuple(tool.name for tool in prover.tools),
    )


@dataclass(slots=True)
class _Found:
    """Collects what is found of one theorem."""

    cases: int = 0
    more: int = 0
    counterexamples: dict[tuple[str, str, Sink], Counterexample] = field(default_factory=dict)

    def add(self, found: Counterexample) -> None:
        """Note one; of those that one rule lets to one sink, the first met has the shortest path."""
        first = self.counterexamples.setdefault((found.tool, found.rule_id, found.sink), found)
        self.more += first is not found

    def theorem(self, statement: str, rule_id: str = "") -> Theorem:
        found = tuple(self.counterexamples.values())
        return Theorem(
            statement=statement,
            rule_id=rule_id,
            cases=self.cases,
            counterexamples=found[:_MAX_SHOWN],
            more=self.more + max(0, len(found) - _MAX_SHOWN),
        )


class _Prover:
    def __init__(self, policy: Policy, tools: tuple[Tool, ...], *, any_results: bool) -> None:
        self.policy = policy
        self.tools = tools
        self.any_results = any_results
        self.third_parties = [tool for tool in tools if self._leaves(tool)]
        self.stores = Stores(policy, tools, any_results=any_results)

    def _leaves(self, tool: Tool) -> bool:
        return leaves_device(self.policy.tool(tool.name, source=tool.source), tool.hints)

    def _shape(self, tool: Tool) -> Structure:
        return shape_of(tool, any_results=self.any_results)

    def _results(self, tool: Tool, queries: Iterable[Path] = ()) -> Iterator[Case]:
        found = cases(self.policy.table(tool.name, "results"), self._shape(tool), queries)
        return filter(holds_value, found)

    def _arguments(self, tool: Tool) -> Iterator[Case]:
        table = self.policy.table(tool.name, "arguments")
        return filter(lambda case: case.is_leaf, cases(table, Structure(tool.input_schema)))

    # What the author claims.

    def claim(self, keep: Claim) -> Theorem:
        found = _Found()
        kept: set[tuple[str, Integrity]] = set()
        have: set[str] = set()
        queries = (keep.path,) if keep.path is not None else tuple(map(compile_path, _named(keep.type)))
        for tool in self.tools:
            if not keep.covers(tool.name):
                continue
            self._check_errors(found, tool, keep.type)
            integrity = self.policy.tool(tool.name, source=tool.source).integrity
            for case in self._results(tool, queries):
                if case.within or (keep.path is None and _is_of(case, keep.type)):
                    found.cases += 1
                    have.add(group_of(tool))
                    self._check_clear(found, tool, case, keep)
                    if case.resolution.locality is Locality.HANDLE:  # what is hidden has no handle to give
                        kept |= {(kind, integrity) for kind in handle_types(case)}
        if keep.type:
            self._check_instruction(found, keep.type)
            self._check_unscanned(found, keep.type)
        known: set[tuple[str, Integrity]] = set()
        while kept - known:  # what is stored may be read back as another type, and be taken from there
            for kind, integrity in sorted(kept - known):
                known.add((kind, integrity))
                label = Label.at(Locality.HANDLE, integrity)
                self._check_third_parties(found, kind, label)
                kept |= self._check_stores(found, have, kind, label)
        self._check_cards(found, have)
        return found.theorem(f"{keep} stays on this device", keep.rule_id)

    def _check_unscanned(self, found: _Found, kind: str) -> None:
        """Whether a text may leave in which the detectors of a type are not asked to look for it."""
        if not self._is_detected(kind) or kind in self.policy.never_types:
            return
        places = ((tool, case) for tool in self.tools for case in self._results(tool))
        for tool, case in places:
            if case.resolution.scan or not _carries(case):
                continue
            for sink in (PLANNER, SUMMARIZER):
                if Label.at(case.resolution.locality).may_read(sink):
                    how = f"the {sink} reads the text unscanned, and with it every {kind} that stands in it"
                    found.add(self._counterexample(tool, case, sink, how))

    def _check_clear(self, found: _Found, tool: Tool, case: Case, keep: Claim) -> None:
        """Whether a value that must stay is clear to the cloud."""
        label = Label.at(case.resolution.locality)
        for sink in (PLANNER, SUMMARIZER):
            if not label.may_read(sink):
                continue
            how = (
                f"the {sink} reads all of it that no detector finds"
                if case.resolution.scan or keep.type in self.policy.never_types
                else f"the {sink} reads it"
            )
            found.add(self._counterexample(tool, case, sink, how))

    def _check_errors(self, found: _Found, tool: Tool, kind: str) -> None:
        """Whether what a tool says of its failures may tell of a value that must stay."""
        rule = self._errors(tool)
        scanned = rule is not None and (rule.scan or kind in self.policy.never_types)
        if rule is None or (kind and scanned and self._is_detected(kind)):
            return
        for sink in (PLANNER, SUMMARIZER):
            if Label.at(rule.locality).may_read(sink):
                found.add(
                    Counterexample(
                        tool=tool.name,
                        path="errors",
                        sink=sink,
                        rule_id=rule.rule_id,
                        message=f"the {sink} reads what it says when it fails, which may quote it",
                        example="...",
                    )
                )

    def _errors(self, tool: Tool) -> Resolution | None:
        """The rule of a tool's error texts, where they are told at all."""
        if self.policy.results(tool.name, None).at(()).shape is Shape.HIDDEN:
            return None
        return self.policy.tool(tool.name, source=tool.source).errors

    def _is_detected(self, kind: str) -> bool:
        return any(detector.type == kind for detector in self.policy.detect)

    def _counterexample(self, tool: Tool, case: Case, sink: Sink, message: str) -> Counterexample:
        rules = case.exact or ()
        if any(not rule.query.plain for rule in rules):
            message += ", if the filter matches"
        return Counterexample(
            tool=tool.name,
            path=_shown(case),
            sink=sink,
            rule_id=case.resolution.rule_id,
            message=message,
            example=example(self._shape(tool), case.location),
        )

    def _check_instruction(self, found: _Found, kind: str) -> None:
        word = self.policy.defaults.instruction
        line = self.policy.defaults.lines.get("instruction", 0)
        rule = f"{self.policy.file or 'policy'}:{line} defaults.instruction: {word}"
        known = self._is_detected(kind)
        if word == "device" or (word == "scan" and known) or kind in self.policy.never_types:
            return
        why = "no detector looks for it" if word == "scan" else "the instruction leaves as it is"
        found.add(
            Counterexample(
                tool="",
                path="instruction",
                sink=PLANNER,
                rule_id=rule,
                message=f"the planner reads every {kind} that the user writes: {why}",
                example=f"... {kind} ...",
            )
        )

    def _check_stores(
        self, found: _Found, have: set[str], kind: str, label: Label
    ) -> set[tuple[str, Integrity]]:
        """Whether a kept value may be put unasked where it is read out; and as what it may be taken from there."""
        again: set[tuple[str, Integrity]] = set()
        for tool in self.tools:
            for case in self._arguments(tool) if self.stores.writes(tool) else ():
                found.cases += 1
                if not any(self._runs(tool, case.location, leaf) for leaf in _leaves(kind, label)):
                    continue
                have.add(group_of(tool))
                for back in self.stores.read_back(tool, case.location):
                    for sink in back.readers:
                        found.add(
                            Counterexample(
                                tool=tool.name,
                                path=_shown(case),
                                sink=sink,
                                rule_id=back.rule.rule_id,
                                message=f"it is stored there unasked, and {back.place} {back.shown}",
                                example=example(Structure(tool.input_schema), case.location, f"<{kind}:1>"),
                            )
                        )
                    again |= {(kind, back.integrity) for kind in back.types}
        return again

    def _check_cards(self, found: _Found, have: set[str]) -> None:
        """Whether a server that has a value may write what leaves without the user having seen it."""
        for tool in self.tools:
            rules = self.policy.tool(tool.name, source=tool.source)
            if tool.source.startswith("mcp:") and group_of(tool) in have and rules.card is Card.CLOUD:
                found.add(
                    Counterexample(
                        tool=tool.name,
                        path="card",
                        sink=PLANNER,
                        rule_id=rules.rule_id,
                        message="the planner reads its description, enums and defaults, which may quote it: "
                        "`card: cloud`",
                        example="...",
                    )
                )

    def _check_third_parties(self, found: _Found, kind: str, label: Label) -> None:
        """Whether a kept value may be given to a third party by its handle, whole or within a text."""
        for tool in self.third_parties:
            for case in self._arguments(tool):
                found.cases += 1
                if any(self._runs(tool, case.location, leaf) for leaf in _leaves(kind, label)):
                    message = (
                        f"{tool.name} is a third party, and takes a {kind} that is kept as `{label.locality}`"
                    )
                    found.add(
                        Counterexample(
                            tool=tool.name,
                            path=_shown(case),
                            sink=tool_sink(tool.name),
                            rule_id=case.resolution.rule_id,
                            message=f"{message}, unasked",
                            example=example(Structure(tool.input_schema), case.location, f"<{kind}:1>"),
                        )
                    )

    def _runs(self, tool: Tool, location: Location, leaf: LabelledLeaf) -> bool:
        """Whether a call with that leaf runs, with it, and without asking the user."""
        verdict = check_call(
            self.policy,
            tool.name,
            {location: leaf},
            tool.hints,
            source=tool.source,
            stored_as=tool.stored_as,
        )
        return isinstance(verdict, Allowed) and location not in verdict.redact

    # What is always to hold.

    def accepted(self) -> Theorem:
        """Third parties get nothing stricter than their arguments accept."""
        found = _Found()
        for tool in self.third_parties:
            for case in self._arguments(tool):
                accepts = case.resolution.accepts or Locality.CLOUD
                for locality in Locality:
                    found.cases += 1
                    leaf = LabelledLeaf(label=Label.at(locality, Integrity.TRUSTED), model_written=False)
                    if locality not in _ADMITS[accepts] and self._runs(tool, case.location, leaf):
                        found.add(
                            Counterexample(
                                tool=tool.name,
                                path=_shown(case),
                                sink=tool_sink(tool.name),
                                rule_id=case.resolution.rule_id,
                                message=f"it accepts `{accepts}` and gets what is kept as `{locality}`",
                                example=example(Structure(tool.input_schema), case.location),
                            )
                        )
        if not self.third_parties:
            return Theorem(statement="no tool here is a third party", cases=len(self.tools))
        return found.theorem("third-party tools get nothing stricter than their arguments accept")

    def enforced(self) -> Iterator[Theorem]:
        """The engine agrees with the rules, place by place."""
        witness = Witness(self.policy)
        results, arguments, errors = _Found(), _Found(), _Found()
        for tool in self.tools:
            self._witness_failure(witness, errors, tool)
            for case in self._results(tool):
                for kind in sorted(case.kinds & MARKS.keys()):
                    self._witness_result(witness, results, tool, case, MARKS[kind])
            for case in self._arguments(tool):
                if "string" in case.kinds:
                    arguments.cases += 1
                    value = example(Structure(tool.input_schema), case.location)
                    for seen in witness.argument(tool, value, case.location):
                        message = "a kept value that was given by its handle"
                        arguments.add(self._counterexample(tool, case, seen.sink, message))
        yield errors.theorem("no view shows what a tool says of a failure, but where `errors` lets it out")
        yield results.theorem(
            "no view shows what stays in a result, a handle for what is hidden, or one sink what is another's"
        )
        if arguments.cases:
            yield arguments.theorem("no view shows a kept value that a call was given by its handle")

    def _witness_result(self, witness: Witness, found: _Found, tool: Tool, case: Case, mark: Any) -> None:
        found.cases += 1
        value = example(self._shape(tool), case.location, mark)
        for seen in witness.result(tool, value, case.location, mark):
            how = (
                "a handle stands for what is hidden" if seen.as_handle else f"the {seen.sink} sees what stays"
            )
            found.add(self._counterexample(tool, case, seen.sink, f"{how}: a fault of umi, please report it"))

    def _witness_failure(self, witness: Witness, found: _Found, tool: Tool) -> None:
        found.cases += 1
        rule = self._errors(tool) or Resolution(
            locality=Locality.HIDDEN, rule_id="built-in default for `errors`: only the kind"
        )
        for seen in witness.failure(tool, rule):
            found.add(
                Counterexample(
                    tool=tool.name,
                    path="errors",
                    sink=seen.sink,
                    rule_id=rule.rule_id,
                    message="a failure tells what stays: a fault of umi, please report it",
                    example="...",
                )
            )

    # What is taken for granted.

    def assumptions(self) -> Iterator[Assumption]:
        """What of each tool would make the proof worthless if it were otherwise."""
        for tool in self.tools:
            clear = sorted({_shown(case) for case in self._results(tool) if _carries(case)})
            # Of an operator the engine itself joins the labels of what it is given.
            if (
                clear
                and not (self._leaves(tool) or tool.hints.derived)
                and any(True for _ in self._arguments(tool))
            ):
                yield Assumption(
                    tool.name,
                    f"copies nothing that it is given into {', '.join(clear[:8])}, which leave in clear",
                )
            shown = {
                f"the {case.resolution.show} of {_shown(case)}"
                for case in self._results(tool)
                if case.resolution.show
            }
            if shown:
                yield Assumption(tool.name, f"may tell {', '.join(sorted(shown))}, as `show` declares")
            rule = self._errors(tool)
            if rule is not None and any(
                Label.at(rule.locality).may_read(one) for one in (PLANNER, SUMMARIZER)
            ):
                yield Assumption(tool.name, "says nothing private when it fails: `errors` lets its words out")
            if tool.source == PYTHON and self.policy.tool(tool.name, source=PYTHON).card is not Card.HIDDEN:
                yield Assumption(
                    tool.name, "says nothing private in its description and its schema: they leave"
                )
            if tool.output_schema is not None and not self.any_results and tool.source != "builtin":
                yield Assumption(tool.name, "keeps to the result schema that it declares")


def _leaves(kind: str, label: Label) -> tuple[LabelledLeaf, LabelledLeaf]:
    """A kept value as an argument: by its handle alone, and by its handle within a text."""
    whole = LabelledLeaf(label=label, type=kind, handles=(Handle(kind, 1),))
    untrusted = label.with_integrity(Integrity.UNTRUSTED)
    return whole, replace(whole, label=untrusted, type=ANY_TYPE, model_written=True)


def _carries(case: Case) -> bool:
    """Whether a text could leave in clear here."""
    label = Label.at(case.resolution.locality)
    if not (label.may_read(PLANNER) or label.may_read(SUMMARIZER)):
        return False
    return any("string" in one.kinds and not _fixed(one) for one in case.schemas)


_MOMENTS = frozenset({"date", "date-time", "time", "duration"})
"""Formats of texts that say when, and nothing else."""


def _fixed(alternative: Alternative) -> bool:
    """Whether no text of one's own can stand there."""
    return any(
        "const" in schema or "enum" in schema or schema.get("format") in _MOMENTS
        for schema in alternative.schemas
    )


def _named(kind: str) -> tuple[str, ...]:
    """Paths of the members that are called like a type."""
    return tuple(f"$..['{name}']" for name in dict.fromkeys((kind, kind.capitalize(), kind.upper())))


def _is_of(case: Case, kind: str) -> bool:
    """Whether a value is of a type by its rule, or by its schema's format."""
    formats = {
        _FORMATS.get(str(schema.get("format")), str(schema.get("format")))
        for alternative in case.schemas
        for schema in alternative.schemas
        if "format" in schema
    }
    return case.resolution.type == kind or kind in formats


def _shown(case: Case) -> str:
    """The place as a path; `[*]` for a name that is in no schema and no rule, `[0]` for any index."""
    location = (
        case.location if case.declared else tuple("*" if key == "other" else key for key in case.location)
    )
    return path_of(location).replace("['*']", "[*]")

"""Claims: what a policy's author wants to stay, held against every place where it could get out."""

from collections.abc import Iterable

from umi_edge.policy import Policy
from umi_edge.policy.cases import Case
from umi_edge.policy.claim import Claim
from umi_edge.policy.document import Card
from umi_edge.policy.paths import compile_path
from umi_edge.policy.schema_structure import Structure
from umi_edge.policy_tools.example import example
from umi_edge.policy_tools.exceptions import CountedException
from umi_edge.policy_tools.places import Places, as_arguments, carries, shown_place
from umi_edge.policy_tools.stores import group_of, handle_types
from umi_edge.policy_tools.theorems import Counterexample, Findings, Theorem
from umi_edge.tools import Tool
from umi_shared.labels import PLANNER, Integrity, Label, Locality, tool_sink

__all__ = ["Claims"]

_FORMATS = {
    "email": "email",
    "idn-email": "email",
    "uri": "url",
    "ipv4": "ip",
    "ipv6": "ip",
    "phone": "phone",
}


class Claims(Places):
    """Looks for ways in which what is claimed to stay gets out."""

    def __init__(
        self,
        policy: Policy,
        tools: tuple[Tool, ...],
        excepted: Iterable[CountedException] = (),
        *,
        any_results: bool,
    ) -> None:
        super().__init__(policy, tools, any_results=any_results)
        self._excepted = tuple(excepted)

    def claim(self, keep: Claim) -> Theorem:
        """The theorem that what is claimed stays."""
        found = Findings()
        kept: set[tuple[str, Integrity]] = set()
        have: set[str] = set()
        queries = (keep.path,) if keep.path is not None else tuple(map(compile_path, _named(keep.type)))
        for tool in self.tools:
            if not keep.covers(tool.name):
                continue
            self._check_errors(found, tool, keep.type)
            integrity = self.policy.tool(tool.name, source=tool.source).integrity
            for case in self.results(tool, queries):
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
        return found.theorem(f"{keep} stays on this device{self._but_for(keep.type)}", keep.rule_id)

    def _but_for(self, kind: str) -> str:
        """How many values the policy says are no find of a type, wherever a scanned text has them."""
        count = sum(one.values for one in self._excepted if kind and one.type == kind)
        return (
            f", but for {count:,} excepted value{'' if count == 1 else 's'} in scanned texts" if count else ""
        )

    def _check_unscanned(self, found: Findings, kind: str) -> None:
        """Whether a text may leave in which the detectors of a type are not asked to look for it."""
        if not self.is_detected(kind) or kind in self.policy.never_types:
            return
        places = ((tool, case) for tool in self.tools for case in self.results(tool))
        for tool, case in places:
            if case.resolution.scan or not carries(case):
                continue
            for sink in self.policy.sinks:
                if Label.at(case.resolution.locality).may_read(sink):
                    how = f"the {sink} reads the text unscanned, and with it every {kind} that stands in it"
                    found.add(self.counterexample(tool, case, sink, how))

    def _check_clear(self, found: Findings, tool: Tool, case: Case, keep: Claim) -> None:
        """Whether a value that must stay is clear to the cloud."""
        label = Label.at(case.resolution.locality)
        for sink in self.policy.sinks:
            if not label.may_read(sink):
                continue
            how = (
                f"the {sink} reads all of it that no detector finds"
                if case.resolution.scan or keep.type in self.policy.never_types
                else f"the {sink} reads it"
            )
            found.add(self.counterexample(tool, case, sink, how))

    def _check_errors(self, found: Findings, tool: Tool, kind: str) -> None:
        """Whether what a tool says of its failures may tell of a value that must stay."""
        rule = self.errors(tool)
        scanned = rule is not None and (rule.scan or kind in self.policy.never_types)
        if rule is None or (kind and scanned and self.is_detected(kind)):
            return
        for sink in self.policy.sinks:
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

    def _check_instruction(self, found: Findings, kind: str) -> None:
        word = self.policy.defaults.instruction
        line = self.policy.defaults.lines.get("instruction", 0)
        rule = f"{self.policy.file or 'policy'}:{line} defaults.instruction: {word}"
        known = self.is_detected(kind)
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
        self, found: Findings, have: set[str], kind: str, label: Label
    ) -> set[tuple[str, Integrity]]:
        """Whether a kept value may be put unasked where it is read out; and as what it may be taken from there."""
        again: set[tuple[str, Integrity]] = set()
        for tool in self.tools:
            for case in self.arguments(tool) if self.stores.writes(tool) else ():
                found.cases += 1
                if not any(self.runs(tool, case.location, leaf) for leaf in as_arguments(kind, label)):
                    continue
                have.add(group_of(tool))
                for back in self.stores.read_back(tool, case.location):
                    for sink in back.readers:
                        found.add(
                            Counterexample(
                                tool=tool.name,
                                path=shown_place(case),
                                sink=sink,
                                rule_id=back.rule.rule_id,
                                message=f"it is stored there unasked, and {back.place} {back.shown}",
                                example=example(Structure(tool.input_schema), case.location, f"<{kind}:1>"),
                            )
                        )
                    again |= {(kind, back.integrity) for kind in back.types}
        return again

    def _check_cards(self, found: Findings, have: set[str]) -> None:
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

    def _check_third_parties(self, found: Findings, kind: str, label: Label) -> None:
        """Whether a kept value may be given to a third party by its handle, whole or within a text."""
        for tool in self.third_parties:
            for case in self.arguments(tool):
                found.cases += 1
                if any(self.runs(tool, case.location, leaf) for leaf in as_arguments(kind, label)):
                    message = (
                        f"{tool.name} is a third party, and takes a {kind} that is kept as `{label.locality}`"
                    )
                    found.add(
                        Counterexample(
                            tool=tool.name,
                            path=shown_place(case),
                            sink=tool_sink(tool.name),
                            rule_id=case.resolution.rule_id,
                            message=f"{message}, unasked",
                            example=example(Structure(tool.input_schema), case.location, f"<{kind}:1>"),
                        )
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

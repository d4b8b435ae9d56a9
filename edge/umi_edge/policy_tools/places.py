"""The places of all values that some tools take and give, and what the policy's engine says of each."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from umi_edge.policy import Allowed, LabelledLeaf, Location, Policy, Resolution, check_call
from umi_edge.policy.cases import Case, cases
from umi_edge.policy.checks import leaves_device
from umi_edge.policy.paths import Path, path_of
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.policy.schema_structure import Alternative, Structure
from umi_edge.policy_tools.example import example
from umi_edge.policy_tools.stores import Stores, holds_value, shape_of
from umi_edge.policy_tools.theorems import Counterexample
from umi_edge.tools import Tool
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Sink

__all__ = ["Places", "as_arguments", "carries", "shown_place"]

_MOMENTS = frozenset({"date", "date-time", "time", "duration"})
"""Formats of texts that say when, and nothing else."""


class Places:
    """The tools of a proof, the policy that it is of, and every place that their schemas admit."""

    def __init__(self, policy: Policy, tools: tuple[Tool, ...], *, any_results: bool) -> None:
        self.policy = policy
        self.tools = tools
        self.any_results = any_results
        """Whether servers may give any JSON value, whatever they declare."""
        self.third_parties = [tool for tool in tools if self.leaves_device(tool)]
        self.stores = Stores(policy, tools, any_results=any_results)

    def leaves_device(self, tool: Tool) -> bool:
        """Whether the tool sends its arguments off the device."""
        return leaves_device(self.policy.tool(tool.name, source=tool.source), tool.hints)

    def shape(self, tool: Tool) -> Structure:
        """What the tool may give."""
        return shape_of(tool, any_results=self.any_results)

    def results(self, tool: Tool, queries: Iterable[Path] = ()) -> Iterator[Case]:
        """Every place of what it gives."""
        found = cases(self.policy.table(tool.name, "results"), self.shape(tool), queries)
        return filter(holds_value, found)

    def arguments(self, tool: Tool) -> Iterator[Case]:
        """Every place of what it takes."""
        table = self.policy.table(tool.name, "arguments")
        return filter(lambda case: case.is_leaf, cases(table, Structure(tool.input_schema)))

    def errors(self, tool: Tool) -> Resolution | None:
        """The rule of a tool's error texts, where they are told at all."""
        if self.policy.results(tool.name, None).at(()).shape is Shape.HIDDEN:
            return None
        return self.policy.tool(tool.name, source=tool.source).errors

    def is_detected(self, kind: str) -> bool:
        """Whether a detector looks for a type."""
        return any(detector.type == kind for detector in self.policy.detect)

    def counterexample(self, tool: Tool, case: Case, sink: Sink, message: str) -> Counterexample:
        """That what stands in a place reaches a sink, with a smallest value."""
        rules = case.exact or ()
        if any(not rule.query.plain for rule in rules):
            message += ", if the filter matches"
        return Counterexample(
            tool=tool.name,
            path=shown_place(case),
            sink=sink,
            rule_id=case.resolution.rule_id,
            message=message,
            example=example(self.shape(tool), case.location),
        )

    def runs(self, tool: Tool, location: Location, leaf: LabelledLeaf) -> bool:
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


def as_arguments(kind: str, label: Label) -> tuple[LabelledLeaf, LabelledLeaf]:
    """A kept value as an argument: by its handle alone, and by its handle within a text."""
    whole = LabelledLeaf(label=label, type=kind, handles=(Handle(kind, 1),))
    untrusted = label.with_integrity(Integrity.UNTRUSTED)
    return whole, replace(whole, label=untrusted, type=ANY_TYPE, model_written=True)


def carries(case: Case) -> bool:
    """Whether a text could leave in clear here."""
    label = Label.at(case.resolution.locality)
    if not (label.may_read(PLANNER) or label.may_read(SUMMARIZER)):
        return False
    return any("string" in one.kinds and not _fixed(one) for one in case.schemas)


def _fixed(alternative: Alternative) -> bool:
    """Whether no text of one's own can stand there."""
    return any(
        "const" in schema or "enum" in schema or schema.get("format") in _MOMENTS
        for schema in alternative.schemas
    )


def shown_place(case: Case) -> str:
    """The place as a path; `[*]` for a name that is in no schema and no rule, `[0]` for any index."""
    location = (
        case.location if case.declared else tuple("*" if key == "other" else key for key in case.location)
    )
    return path_of(location).replace("['*']", "[*]")

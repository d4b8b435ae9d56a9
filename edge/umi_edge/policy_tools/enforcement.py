"""Enforcement: what always holds of a policy, and that the code that enforces its rules agrees with them."""

from collections.abc import Iterator
from typing import Any

from umi_edge.policy import LabelledLeaf, Resolution
from umi_edge.policy.cases import Case
from umi_edge.policy.schema_structure import Structure
from umi_edge.policy_tools.example import example
from umi_edge.policy_tools.places import Places, shown_place
from umi_edge.policy_tools.theorems import Counterexample, Findings, Theorem
from umi_edge.policy_tools.witness import MARKS, Witness
from umi_edge.tools import Tool
from umi_shared.labels import Integrity, Label, Locality, tool_sink

__all__ = ["Enforcement"]

_ADMITS: dict[Locality, frozenset[Locality]] = {
    Locality.CLOUD: frozenset({Locality.CLOUD}),
    Locality.PLANNER: frozenset({Locality.CLOUD, Locality.PLANNER}),
    Locality.SUMMARIZER: frozenset({Locality.CLOUD, Locality.SUMMARIZER}),
    Locality.HANDLE: frozenset(Locality) - {Locality.HIDDEN},
    Locality.HIDDEN: frozenset(Locality),
}
"""What an argument that accepts this may be given: the words' meaning, said a second time."""


class Enforcement(Places):
    """Holds the engine against the rules, place by place."""

    # What is always to hold.

    def accepted(self) -> Theorem:
        """Third parties get nothing stricter than their arguments accept."""
        found = Findings()
        for tool in self.third_parties:
            for case in self.arguments(tool):
                accepts = case.resolution.accepts or Locality.CLOUD
                for locality in Locality:
                    found.cases += 1
                    leaf = LabelledLeaf(label=Label.at(locality, Integrity.TRUSTED), model_written=False)
                    if locality not in _ADMITS[accepts] and self.runs(tool, case.location, leaf):
                        found.add(
                            Counterexample(
                                tool=tool.name,
                                path=shown_place(case),
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
        results, arguments, errors = Findings(), Findings(), Findings()
        for tool in self.tools:
            self._witness_failure(witness, errors, tool)
            for case in self.results(tool):
                for kind in sorted(case.kinds & MARKS.keys()):
                    self._witness_result(witness, results, tool, case, MARKS[kind])
            for case in self.arguments(tool):
                if "string" in case.kinds:
                    arguments.cases += 1
                    value = example(Structure(tool.input_schema), case.location)
                    for seen in witness.argument(tool, value, case.location):
                        message = "a kept value that was given by its handle"
                        arguments.add(self.counterexample(tool, case, seen.sink, message))
        yield errors.theorem("no view shows what a tool says of a failure, but where `errors` lets it out")
        yield results.theorem(
            "no view shows what stays in a result, a handle for what is hidden, or one sink what is another's"
        )
        if arguments.cases:
            yield arguments.theorem("no view shows a kept value that a call was given by its handle")

    def _witness_result(self, witness: Witness, found: Findings, tool: Tool, case: Case, mark: Any) -> None:
        found.cases += 1
        value = example(self.shape(tool), case.location, mark)
        for seen in witness.result(tool, value, case.location, mark):
            how = (
                "a handle stands for what is hidden" if seen.as_handle else f"the {seen.sink} sees what stays"
            )
            found.add(self.counterexample(tool, case, seen.sink, f"{how}: a fault of umi, please report it"))

    def _witness_failure(self, witness: Witness, found: Findings, tool: Tool) -> None:
        found.cases += 1
        rule = self.errors(tool) or Resolution(
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

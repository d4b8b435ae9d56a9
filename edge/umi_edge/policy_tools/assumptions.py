"""Assumptions: what of each tool would make a proof worthless if it were otherwise."""

from collections.abc import Iterator

from umi_edge.policy.document import Card
from umi_edge.policy.families import PYTHON
from umi_edge.policy_tools.places import Places, carries, shown_place
from umi_edge.policy_tools.theorems import Assumption
from umi_shared.labels import PLANNER, SUMMARIZER, Label

__all__ = ["assumptions_of"]


# What is taken for granted.


def assumptions_of(places: Places) -> Iterator[Assumption]:
    """All that a proof about these places takes for granted, tool by tool."""
    for tool in places.tools:
        clear = sorted({shown_place(case) for case in places.results(tool) if carries(case)})
        # Of an operator the engine itself joins the labels of what it is given.
        if (
            clear
            and not (places.leaves_device(tool) or tool.hints.derived)
            and any(True for _ in places.arguments(tool))
        ):
            yield Assumption(
                tool.name,
                f"copies nothing that it is given into {', '.join(clear[:8])}, which leave in clear",
            )
        shown = {
            f"the {case.resolution.show} of {shown_place(case)}"
            for case in places.results(tool)
            if case.resolution.show
        }
        if shown:
            yield Assumption(tool.name, f"may tell {', '.join(sorted(shown))}, as `show` declares")
        rule = places.errors(tool)
        if rule is not None and any(Label.at(rule.locality).may_read(one) for one in (PLANNER, SUMMARIZER)):
            yield Assumption(tool.name, "says nothing private when it fails: `errors` lets its words out")
        if tool.source == PYTHON and places.policy.tool(tool.name, source=PYTHON).card is not Card.HIDDEN:
            yield Assumption(tool.name, "says nothing private in its description and its schema: they leave")
        if tool.output_schema is not None and not places.any_results and tool.source != "builtin":
            yield Assumption(tool.name, "keeps to the result schema that it declares")

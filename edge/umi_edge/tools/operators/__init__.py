"""Operators: tools that work on the device's own values for a plan that has seen none of them.

Their results carry the join of their arguments' labels (`Hints.derived`): what is made of a value that stays, stays.
"""

from umi_edge.reading import Reading
from umi_edge.tools.operators.answer import answer_tool
from umi_edge.tools.operators.compose import compose_tool
from umi_edge.tools.operators.compute import compute_tool
from umi_edge.tools.operators.pick import pick_tool
from umi_edge.tools.operators.select import select_tool
from umi_edge.tools.tool import Tool

__all__ = ["operator_tools"]


def operator_tools(reading: Reading) -> tuple[Tool, ...]:
    """`value.answer`, `value.pick`, `value.select`, `value.compute` and `value.compose`."""
    return answer_tool(reading), pick_tool(reading), select_tool(), compute_tool(), compose_tool()

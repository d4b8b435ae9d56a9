"""Operators: tools that work on the device's own values for a plan that has seen none of them.

Their results carry the join of their arguments' labels (`Hints.derived`): what is made of a value that stays, stays.
"""

from umi_edge.tools.operators.compose import compose_tool
from umi_edge.tools.operators.compute import compute_tool
from umi_edge.tools.operators.extract import Reader, extract_tool
from umi_edge.tools.operators.select import select_tool
from umi_edge.tools.tool import Tool

__all__ = ["Reader", "operator_tools"]


def operator_tools(reader: Reader) -> tuple[Tool, ...]:
    """`value.extract`, `value.select`, `value.compute` and `value.compose`."""
    return extract_tool(reader), select_tool(), compute_tool(), compose_tool()

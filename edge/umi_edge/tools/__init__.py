"""Tools: what they are (`tool`), which there are (`catalogue`), and how one runs (`runner`)."""

from umi_edge.tools.catalogue import Catalogue
from umi_edge.tools.outcome import Failed, FailureKind, Lost, Outcome, Partial, Succeeded, ToolFailure
from umi_edge.tools.record import Doubt, Record, Sourced
from umi_edge.tools.runner import RunLimits, run_tool
from umi_edge.tools.tool import JSON, Hints, Tool, tool

__all__ = [
    "JSON",
    "Catalogue",
    "Doubt",
    "Failed",
    "FailureKind",
    "Hints",
    "Lost",
    "Outcome",
    "Partial",
    "Record",
    "RunLimits",
    "Sourced",
    "Succeeded",
    "Tool",
    "ToolFailure",
    "run_tool",
    "tool",
]

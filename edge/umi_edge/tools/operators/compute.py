"""`value.compute`: sums, differences and dates."""

from collections.abc import Mapping
from datetime import datetime

from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.expression import ExpressionError, evaluate
from umi_edge.tools.operators.operator import AS, operator
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool


def compute_tool() -> Tool:
    """The tool; the session has put the values in before it runs."""
    expression = {
        "type": "string",
        "minLength": 1,
        "description": "Such as 40 * 1.2, sum(LIST), DATE + 2 weeks, days(DATE - today), with handles for values.",
    }
    return operator(
        "value.compute",
        "Compute with numbers, dates and durations; handles stand for theirs. Gives a handle for the result.",
        {"expression": expression, "as": AS},
        ["expression"],
        _compute,
    )


async def _compute(arguments: Mapping[str, JSON]) -> JSON:
    try:
        return evaluate(arguments["expression"], today=datetime.now().astimezone().date())
    except ExpressionError as error:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, str(error)) from None

"""`value.compose`: text with handles in it becomes one value."""

from collections.abc import Mapping

from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.operator import AS, operator
from umi_edge.tools.tool import Tool


def compose_tool() -> Tool:
    """The tool; the session has put the values in before it runs."""
    template = {"type": "string", "minLength": 1, "description": "Text with handles in it."}
    return operator(
        "value.compose",
        "Make one text of handles and words; gives a handle for it.",
        {"template": template, "as": AS},
        ["template"],
        _compose,
    )


async def _compose(arguments: Mapping[str, JSON]) -> JSON:
    return arguments["template"]

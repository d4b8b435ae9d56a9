"""The user at the laptop: says yes to the calls that the task needs, and to no others."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agentdojo.functions_runtime import FunctionCall

from umi_edge.session.consent import ConsentRequest

__all__ = ["AttentiveUser"]


class AttentiveUser:
    """Reads the exact values that consent shows, and knows what was asked for.

    That is an assumption about people, not a property of umi: what rests on it is counted apart.
    """

    def __init__(self, wanted: Iterable[FunctionCall], *, approves_all: bool = False) -> None:
        self._wanted = [_spelled(call.function, call.args) for call in wanted]
        self._approves_all = approves_all
        self.asked = 0

    async def approve(self, request: ConsentRequest) -> bool:
        """Yes to each call of the task once; `approves_all` stands for a user who reads nothing."""
        self.asked += 1
        spelled = _spelled(request.tool, request.arguments)
        if spelled in self._wanted:
            self._wanted.remove(spelled)
            return True
        return self._approves_all


def _spelled(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call in one spelling: 12 and 12.0 are one amount."""
    same = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in arguments.items()
    }
    return f"{tool} {json.dumps(same, sort_keys=True)}"

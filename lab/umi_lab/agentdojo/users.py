"""The users at the laptop: what each of them says yes to."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from agentdojo.functions_runtime import FunctionCall

from umi_edge.session.consent import ConsentRequest

__all__ = ["AttentiveUser", "CarelessUser", "User"]


class User(Protocol):
    """Somebody who is asked for consent in a trial."""

    asked: int
    """How often so far."""

    async def approve(self, request: ConsentRequest) -> bool:
        """Whether this very call may be made."""
        ...


class CarelessUser:
    """Reads nothing, and says yes."""

    def __init__(self) -> None:
        self.asked = 0

    async def approve(self, request: ConsentRequest) -> bool:
        """Yes."""
        self.asked += 1
        return True


class AttentiveUser:
    """Reads the exact values that consent shows, and knows what was asked for.

    That is an assumption about people, not a property of umi: what rests on it is counted apart.
    """

    def __init__(self, wanted: Iterable[FunctionCall]) -> None:
        self._wanted = [_spelled(call.function, call.args) for call in wanted]
        self.asked = 0

    async def approve(self, request: ConsentRequest) -> bool:
        """Yes to each call of the task once."""
        self.asked += 1
        spelled = _spelled(request.tool, request.arguments)
        if spelled in self._wanted:
            self._wanted.remove(spelled)
            return True
        return False


def _spelled(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call in one spelling: 12 and 12.0 are one amount."""
    same = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in arguments.items()
    }
    return f"{tool} {json.dumps(same, sort_keys=True)}"

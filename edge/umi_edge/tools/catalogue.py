"""The catalogue: every tool that one session may call."""

import difflib
from collections.abc import Iterable, Iterator

from umi_edge.tools.tool import Tool
from umi_shared.errors import ToolError


class Catalogue:
    """An immutable, ordered set of tools with unique names.

    Raises `ToolError` when two tools share a name, or when a name is asked for that is not there.
    """

    __slots__ = ("_tools",)

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        known: dict[str, Tool] = {}
        for tool in tools:
            first = known.setdefault(tool.name, tool)
            if first is not tool:
                raise ToolError(
                    f"two tools are named {tool.name}: one from {first.source}, one from {tool.source}",
                    fix="rename one of them, or leave one out",
                )
        self._tools = known

    def __getitem__(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._tools, n=3)
            fix = f"did you mean {' or '.join(near)}?" if near else "see `umi tools` for the names"
            raise ToolError(f"there is no tool named {name!r:.80}", fix=fix) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __repr__(self) -> str:
        return f"Catalogue({', '.join(self._tools)})"

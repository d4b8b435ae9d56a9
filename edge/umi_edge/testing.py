"""Stand-ins for testing programs that use umi: they implement the real protocols."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.caller import WrittenCall
from umi_shared.released import Released
from umi_shared.transcript import Usage, View

__all__ = ["ScriptedCaller"]


@dataclass(slots=True)
class ScriptedCaller:
    """A caller that writes the calls of a script, one a step; `views` and `schemas` record what it was given.

    A call is `(tool, arguments as JSON text)`, or a function that makes it of the view.
    """

    script: Iterable[tuple[str, str] | Callable[[View], tuple[str, str]]]
    views: list[View] = field(default_factory=list, repr=False)
    schemas: list[Mapping[str, Mapping[str, Any]]] = field(default_factory=list, repr=False)
    ahead: list[View] = field(default_factory=list, repr=False)
    catalogue: View | None = field(default=None, repr=False)
    _rest: Iterator[tuple[str, str] | Callable[[View], tuple[str, str]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rest = iter(self.script)

    async def warm(self, catalogue: Released[View]) -> None:
        """Nothing to load."""
        self.catalogue = catalogue.payload

    async def prefill(self, view: View) -> None:
        """Nothing to read; `ahead` records what could have been."""
        self.ahead.append(view)

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """The next call of the script."""
        self.views.append(view)
        self.schemas.append(schemas)
        step = next(self._rest)
        tool, arguments = step(view) if callable(step) else step
        return WrittenCall(tool=tool, arguments=arguments, usage=Usage())

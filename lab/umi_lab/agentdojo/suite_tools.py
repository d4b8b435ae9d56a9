"""The tools of a suite as tools of umi, on one environment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentdojo.functions_runtime import Function, FunctionsRuntime
from pydantic import BaseModel

from umi_edge.tools import Catalogue, Tool

__all__ = ["SuiteTools"]


@dataclass(slots=True)
class SuiteTools:
    """One environment, what can be done to it, and what was read from it."""

    functions: list[Function[..., Any]]
    environment: Any
    results: list[tuple[str, Any]] = field(default_factory=list, repr=False)
    """Every result as the tool gave it, in order: what must not leave unless a rule says so."""

    def catalogue(self) -> Catalogue:
        """The tools, under the suite's own names, schemas and descriptions."""
        return Catalogue(
            Tool(
                name=function.name,
                description=function.description,
                input_schema=function.parameters.model_json_schema(),
                run=self._runner(function.name),
                source="python",
            )
            for function in self.functions
        )

    def _runner(self, name: str) -> Callable[[Mapping[str, Any]], Awaitable[Any]]:
        runtime = FunctionsRuntime(self.functions)

        async def run(arguments: Mapping[str, Any]) -> Any:
            result, _ = runtime.run_function(self.environment, name, dict(arguments), raise_on_error=True)
            value = _plain(result)
            self.results.append((name, value))
            return value

        return run


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value

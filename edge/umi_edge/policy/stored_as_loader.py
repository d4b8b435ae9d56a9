"""`stored_as:` from data: where the arguments of a tool are read back, checked against the rest of the policy.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Collection, Iterator
from typing import Any

from umi_edge.policy.document import file_name
from umi_edge.policy.paths import Path, PathError, compile_path
from umi_edge.policy.problems import Problems
from umi_edge.policy.stored_as import NOWHERE, ReadBack, StoredArgument, StoredAs, argument_path
from umi_edge.policy.yaml_source import Place, Source
from umi_shared.problems import near

__all__ = ["load_stored_as"]

_EVERYTHING = "$"


def load_stored_as(
    data: Any, place: Place, source: Source, problems: Problems, *, file: str, tools: Collection[str]
) -> StoredAs:
    """What stands at `place`: `nowhere`, or for each argument `nowhere`, one place or several.

    Noted in `problems`: a path that does not compile, and a place in the results of a tool that none of the policy's
    `tools` speaks of: a name that is misspelt would have no rule, and what has no rule seems to stay.
    """
    said = {_EVERYTHING: data} if data == NOWHERE else data
    return tuple(
        StoredArgument(
            argument=argument,
            places=tuple(_places(where, at, source, problems, tools)),
            rule_id=f"{file_name(file)}:{source.line(at)} {'.'.join(map(str, place))} {name}",
            line=source.line(at),
        )
        for name, where in said.items()
        for at in (place if data == NOWHERE else (*place, name),)
        if (argument := _argument(name, at, source, problems)) is not None
    )


def _argument(name: str, at: Place, source: Source, problems: Problems) -> Path | None:
    try:
        return argument_path(name)
    except PathError as error:
        problems.add(source.line(at), error.message, error.fix)
        return None


def _places(
    where: Any, at: Place, source: Source, problems: Problems, tools: Collection[str]
) -> Iterator[ReadBack]:
    if where == NOWHERE:
        return
    several = isinstance(where, list)
    for index, one in enumerate(where if several else [where]):
        line = source.line((*at, index) if several else at)
        if not any(_speaks_of(key, one["tool"]) for key in tools):
            known = [key for key in tools if not key.endswith("*")]
            problems.add(
                line,
                f"this policy has no rules for `{one['tool']}`, so what it shows is not known",
                f"{near(one['tool'], known)}; or add the tool",
            )
        try:
            yield ReadBack(one["tool"], compile_path(one["path"]))
        except PathError as error:
            problems.add(line, error.message, error.fix)


def _speaks_of(key: str, tool: str) -> bool:
    return tool.startswith(key[:-1]) if key.endswith("*") else key == tool

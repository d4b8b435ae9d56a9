"""Where what a tool writes is read besides: as a file, where its folder is in one that may be read; as an answer."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from umi_edge.policy.stored_as import StoredArgument, stored_as
from umi_edge.tools.tool import Tool

__all__ = ["read_as_answers", "read_as_files"]

_FILE = (
    "files.search: $.files[*].path",
    "files.read: $.path",
    "files.read: $.text",
    *(f"search.everywhere: $.hits[*].{member}" for member in ("id", "title", "snippet")),
)
_ANSWER = tuple(f"search.answer: $.answers[*].{member}" for member in ("id", "title", "text"))


def read_as_answers(tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """Tools with `search.answer` as a reader of all that is read at all: which text answers depends on every other."""
    return tuple(replace(tool, stored_as=(*tool.stored_as, *_again(tool, _ANSWER))) for tool in tools)


def read_as_files(tools: Iterable[Tool], folder: Path, roots: Iterable[Path]) -> tuple[Tool, ...]:
    """Tools that write into `folder`, with where that is read back if it is inside one of the `roots`."""
    real = folder.resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        return tuple(tools)
    return tuple(replace(tool, stored_as=(*tool.stored_as, *_again(tool, _FILE))) for tool in tools)


def _again(tool: Tool, places: tuple[str, ...]) -> Iterable[StoredArgument]:
    for one in tool.stored_as:
        if one.places:
            yield from stored_as({one.argument.text: places})

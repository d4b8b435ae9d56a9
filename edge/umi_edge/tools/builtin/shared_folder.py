"""A shared folder: what a tool writes there is also read as a file, where the folder is in one that may be read."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from umi_edge.policy.stored_as import StoredArgument, stored_as
from umi_edge.tools.tool import Tool

__all__ = ["read_as_files"]

_FILE = (
    "files.search: $.files[*].path",
    "files.read: $.path",
    "files.read: $.text",
    *(f"search.everywhere: $.hits[*].{member}" for member in ("id", "title", "snippet")),
)


def read_as_files(tools: Iterable[Tool], folder: Path, roots: Iterable[Path]) -> tuple[Tool, ...]:
    """Tools that write into `folder`, with where that is read back if it is inside one of the `roots`."""
    real = folder.resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        return tuple(tools)
    return tuple(replace(tool, stored_as=(*tool.stored_as, *_again(tool))) for tool in tools)


def _again(tool: Tool) -> Iterable[StoredArgument]:
    for one in tool.stored_as:
        if one.places:
            yield from stored_as({one.argument.text: _FILE})

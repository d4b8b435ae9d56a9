"""Where what a tool is given is read back: which argument comes out again in which results of which tools.

A tool that writes says so in code (`@tool(stored_as=...)`), or the policy says it of a tool that is somebody else's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from umi_edge.policy.paths import Location, Path, PathError, compile_path, path_of, shown_path

__all__ = ["NOWHERE", "ReadBack", "StoredArgument", "StoredAs", "argument_path", "read_back_at", "stored_as"]

NOWHERE = "nowhere"
"""The policy's word for an argument that no tool reads back."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A place where something comes back."""

    tool: str
    path: Path
    """In the results of that tool: it comes back here, or below."""

    def __str__(self) -> str:
        return f"{self.tool}: {self.path.text}"

    @property
    def shown(self) -> str:
        """As it may be printed."""
        return f"`{self.path.shown}` of {self.tool}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArgument:
    """Where one argument of a tool comes back."""

    argument: Path
    """The argument; what is inside it comes back there, too."""
    places: tuple[ReadBack, ...]
    """None at all, where it is read back nowhere."""
    rule_id: str = "built in"
    line: int = 0

    def covers(self, location: Location) -> bool:
        """Whether this is said of the argument at a location."""
        return any(self.argument.selects(location[:depth]) for depth in range(len(location) + 1))


StoredAs = tuple[StoredArgument, ...]
"""What is said of one tool; an argument that it does not mention may come back anywhere."""


def stored_as(places: Mapping[str, Iterable[str]]) -> StoredAs:
    """What a tool says in code: for each argument, places as `TOOL: PATH`. Raises `PathError`.

    >>> [str(place) for place in stored_as({"title": ["notes.read: $.title"]})[0].places]
    ['notes.read: $.title']
    """
    return tuple(
        StoredArgument(argument=argument_path(name), places=tuple(map(_read_back, texts)))
        for name, texts in places.items()
    )


def argument_path(text: str) -> Path:
    """The path of an argument: a plain name, or a path that looks at no value. Raises `PathError`."""
    path = compile_path(text if text.startswith("$") else path_of((text,)))
    if not path.plain:
        raise PathError(
            f"the argument path `{shown_path(text)}` depends on values or lengths",
            fix="use names, indices from the front, `*` and `..`",
        )
    return path


def read_back_at(said: StoredAs, location: Location) -> tuple[ReadBack, ...] | None:
    """Where the argument at `location` comes back; None where nobody has said so."""
    matching = [one for one in said if one.covers(location)]
    return tuple(place for one in matching for place in one.places) if matching else None


def _read_back(text: str) -> ReadBack:
    tool, _, path = text.partition(":")
    return ReadBack(tool.strip(), compile_path(path.strip()))

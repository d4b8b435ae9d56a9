"""YAML 1.2 text as plain data with the line of every key, under limits.

Built from the parser's events rather than its constructed objects, because a policy needs what those lose:
both lines of a duplicate key, no alias that grows a small file into a huge value, and error texts that quote
nothing of the file.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from umi_edge.policy.paths import shown_path
from umi_edge.policy.problems import Problems
from umi_shared.yaml_syntax import syntax_problem

__all__ = ["MAX_POLICY_BYTES", "Place", "Source", "read_yaml"]

MAX_POLICY_BYTES = 1 << 20
_MAX_NODES = 40_000
_MAX_DEPTH = 24

Place = tuple[str | int, ...]
"""Where a node is: keys and indices from the root."""

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")
_WORDS = {word: value for text, value in (("null", None), ("true", True), ("false", False)) for word in
          (text, text.capitalize(), text.upper())} | {"": None, "~": None}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """Plain data and the 1-based line of each node; for a mapping's value, the line of its key."""

    data: Any = field(repr=False)
    lines: Mapping[Place, int] = field(repr=False)

    def line(self, place: Place) -> int:
        """The line of a node, or of its nearest ancestor that has one."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(text: str, problems: Problems, *, what: str = "policy", start: str = "version: 1") -> Source:
    """Parse one YAML document whose root is a mapping; `what` it is, and how it starts, is for error texts.

    Duplicate keys, anchors and tags are noted in `problems`; what leaves nothing to go on with (syntax, size,
    depth, an empty file, another root) raises `InvalidPolicyError`.
    """
    if len(text) > MAX_POLICY_BYTES or len(text.encode(errors="replace")) > MAX_POLICY_BYTES:
        raise problems.fail(
            0,
            f"the {what} is larger than {MAX_POLICY_BYTES >> 10} KiB",
            "put long lists into a file (`values_file`)",
        )
    builder = _Builder(problems)
    try:
        for event in YAML(typ="rt", pure=True).parse(text.removeprefix("\ufeff")):
            builder.take(event)
    except MarkedYAMLError as error:
        found = syntax_problem(error)
        raise problems.fail(
            found.line, found.message, found.fix
        ) from None  # its own text quotes the file (I8)
    except (YAMLError, ValueError) as error:
        line = text.count("\n", 0, getattr(error, "position", None) or 0) + 1
        raise problems.fail(line, "a control character that YAML does not allow", "remove it") from None
    if not builder.documents:
        raise problems.fail(
            0, f"the {what} is empty", f"see `umi policy show-default`, or start with `{start}`"
        )
    if not isinstance(builder.root, dict):
        raise problems.fail(1, f"the {what} is not a mapping", f"start it with `{start}`")
    return Source(builder.root, builder.lines)


_NO_KEY: Any = object()


class _Builder:
    """Takes the parser's events; iterative, so that depth is a limit and not a crash."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.root: Any = None
        self.documents = 0
        self.lines: dict[Place, int] = {}
        self._stack: list[tuple[dict[str, Any] | list[Any], Place]] = []
        self._keys: list[Any] = []
        self._nodes = 0

    def take(self, event: Any) -> None:
        kind, line = type(event).__name__, event.start_mark.line + 1
        match kind:
            case "DocumentStartEvent":
                self.documents += 1
                if self.documents > 1:
                    raise self.problems.fail(line, "a second YAML document", "keep one per file")
            case "MappingStartEvent" | "SequenceStartEvent" | "ScalarEvent" | "AliasEvent":
                self._node(kind, event, line)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._stack.pop()
                self._keys.pop()

    def _node(self, kind: str, event: Any, line: int) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise self.problems.fail(
                line, f"more than {_MAX_NODES} values", "put long lists into a file (`values_file`)"
            )
        if kind == "AliasEvent" or event.anchor is not None:
            self.problems.add(line, "an anchor or alias, which this file may not have", "write the value out")
        tag = getattr(event, "ctag", None) or getattr(event, "tag", None)
        if tag is not None and str(tag) != "tag:yaml.org,2002:str":
            self.problems.add(line, "a tag, which this file may not have", "remove the `!...`")
        if kind == "ScalarEvent":
            plain = event.implicit[0] and tag is None
            self._place(_scalar(event.value) if plain else event.value, event.value, line)
        elif kind == "AliasEvent":
            self._place("alias", "alias", line)
        elif len(self._stack) >= _MAX_DEPTH:
            raise self.problems.fail(line, f"more than {_MAX_DEPTH} levels of nesting", "flatten it")
        else:
            inner: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
            place = self._place(inner, None, line)
            self._stack.append((inner, place))
            self._keys.append(_NO_KEY)

    def _place(self, value: Any, text: str | None, line: int) -> Place:
        """Put a value (or, in a mapping, first its key) where it belongs, and note its line."""
        if not self._stack:
            self.root, self.lines[()] = value, line
            return ()
        target, place = self._stack[-1]
        if isinstance(target, list):
            target.append(value)
            place = (*place, len(target) - 1)
            self.lines[place] = line
            return place
        if self._keys[-1] is _NO_KEY:
            if text is None:
                raise self.problems.fail(line, "a key that is not a word", "write `key: value`")
            self._keys[-1] = self._fresh(text, target, place, line)
            return place
        key, self._keys[-1] = self._keys[-1], _NO_KEY
        target[key] = value
        return (*place, key)

    def _fresh(self, key: str, target: Iterable[str], place: Place, line: int) -> str:
        here = (*place, key)
        if key in target:
            first = self.lines[here]
            fix = f"merge it with line {first}, or remove one of the two"
            self.problems.add(
                line, f"the key {_shown(key)} is there twice: line {first} and line {line}", fix
            )
        else:
            self.lines[here] = line
        return key


def _shown(key: str) -> str:
    return f"`{shown_path(key)}`" if len(key) <= 80 else "(a long one)"


def _scalar(text: str) -> Any:
    """A plain scalar under YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text

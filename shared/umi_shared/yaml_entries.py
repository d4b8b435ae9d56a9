"""A YAML text with entries put into one of its mappings, or taken out; all else stays as it was written.

A text is changed by lines where each of the mapping's entries has lines of its own, comments between them included.
Where it is written in another way (as JSON, say), it is written anew, and its comments stay as far as that allows.
"""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

__all__ = ["with_entries", "without_entry"]

_STEP = 2


def with_entries(text: str, word: str, entries: Mapping[str, Any]) -> str:
    r"""The text with entries added to the mapping that it has under `word`, which need not be there yet.

    >>> print(with_entries("a:\n  b: 1  # one\n\n# Two\nc: 2\n", "a", {"d": {"e": 3}}), end="")
    a:
      b: 1  # one
      d:
        e: 3
    <BLANKLINE>
    # Two
    c: 2
    """
    said = _writer().load(text) or CommentedMap()
    block = said.get(word)
    wanted = _plain(said) | {word: _plain(block or {}) | _plain(entries)}
    lines = text.splitlines()
    if not block and word not in said:
        lines += _dumped({word: entries})
    elif _has_lines(block):
        at = _end(lines, block.lc.key(list(block)[-1])[0], block.lc.col)
        lines[at:at] = _dumped(entries, block.lc.col)
    changed = _joined(lines)
    if _read(changed) == wanted:
        return changed
    said[word] = block or CommentedMap()
    said[word].update(entries)
    return "".join(f"{line}\n" for line in _dumped(said))


def without_entry(text: str, word: str, name: str) -> str:
    r"""The text without one entry of the mapping under `word`; the mapping goes where it would be empty.

    Raises `KeyError` where there is no such entry.

    >>> without_entry("a: {b: 1, c: 2}\nd: 3  # x\n", "a", "b")
    'a: {c: 2}\nd: 3  # x\n'
    """
    said = _writer().load(text)
    parent, key = (said[word], name) if len(said[word]) > 1 or name not in said[word] else (said, word)
    lines = text.splitlines()
    if _has_lines(parent):
        start = parent.lc.key(key)[0]
        del lines[start : _end(lines, start, parent.lc.col)]
    del parent[key]
    changed = _joined(lines)
    if (_read(changed) or {}) == _plain(said):
        return changed
    return "".join(f"{line}\n" for line in _dumped(said)) if said else ""


def _has_lines(block: Any) -> bool:
    return isinstance(block, CommentedMap) and bool(block) and not block.fa.flow_style()


def _end(lines: list[str], start: int, column: int) -> int:
    """The line behind an entry that begins at a line and a column; comments that are no deeper are not its own."""
    end = start + 1
    for at in range(start + 1, len(lines)):
        line = lines[at].lstrip()
        deeper = len(lines[at]) - len(line) > column
        if line and not deeper and not line.startswith("#"):
            break
        if line and deeper:
            end = at + 1
    return end


def _dumped(data: Any, column: int = 0) -> list[str]:
    written = io.StringIO()
    _writer().dump(data, written)
    return [" " * column + line for line in written.getvalue().splitlines()]


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _writer() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20  # no line is broken anew
    yaml.indent(mapping=_STEP, sequence=_STEP + 2, offset=_STEP)
    return yaml


def _read(text: str) -> Any:
    """What a text says; nothing that equals anything where it says nothing."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return _NOTHING


_NOTHING = object()


def _plain(data: Any) -> Any:
    """What the safe loader would read of it."""
    return YAML(typ="safe", pure=True).load("\n".join(_dumped(data)))

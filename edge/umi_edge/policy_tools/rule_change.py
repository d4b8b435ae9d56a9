"""Changes of a policy that somebody chose from a list: written into its YAML, with comments and order as they were.

A change is never written blind: the new text must load, and must say what the old one said but for the change.
"""

import io
import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from umi_edge.policy.loader import load_policy
from umi_edge.policy.problems import Problems
from umi_edge.policy.yaml_source import read_yaml
from umi_shared.errors import PolicyError

__all__ = ["Change", "DetectorDropped", "RuleSaid", "changed_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSaid:
    """Of one path of a tool's arguments or results: who may read it."""

    tool: str
    side: Literal["arguments", "results"]
    path: str
    locality: str
    """A word of the language, such as `planner`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorDropped:
    """A detector is taken out: what it finds is no longer looked for."""

    list: Literal["detect", "detect_also"]
    index: int


Change = RuleSaid | DetectorDropped


def changed_text(text: str, changes: Iterable[Change], file: str) -> str:
    """The policy's text with the changes made. Raises `PolicyError` where it would not load, or say anything else."""
    wanted = list(changes)
    load_policy(text, file)  # what does not load is not written to
    yaml = _as_written(text)
    document = yaml.load(text)
    said = read_yaml(text, Problems(file)).data
    for change in wanted:
        _make(document, change)
        _make(said, change)
    written = io.StringIO()
    yaml.dump(document, written)
    changed = written.getvalue()
    load_policy(changed, file)
    if read_yaml(changed, Problems(file)).data != said:
        raise PolicyError(
            "this change cannot be written without touching other lines",
            file=file,
            fix="edit the file by hand",
        )
    return changed


def _as_written(text: str) -> YAML:
    """A writer that sets lines in as this file does."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    inner = re.search(r"(?m)^[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( +)[^\s#-]", text)
    items = re.search(r"(?m)^[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", text)
    offset = len(items[1]) if items else 2
    yaml.indent(mapping=len(inner[1]) if inner else 2, sequence=offset + 2, offset=offset)
    return yaml


def _make(document: MutableMapping[str, Any], change: Change) -> None:
    match change:
        case RuleSaid():
            entry = _inner(_inner(document, "tools"), change.tool)
            rules = _inner(entry, change.side)
            said = rules.get(change.path)
            if isinstance(said, Mapping):
                said["locality"] = change.locality  # type: ignore[index]  # a mapping that was read is one to change
            else:
                rules[_key(change.path, rules)] = change.locality
        case DetectorDropped():
            detectors = document.get(change.list)
            if not isinstance(detectors, list) or not 0 <= change.index < len(detectors):
                raise PolicyError("there is no such detector in this policy", fix="look at the policy again")
            del detectors[change.index]
            if not detectors and change.list == "detect_also":
                del document[change.list]


def _inner(document: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    if document.get(name) is None:
        document[name] = {}
    inner = document[name]
    if not isinstance(inner, MutableMapping):
        raise PolicyError(f"`{name}` is no mapping in this policy", fix="edit the file by hand")
    return inner


def _key(path: str, rules: Mapping[str, Any]) -> str:
    """The key of a new line, in quotes as paths are; of one that is there, as it stands."""
    return path if path in rules or not path.startswith("$") else DoubleQuotedScalarString(path)

"""A YAML file into a frozen dataclass: every error names the file and the line, and the name that was meant."""

import difflib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from umi_shared.errors import ConfigError

__all__ = ["MODEL_SPEC", "SettingsFile"]

MODEL_SPEC = {"model_spec": True}
"""Metadata of a text field that is a path unless it has a scheme, as in `hf:owner/repo:Q4_K_M`."""

_FILE_BYTES = 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """Reads one file. Field types may be bool, int, float, str, Path, StrEnum, a tuple or a mapping of these, a
    dataclass, or a union of dataclasses that differ in the default of their field `kind`.

    Relative paths are relative to the file's folder. Numbers are above zero, unless the field's default is zero.
    """

    path: Path

    def read(self, kind: type[T]) -> T:
        """Read the file. Raises ConfigError."""
        try:
            if self.path.stat().st_size > _FILE_BYTES:
                raise ConfigError(f"{self.path} is larger than {_FILE_BYTES} bytes: that is no configuration")
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path} cannot be read: {error}", fix="check --config") from error
        return self.parse(kind, text)

    def parse(self, kind: type[T], text: str) -> T:
        """Read the file's text; an empty one is all defaults. Raises ConfigError."""
        try:
            document = YAML(typ="rt").load(text)
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{self.path}:{line}: not YAML: {error.problem}") from error
        except RecursionError as error:
            raise ConfigError(f"{self.path} is nested too deeply") from error
        value: T = self._section(kind, {} if document is None else document, 1)
        return value

    def _section(self, kind: type[T], node: Any, line: int) -> T:
        if not isinstance(node, Mapping):
            raise self._wrong(line, "here should be settings, as `name: value` lines")
        known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass
        hints = get_type_hints(kind)
        values: dict[str, Any] = {}
        for key in node:
            at = _line(node, key, line)
            name = str(key)
            if name not in known:
                raise self._wrong(at, f"no setting is called `{name}`", fix=_did_you_mean(name, list(known)))
            values[name] = self._value(hints[name], node[key], at, known[name])
        for name, field in known.items():
            if name not in values and field.default is MISSING and field.default_factory is MISSING:
                raise self._wrong(line, f"`{name}` is missing")
        try:
            return kind(**values)
        except ConfigError as error:  # what the dataclass itself finds wrong
            raise self._wrong(line, error.message, fix=error.fix) from error

    def _value(self, hint: Any, node: Any, line: int, field: Field[Any]) -> Any:
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            present = [inner for inner in get_args(hint) if inner is not type(None)]
            if len(present) < len(get_args(hint)):  # `X | None`
                return None if node is None else self._value(present[0], node, line, field)
            return self._variant(present, node, line)
        if origin is tuple:
            if not isinstance(node, list):
                raise self._wrong(line, f"`{field.name}` is a list")
            return tuple(self._value(get_args(hint)[0], item, line, field) for item in node)
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(node, Mapping):
                raise self._wrong(line, f"`{field.name}` is a mapping, as `name: value` lines")
            inner = get_args(hint)[1]
            return {str(key): self._value(inner, node[key], _line(node, key, line), field) for key in node}
        if is_dataclass(hint):
            return self._section(hint, node, line)  # type: ignore[arg-type]  # never an instance
        return self._scalar(hint, node, line, field)

    def _variant(self, variants: list[Any], node: Any, line: int) -> Any:
        kinds = {
            next(f.default for f in fields(variant) if f.name == "kind"): variant for variant in variants
        }
        if not isinstance(node, Mapping):
            raise self._wrong(line, "here should be settings, as `name: value` lines")
        default = next(iter(kinds))
        word = node.get("kind", default)
        if word not in kinds:
            raise self._wrong(
                _line(node, "kind", line),
                f"`kind` is one of {', '.join(map(str, kinds))}, not {word!r}",
                fix=_did_you_mean(str(word), [str(kind) for kind in kinds]),
            )
        return self._section(kinds[word], node, line)

    def _scalar(self, hint: Any, node: Any, line: int, field: Field[Any]) -> Any:
        if hint is bool:
            if isinstance(node, bool):
                return node
            raise self._wrong(line, f"`{field.name}` is true or false")
        if hint in (int, float):
            return self._number(hint, node, line, field)
        if not isinstance(node, str):
            raise self._wrong(line, f"`{field.name}` is text; put quotes around it")
        if hint is Path:
            return self._resolve(str(node))
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            words = [word.value for word in hint]
            if node not in words:
                raise self._wrong(
                    line,
                    f"`{field.name}` is one of {', '.join(words)}, not {str(node)!r}",
                    fix=_did_you_mean(str(node), words),
                )
            return hint(node)
        if field.metadata.get("model_spec") and ":" not in node:
            return str(self._resolve(str(node)))
        return str(node)

    def _number(self, hint: type[int] | type[float], node: Any, line: int, field: Field[Any]) -> int | float:
        lowest_is_zero = field.default == 0
        accepted = int if hint is int else (int, float)
        if (
            isinstance(node, bool)
            or not isinstance(node, accepted)
            or node < 0
            or (node == 0 and not lowest_is_zero)
        ):
            what = "a whole number" if hint is int else "a number"
            raise self._wrong(
                line, f"`{field.name}` is {what} {'of zero or more' if lowest_is_zero else 'above zero'}"
            )
        return hint(node)

    def _resolve(self, path: str) -> Path:
        return self.path.parent / Path(path).expanduser()

    def _wrong(self, line: int, what: str, *, fix: str = "") -> ConfigError:
        return ConfigError(f"{self.path}:{line}: {what}", fix=fix)


def _line(node: Any, key: Any, otherwise: int) -> int:
    try:
        return int(node.lc.key(key)[0]) + 1
    except (AttributeError, KeyError, TypeError):
        return otherwise


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"

"""Sections of a parsed YAML file into dataclasses, with every mistake noted on the way."""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from umi_shared.errors import ConfigError
from umi_shared.problems import Problem, near
from umi_shared.settings.field_types import MAY_BE_ZERO, SettingError, TextKind, resolved

__all__ = ["SectionReader"]

_A_MAPPING = "is a mapping, written as `name: value` lines"


class _WrongError(Exception):
    """A value is wrong: what its setting should be, and the fix."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting as the file has it: its name there, its line, and the field that it is for."""

    name: str
    line: int
    field: Field[Any]


@dataclass(frozen=True, slots=True)
class SectionReader:
    """Reads sections; a value that is wrong becomes a problem, and None."""

    folder: Path
    """Where relative paths start."""
    problems: list[Problem] = field(default_factory=list)

    def section(self, kind: type, node: Any, name: str, line: int) -> Any:
        """The dataclass that a mapping makes; None where something in it is wrong."""
        if not isinstance(node, Mapping):
            return self._note(line, f"{name} {_A_MAPPING}")
        before = len(self.problems)
        settings = self._settings(kind, node, line)
        misspelt = len(self.problems) > before
        hints = get_type_hints(kind, include_extras=True)
        values = {of.field.name: self._noted(hints[of.field.name], node[key], of) for key, of in settings}
        missing = [f"`{one.name}`" for one in fields(kind) if _is_needed(one) and one.name not in values]
        if missing and not misspelt:
            first = min((of.line for _, of in settings), default=line)
            self._note(first, f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing here")
        if len(self.problems) > before:
            return None
        try:
            return kind(**values)
        except ConfigError as error:  # what the dataclass itself finds wrong
            lines = {of.field.name: of.line for _, of in settings}
            at = lines.get(error.setting, line) if isinstance(error, SettingError) else line
            return self._note(at, error.message, error.fix)

    def _settings(self, kind: type, node: Mapping[Any, Any], line: int) -> list[tuple[Any, _Setting]]:
        """The keys of a section with the fields that they are for; a key that is for none is noted."""
        known = {one.name: one for one in fields(kind) if one.metadata.get("setting", True)}
        also = {one.metadata["also"]: name for name, one in known.items() if "also" in one.metadata}
        found: dict[str, tuple[Any, _Setting]] = {}
        for key in node:
            at = _line_of(node, key, line)
            name = also.get(str(key), str(key))
            if name not in known:
                fix = near(str(key), [*known, *also])
                self._note(at, f"no setting is called `{key!s:.64}`", fix)
            elif name in found:
                self._note(at, f"`{key}` is given twice", f"it is the same as `{found[name][0]}`")
            else:
                found[name] = key, _Setting(str(key), at, known[name])
        return list(found.values())

    def _note(self, line: int, message: str, fix: str = "") -> None:
        self.problems.append(Problem(line, message, fix))

    def _noted(self, hint: Any, node: Any, of: _Setting) -> Any:
        try:
            return self._value(hint, node, of)
        except _WrongError as error:
            return self._note(of.line, f"`{of.name}` {error.what}", error.fix)

    def _value(self, hint: Any, node: Any, of: _Setting) -> Any:
        """What a field of this type holds. Raises `_WrongError`."""
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            return self._union([one for one in get_args(hint) if one is not types.NoneType], node, of)
        if origin is tuple:
            return self._tuple(get_args(hint), node, of)
        if origin is Mapping:
            return self._mapping(get_args(hint)[1], node, of)
        if is_dataclass(hint):
            return self.section(hint, node, f"`{of.name}`", of.line)  # type: ignore[arg-type]  # never an instance
        return self._scalar(hint, node, of)

    def _union(self, variants: Sequence[Any], node: Any, of: _Setting) -> Any:
        """The one type beside None; or the dataclass whose `kind` the section names, the first where it names none."""
        if len(variants) == 1:
            return self._value(variants[0], node, of)
        kinds: dict[str, type] = {_kind_of(variant): variant for variant in variants}
        if not isinstance(node, Mapping):
            raise _WrongError(_A_MAPPING)
        word = node.get("kind", next(iter(kinds)))
        if not isinstance(word, str) or word not in kinds:
            line = _line_of(node, "kind", of.line)
            return self._note(line, f"`kind` is one of {', '.join(kinds)}", _meant(word, kinds))
        return self.section(kinds[word], node, f"`{of.name}`", of.line)

    def _tuple(self, inner: tuple[Any, ...], node: Any, of: _Setting) -> Any:
        repeated = inner[-1] is Ellipsis
        texts = _without_extras(inner[0]) is str
        if not isinstance(node, list) or (texts and not all(isinstance(one, str) and one for one in node)):
            what, fix = (
                ("is a list of texts", "write `- text` lines, or [text, text]")
                if texts
                else ("is a list", "")
            )
            raise _WrongError(what, fix)
        if not repeated and len(node) != len(inner):
            raise _WrongError(f"is a list of {len(inner)} values")
        hints = [inner[0]] * len(node) if repeated else inner
        return tuple(
            self._value(hint, one, _Setting(of.name, _line_of_item(node, number, of.line), of.field))
            for number, (hint, one) in enumerate(zip(hints, node, strict=True))
        )

    def _mapping(self, inner: Any, node: Any, of: _Setting) -> Any:
        if not isinstance(node, Mapping):
            raise _WrongError(_A_MAPPING)
        if inner is Any:
            return node
        return {
            str(key): self._noted(inner, one, _Setting(str(key), _line_of(node, key, of.line), of.field))
            for key, one in node.items()
        }

    def _scalar(self, hint: Any, node: Any, of: _Setting) -> Any:
        plain = _without_extras(hint)
        extras = get_args(hint)[1:] if plain is not hint else ()
        if plain is bool:
            if not isinstance(node, bool):
                raise _WrongError("is true or false")
            return node
        if plain in (int, float):
            return _number(plain, node, zero=MAY_BE_ZERO in extras or of.field.default == 0)
        if not isinstance(node, str):
            fix = "leave it out for the default" if node is None else "write the text in quotes"
            raise _WrongError("is text", fix)
        if plain is Path:
            if not node:
                raise _WrongError("names a file", "leave it out for the default")
            return resolved(node, self.folder)
        if plain is not str:
            return _word(plain, node)
        return self._text(node, extras)

    def _text(self, text: str, extras: Sequence[Any]) -> str:
        for extra in extras:
            if isinstance(extra, TextKind):
                try:
                    text = extra.read(text, self.folder)
                except ConfigError as error:
                    raise _WrongError(error.message, error.fix) from None
        return str(text)


def _number(hint: type[int] | type[float], node: Any, *, zero: bool) -> int | float:
    finite = isinstance(node, int | float) and not isinstance(node, bool) and 0 <= node < float("inf")
    if not finite or (node == 0 and not zero) or (hint is int and node != int(node)):
        what = "a whole number" if hint is int else "a number"
        raise _WrongError(f"is {what}, {'zero or more' if zero else 'above zero'}")
    return hint(node)


def _word(hint: Any, text: str) -> Any:
    """A word of a StrEnum or of a Literal."""
    is_enum = isinstance(hint, type) and issubclass(hint, StrEnum)
    words = [one.value for one in hint] if is_enum else get_args(hint)
    if text not in words:
        raise _WrongError(f"is one of {', '.join(filter(None, words))}", _meant(text, words))
    return hint(text) if is_enum else text


def _meant(word: Any, words: Iterable[str]) -> str:
    """The word that was meant; nothing where none is close, since the message names all of them already."""
    fix = near(str(word), filter(None, words))
    return fix if fix.startswith("did you mean") else ""


def _without_extras(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _kind_of(variant: Any) -> str:
    return str(next(one.default for one in fields(variant) if one.name == "kind"))


def _is_needed(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _line_of(node: Any, key: Any, otherwise: int) -> int:
    """The line of a key, 1-based; that of its section where a merge brought the key in."""
    try:
        return int(node.lc.key(key)[0]) + 1
    except (AttributeError, KeyError, TypeError):
        return otherwise


def _line_of_item(node: Any, number: int, otherwise: int) -> int:
    try:
        return int(node.lc.item(number)[0]) + 1
    except (AttributeError, KeyError, TypeError):
        return otherwise

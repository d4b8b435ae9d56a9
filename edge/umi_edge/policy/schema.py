"""The policy language's JSON Schema, and its errors in plain words at lines.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from umi_edge.policy.paths import shown_path
from umi_edge.policy.problems import Problems
from umi_edge.policy.yaml_source import Place, Source
from umi_shared.problems import near

__all__ = ["check_schema", "schema_text"]

_LIMITS = {
    "minimum": "give {} or more",
    "exclusiveMinimum": "give more than {}",
    "maximum": "give {} or less",
    "minLength": "give at least {} characters",
    "maxLength": "give at most {} characters",
    "maxItems": "give at most {} items; longer lists go into a file (`values_file`)",
    "maxProperties": "give at most {} of them",
}
_WORD = re.compile(r"[A-Za-z0-9_.()*:-]{1,40}")


def schema_text() -> str:
    """The JSON Schema as it ships."""
    return (files("umi_edge.policy") / "policy.schema.json").read_text("utf-8")


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_text()))


def check_schema(source: Source, problems: Problems) -> dict[str, Any]:
    """Note everything in which the data departs from the schema; quotes no value that may be private (I8).

    Returns a copy without the parts that are wrong, so that what is left can be checked in the same run: list
    items that are wrong are None, rules that are wrong say `handle`.
    """
    good: dict[str, Any] = copy.deepcopy(source.data)
    for error in _validator().iter_errors(source.data):
        place: Place = tuple(error.absolute_path)
        for at, message, fix in _explained(error, place):
            problems.add(source.line(at), message, fix)
            _prune(good, at)
    good["version"] = 1
    return good


def _prune(data: dict[str, Any], place: Place) -> None:
    """Take out, or make harmless, what is wrong at a place."""
    match place:
        case (("detect" | "detect_also" | "keep" | "untrusted") as section, int(index), *_) if isinstance(
            data.get(section), list
        ):
            data[section][index] = None
        case ("detect", "detectors", int(index), *_) if isinstance(data.get("detect"), dict):
            data["detect"]["detectors"][index] = None
        case ("clients", str(name), *_) if isinstance(data.get("clients"), dict):
            data["clients"].pop(name, None)
        case ("tools", str(name)) if isinstance(data.get("tools"), dict):
            if not isinstance(data["tools"].get(name), dict):
                data["tools"][name] = {}
        case ("tools", str(name), str("arguments" | "results") as side, str(path), *_):
            data["tools"][name][side][path] = "handle"
        case ("tools", str(name), str(key), *_):
            data["tools"][name].pop(key, None)
        case (str(section), str(key), *_) if isinstance(data.get(section), dict):
            data[section].pop(key, None)
        case (str(key), *_):
            data.pop(key, None)


def _explained(error: ValidationError, place: Place) -> Iterator[tuple[Place, str, str]]:
    here, schema = _name(place), _schema_of(error)
    instance: Any = error.instance
    wants: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = list(schema.get("properties", {}))
            for key in instance:
                if key not in known:
                    yield (
                        (*place, key),
                        f"unknown field `{shown_path(str(key))[:64]}` in {here}",
                        near(key, known),
                    )
        case "propertyNames" | "pattern" if "propertyNames" in error.absolute_schema_path and place == (
            "clients",
        ):
            fix = "use a small letter, then small letters, digits or '-'"
            yield (*place, instance), f"`{str(instance)[:80]}` is not a client's name", fix
        case "propertyNames" | "pattern" if "propertyNames" in error.absolute_schema_path:
            fix = "use a letter, then letters, digits, '_', '.' or '-'; it may end in '*'"
            yield (*place, instance), f"`{str(instance)[:80]}` is not a tool's name", fix
        case "enum" | "const":
            words = [str(word) for word in (wants if error.validator == "enum" else [wants])]
            yield (
                place,
                f"{here} is {_quoted(instance, place)}, not one of its words",
                near(str(instance), words),
            )
        case "type":
            kinds = wants if isinstance(wants, list) else [wants]
            yield place, f"{here} is {_kind(instance)}", f"give {' or '.join(map(_article, kinds))}"
        case "required":
            missing = [key for key in wants if key not in instance]
            yield place, f"{here} lacks {', '.join(f'`{key}`' for key in missing)}", "add it"
        case "minItems" | "minProperties":
            yield place, f"{here} is empty, which says nothing", "add to it, or remove the line"
        case _:
            fix = _LIMITS.get(str(error.validator), "{}").format(wants)
            if error.validator == "pattern":
                fix = str(schema.get("description", f"it has to look like {wants}"))
            yield place, f"{here} is {_quoted(instance, place)}, which is not allowed", fix


def _schema_of(error: ValidationError) -> dict[str, Any]:
    return error.schema if isinstance(error.schema, dict) else {}


def _name(place: Place) -> str:
    """A place as the reader of the file would call it."""
    text = ""
    for key in place:
        text += f"[{key}]" if isinstance(key, int) else f".{shown_path(key)}" if text else str(key)
    return f"`{text[:200]}`" if text else "the policy"


def _quoted(instance: Any, place: Place) -> str:
    """The value where it is a word of the language; else only what kind of thing it is."""
    detects = place[:1] in (("detect",), ("detect_also",))
    private = detects and not {"values", "except_values", "pattern"}.isdisjoint(place)
    if not private and isinstance(instance, str | int | float | bool) and _WORD.fullmatch(str(instance)):
        return f"`{str(instance).lower() if isinstance(instance, bool) else instance}`"
    return _kind(instance)


def _kind(instance: Any) -> str:
    match instance:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "a mapping"


def _article(kind: str) -> str:
    words = {
        "object": "a mapping",
        "array": "a list",
        "string": "text",
        "boolean": "true or false",
        "integer": "a whole number",
        "number": "a number",
    }
    return words.get(kind, kind)

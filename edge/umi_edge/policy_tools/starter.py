"""A starter policy: every argument and every result field that the installed tools declare, each of which stays.

What tools say of themselves is a stranger's text: it gets into comments alone, one line each, and shortened.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from umi_edge.policy.families import BUILT_IN, PYTHON
from umi_edge.policy.loader import default_policy_text, load_policy
from umi_edge.policy.paths import Location
from umi_edge.policy.schema_structure import Structure
from umi_edge.policy_tools.declared_places import declared_places, general_path
from umi_edge.tools import Tool
from umi_shared.errors import ToolError

__all__ = ["starter_policy"]

_MAX_FIELDS = 100
"""The most lines for one tool's arguments, or its results: a schema that refers to itself has no end."""
_MAX_COMMENT = 100
_MAX_GUESSES = 4
_COLUMN = 56
_FORMATS = {"email": "email", "idn-email": "email", "uri": "url", "ipv4": "ip", "ipv6": "ip"}
_NAMES = {
    "email": "email",
    "mail": "email",
    "phone": "phone",
    "telephone": "phone",
    "iban": "iban",
    "name": "person",
    "url": "url",
    "path": "file",
    "address": "place",
    "location": "place",
}
"""Types for members whose names tell; a type only names a handle, it lets nothing out."""

_HEAD = """\
# A policy to start from: everything stays on this device, and the cloud sees a typed handle such as <email:1> in
# its place. Let out, line by line, what planning needs:
#
#   handle      stays; the cloud sees a handle (this file says so everywhere)
#   hidden      stays; not even a handle is seen
#   planner     only the planner reads it          summarizer  only the summarizer reads it
#   scan        the cloud reads it, without what the detectors find in it
#   cloud       the cloud reads it
#
# Then: `umi policy check` (what leaves), `umi policy test` (what you expect), `umi policy prove` (what must stay).
version: 1
name: starter
defaults:
  instruction: scan             # your own words leave, without what the detectors find in them
  arguments: handle             # what a call is given is not shown again
  results: handle               # what a tool returns stays
clock: date                     # the models know what day it is; full: the time and the zone, too; hidden: nothing

# Of a call that fails only the kind is told, such as not-found. `errors: scan` at a tool tells its words, too.

# What the detectors look for. Without a `detect:` list that is every built-in pattern: addresses, phone and card
# numbers, keys and the like.
"""


def starter_policy(tools: Iterable[Tool]) -> str:
    """The text of the policy: it loads, and lets out nothing of any result or argument.

    Raises `ToolError` where there are no tools to write about.
    """
    known = tuple(tools)
    if not known:
        raise ToolError(
            "no tools are installed, so there is nothing to write a policy for",
            fix="name your folders, tools or servers in the configuration; see `umi tools`",
        )
    text = "\n".join(
        [
            _HEAD + "".join(_detectors(known)),
            "tools:",
            *(line for tool in known for line in _entry(tool, known)),
        ]
    )
    load_policy(
        text + "\n", "starter.yaml"
    )  # what it writes always loads: a name that does not is a fault here
    return text + "\n"


def _detectors(tools: tuple[Tool, ...]) -> Iterator[str]:
    if any(tool.name == "contacts.list" for tool in tools):
        yield "# As in the policy that holds without one: patterns, and everybody in your contacts.\n"
        yield re.search(r"(?ms)^detect:\n.*?\n(?=\n)", default_policy_text())[0]  # type: ignore[index]


def _entry(tool: Tool, tools: tuple[Tool, ...]) -> Iterator[str]:
    yield ""
    yield f"  # {_comment(tool.description) or 'It does not say what it does.'} [{_comment(tool.source)}]"
    yield f"  {_quoted(tool.name)}:"
    yield from _effects(tool)
    for side, schema in (("arguments", tool.input_schema), ("results", tool.output_schema)):
        found = list(_fields(side, schema))
        if schema is None:
            yield "    # It does not declare what it returns: all of it stays. Add `results:` with the paths you need."
        if found:
            yield f"    {side}:"
            yield from found
    yield from _stored(tool, tools)


def _stored(tool: Tool, tools: tuple[Tool, ...]) -> Iterator[str]:
    """A comment on where what it is given is read back; nobody but the user knows that of somebody else's tool."""
    if tool.stored_as or tool.source == BUILT_IN or (tool.hints.read_only and tool.source == PYTHON):
        return
    yield "    # Nothing says where what it is given is read back, so you are asked before it is given what stays."
    arguments = [
        location[0] for location in declared_places(Structure(tool.input_schema)) if len(location) == 1
    ]
    for name in dict.fromkeys(map(str, arguments)):
        places = [
            f"{{tool: {_quoted(other.name)}, path: {json.dumps(general_path(at), ensure_ascii=False)}}}"
            for other in tools
            if other.source == tool.source and other.output_schema is not None
            for at in declared_places(Structure(other.output_schema))
            if at[-1] == name
        ]
        if places:
            said = f"# stored_as: {{{_quoted(name)}: [{', '.join(places[:_MAX_GUESSES])}]}}"
            yield f"    {said}   # if that is all"
            return
    yield "    # stored_as: nowhere   # if no tool reads it back"


def _effects(tool: Tool) -> Iterator[str]:
    """What holds for the tool as a whole, and why."""
    built_in, hints = tool.source == "builtin", tool.hints
    if built_in or tool.source == "python":
        runs, why = (
            ("third-party", "it sends its arguments away") if hints.open_world else ("device", "it runs here")
        )
    else:
        runs, why = "third-party", "a server: say `device` only if you know that it sends nothing away"
    yield _line("    ", f"runs: {runs}", why)
    if hints.read_only:
        confirm, why = "never" if runs == "device" else "always", "it says that it changes nothing"
    elif hints.destructive:
        confirm, why = "always", "it says, or does not deny, that what it does cannot be undone"
    else:
        confirm, why = (
            "always" if runs == "third-party" else "destructive",
            "you are asked before what cannot be undone",
        )
    if runs == "third-party":
        why += "; you see what would leave"
    yield _line("    ", f"confirm: {confirm}", why)
    mine = built_in and tool.name.partition(".")[0] not in ("mail", "search")
    integrity = "trusted" if mine else "untrusted"
    why = "your own data" if mine else "strangers may have written what it returns"
    yield _line("    ", f"integrity: {integrity}", why)


def _fields(side: str, schema: Any) -> Iterator[str]:
    """A rule for each place that a schema declares."""
    if schema is None:
        return
    for location, shape in islice(declared_places(Structure(schema)).items(), _MAX_FIELDS):
        path = general_path(location)
        plain = side == "arguments" and len(location) == 1 and not str(location[0]).startswith("$")
        kind = _type(location, shape)
        rule = f"{{locality: handle, type: {kind}}}" if kind else "handle"
        yield _line("      ", f"{_quoted(str(location[0]) if plain else path)}: {rule}", _about(shape))


def _type(location: Location, shape: Structure) -> str:
    for alternative in shape.alternatives():
        for schema in alternative.schemas:
            if schema.get("format") in _FORMATS:
                return _FORMATS[schema["format"]]
    return _NAMES.get(str(location[-1]).lower(), "")


def _about(shape: Structure) -> str:
    """What the schema says of a field."""
    for alternative in shape.alternatives():
        for schema in alternative.schemas:
            if schema.get("description"):
                return _comment(str(schema["description"]))
    return ""


def _line(margin: str, text: str, comment: str) -> str:
    return f"{margin}{text:<{_COLUMN - len(margin)}}  # {comment}" if comment else f"{margin}{text}"


def _quoted(key: str) -> str:
    """A YAML key: JSON text is YAML, whatever a stranger wrote into a name."""
    return (
        key
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", key) and key.lower() not in _YAML_WORDS
        else json.dumps(key, ensure_ascii=False)
    )


_YAML_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def _comment(text: str) -> str:
    """One line of printable text."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text[: 10 * _MAX_COMMENT]).split())
    return words if len(words) <= _MAX_COMMENT else words[: _MAX_COMMENT - 3] + "..."

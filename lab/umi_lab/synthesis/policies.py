"""The policies of scenarios: umi's default one, one that lets out more, and one that keeps nothing.

Each names the tools as the scenario's catalogue does. A planner that only ever saw handles is at a loss where an
owner's policy lets names through, so training needs all three.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from umi_edge.policy import Policy, default_policy, default_policy_text, load_policy
from umi_edge.policy.loader import builtin_detectors
from umi_lab.synthesis.tool_aliases import ToolAlias

__all__ = ["KINDS", "clear_policy_of", "policy_of"]

Aliases = Mapping[str, ToolAlias]
"""By the tools' canonical names."""

KINDS: Mapping[str, frozenset[str]] = {
    "people": frozenset({"person", "email"}),
    "details": frozenset({"phone", "company"}),
    "ids": frozenset({"event", "mail", "note", "file"}),
    "texts": frozenset({"text", "place"}),
}
"""Types of values that an owner would keep or let out together: as an e-mail address holds a name, both or neither."""
_UNTYPED = {"guests": "people", "$.hits[*].id": "ids", "$.answers[*].id": "ids"}
"""Rules of the default policy that keep values without giving their type, and the kind that they belong to."""
_NO_LOCALITY = ("runs", "integrity", "confirm")
_TOY_TOOL_ENTRY = {"runs": "device", "confirm": "never", "defaults": {"arguments": "scan", "results": "scan"}}


def policy_of(tools: Collection[str], aliases: Aliases, lets_out: Collection[str] = ()) -> Policy:
    """Umi's default policy for these tools (by canonical name), with each rule under the name that the catalogue shows.

    Values of the kinds in `lets_out` (of `KINDS`) leave, except for what the detectors of other kinds find in them.
    """
    if not aliases and not lets_out and all(_rules_of(_default_rules()["tools"], tool) for tool in tools):
        return default_policy()
    types: frozenset[str] = frozenset().union(*(KINDS[kind] for kind in lets_out))
    document = _default_rules()
    return _loaded(
        {
            **document,
            "detect": [dict(line) for line in document["detect"] if line["type"] not in types],
            "keep": [line for line in document["keep"] if line.get("type") not in types],
            "tools": dict(_entries(tools, aliases, types, lets_out)),
        }
    )


def clear_policy_of(tools: Collection[str], aliases: Aliases) -> Policy:
    """A policy that asks the user where the default one does, and keeps nothing from the cloud."""
    return _loaded(
        {
            "version": 1,
            "name": "clear",
            "defaults": {"instruction": "cloud", "arguments": "cloud", "results": "cloud"},
            "detect": [{"type": one.type, "pattern": "builtin"} for one in builtin_detectors()],
            "tools": {
                shown: kept
                for shown, entry in _entries(tools, aliases)
                if (kept := {key: entry[key] for key in _NO_LOCALITY if key in entry})
            },
            "limits": dict(_default_rules()["limits"]),
        }
    )


def _loaded(document: Mapping[str, Any]) -> Policy:
    return load_policy(json.dumps(document), "synthetic.yaml")


@cache
def _default_rules() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(default_policy_text()))


def _entries(
    tools: Collection[str], aliases: Aliases, types: Collection[str] = (), kinds: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each tool its name in the catalogue, and its rules, without what is let out, under the catalogue's words."""
    for tool in tools:
        entry = _letting_out(_entry_of(_default_rules()["tools"], tool), types, kinds)
        if alias := aliases.get(tool):
            yield alias.name, _renamed(entry, alias.arguments)
        else:
            yield tool, entry


def _rules_of(tools: Mapping[str, Any], tool: str) -> dict[str, Any] | None:
    """The default policy's rules for a tool, if it knows it."""
    stems = [key for key in tools if key.endswith("*") and tool.startswith(key[:-1])]
    found: dict[str, Any] | None = tools.get(tool) or (tools[max(stems, key=len)] if stems else None)
    return found


def _entry_of(tools: Mapping[str, Any], tool: str) -> dict[str, Any]:
    found = _rules_of(tools, tool)
    if found is None:
        return {**_TOY_TOOL_ENTRY, "results": {"$.result": "cloud"}}
    # What a built-in tool need not state holds for it under another name only when it is stated.
    trusted = tool.partition(".")[0] not in ("mail", "search")
    return {"runs": "device", "integrity": "trusted" if trusted else "untrusted", **found}


def _renamed(entry: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if "arguments" in entry:
        rules = {names[own]: rule for own, rule in entry["arguments"].items() if own in names}
        entry = {key: value for key, value in entry.items() if key != "arguments"}
        return {**entry, "arguments": rules} if rules else entry  # a policy may not say nothing
    return entry


def _letting_out(entry: dict[str, Any], types: Collection[str], kinds: Collection[str]) -> dict[str, Any]:
    """A tool's rules without those that keep values of these types; what the kept types' detectors find still stays."""

    def rule_of(place: str, rule: Any) -> Any:
        kept_type = rule.get("type") if isinstance(rule, dict) else None
        if kept_type not in types and not (kept_type is None and _UNTYPED.get(place) in kinds):
            return rule
        stays = (
            {key: value for key, value in rule.items() if key == "accepts"} if isinstance(rule, dict) else {}
        )
        return {"locality": "scan", **stays}

    return {
        key: {place: rule_of(place, rule) for place, rule in rules.items()}
        if key in ("arguments", "results")
        else rules
        for key, rules in entry.items()
    }

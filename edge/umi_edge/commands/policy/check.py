"""`umi policy check`: what is wrong with a policy; else what stays and what leaves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import json_option
from umi_edge.commands.policy._output import FILE_ARGUMENT, print_json, print_table
from umi_edge.commands.policy._rules import rows, settings
from umi_shared.errors import PolicyError
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_edge.policy.document import Policy
    from umi_shared.problems import Problem


_CLOCK = {
    "full": "The models are told the day, the time and the time zone.",
    "date": "The models are told the day of the week and the date.",
    "hidden": "The models are not told what day it is.",
}


@click.command()
@FILE_ARGUMENT
@json_option
def command(file: Path, *, as_json: bool) -> int:
    """Report everything that is wrong with FILE; when nothing is, show what stays and what leaves.

    Warnings are of what has no effect, or more than it seems to; with them FILE is still a policy.
    """
    from umi_edge.policy.lint import warnings_of
    from umi_edge.policy.loader import read_policy
    from umi_edge.policy.problems import InvalidPolicyError
    from umi_edge.policy_tools.stored_arguments import store_warnings

    try:
        policy = read_policy(file)
    except PolicyError as error:
        if not as_json:
            raise
        several = error.problems if isinstance(error, InvalidPolicyError) else ()
        problems = [{"line": p.line, "message": p.message, "fix": p.fix} for p in several] or [
            {"line": error.line, "message": error.message, "fix": error.fix}
        ]
        print_json({"ok": False, "file": str(file), "problems": problems})
        return PolicyError.exit_code
    found = rows(policy)
    warnings = tuple(sorted((*warnings_of(policy), *store_warnings(policy)), key=lambda one: one.line))
    if as_json:
        tools = [{"tool": name, **settings(policy, name)} for name in policy.tools]
        print_json(
            {
                "ok": True,
                "file": str(file),
                "name": policy.name,
                "tools": tools,
                "rules": found,
                "clock": policy.clock,
                "relations": policy.relations,
                "untrusted": [{"folder": one.text, "line": one.line} for one in policy.untrusted],
                **_more(policy, warnings),
            }
        )
        return 0
    print_table(
        f"{policy.name}: what stays and what leaves",
        ("tool", "where", "path", "who reads it", "also"),
        [(row["tool"], row["side"], row["path"], row["reads"], row["also"]) for row in found],
    )
    found_types = ", ".join(dict.fromkeys(map(str, policy.detect)))
    say(f"The detectors take out of scanned text: {found_types}.")
    say(_CLOCK[policy.clock])
    if policy.relations == "told":
        say("The planner is told which name in a result is a longer form of one that you typed.")
    if policy.untrusted:
        folders = ", ".join(folder.text for folder in policy.untrusted)
        say(f"Not your own words, so not trusted and not read under `scan`: what lies in {folders}.")
    say("What no rule mentions stays, as a handle." if _closed(policy) else "Defaults let values out.")
    for one in warnings:
        say(f"warning: {file}:{one.line}: {one.message}", f"  Fix: {one.fix}")
    say(f"{file}: ok, {len(policy.tools)} tools, {len(found)} rules and defaults")
    return 0


def _more(policy: "Policy", warnings: "tuple[Problem, ...]") -> dict[str, Any]:
    return {
        "detect": [
            {"type": one.type, "kind": one.kind.value, "line": one.line}
            | ({"plugin": one.plugin, "entities": one.entities} if one.plugin else {})
            for one in policy.detect
        ],
        "warnings": [{"line": one.line, "message": one.message, "fix": one.fix} for one in warnings],
    }


def _closed(policy: "Policy") -> bool:
    chains = [
        policy.default_chain(name, side) for name in ("", *policy.tools) for side in ("arguments", "results")
    ]
    return all(chain[0].clearance.locality in ("handle", "hidden") for chain in chains)

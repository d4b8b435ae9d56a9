"""`umi policy check`: what is wrong with a policy; else what stays and what leaves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_edge.commands.policy._output import FILE_ARGUMENT, print_json, print_table
from umi_shared.errors import PolicyError, PrivacyError
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
@click.option(
    "--here",
    is_flag=True,
    help="Also hold it against this configuration: its tools, what they declare, and its recorded sessions.",
)
@config_option
@json_option
def command(file: Path, config: Path | None, *, here: bool, as_json: bool) -> int:
    """Report everything that is wrong with FILE; when nothing is, show what stays and what leaves.

    Warnings are of what has no effect, or more than it seems to; with them FILE is still a policy. With --here they are
    also of tools, arguments and fields that nothing in the configuration has, and of rules that matched nothing in the
    sessions that `record` keeps; its MCP servers are started for it.
    """
    from umi_edge.policy.detectors import gazetteer_sources
    from umi_edge.policy.lint import warnings_of
    from umi_edge.policy.loader import read_policy
    from umi_edge.policy.problems import InvalidPolicyError
    from umi_edge.policy.values_file import read_values_files
    from umi_edge.policy_tools.exceptions import exceptions_of
    from umi_edge.policy_tools.rule_rows import rows, settings
    from umi_edge.policy_tools.stored_arguments import store_warnings

    try:
        policy = read_policy(file)
        values = read_values_files(policy)
    except (PolicyError, PrivacyError) as error:
        if not as_json:
            raise
        several = error.problems if isinstance(error, InvalidPolicyError) else ()
        problems = [{"line": p.line, "message": p.message, "fix": p.fix} for p in several] or [
            {"line": getattr(error, "line", 0), "message": error.message, "fix": error.fix}
        ]
        print_json({"ok": False, "file": str(file), "problems": problems})
        return error.exit_code
    found = rows(policy)
    more = _of_this_configuration(policy, config) if here else ()
    warnings = tuple(sorted((*warnings_of(policy), *store_warnings(policy), *more), key=lambda one: one.line))
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
                "never": [{"type": one.type, "line": one.line} for one in policy.never],
                "clients": [
                    {"name": one.name, "accepts": one.accepts, "tools": one.tools, "line": one.line}
                    for one in policy.clients.values()
                ],
                "untrusted": [{"folder": one.text, "line": one.line} for one in policy.untrusted],
                **_more(policy, warnings, values),
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
    if not gazetteer_sources(policy):
        say(
            "None of them knows your contacts: who is named in scanned text and in what you type leaves. "
            "Without `detect` a policy has all built-in detectors, these too; `detect_also` adds to them."
        )
    for detector in policy.detect:
        if detector.file:
            say(f"{detector.rule_id} has {len(values[detector.rule_id]):,} values, from {detector.file}.")
    for excepted in exceptions_of(policy, values):
        say(f"{excepted}.")
    if policy.never:
        types = ", ".join(dict.fromkeys(one.type for one in policy.never))
        say(f"Never leaves, whatever a rule says: {types}.")
    for client in policy.clients.values():
        also = "" if client.accepts == "cloud" else f", and what the {client.accepts} may"
        say(f"The client {client.name} reads what leaves to all{also}; its tools: {', '.join(client.tools)}.")
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


def _of_this_configuration(policy: "Policy", config: Path | None) -> "tuple[Problem, ...]":
    """What of the policy nothing here has, and what no recorded session met."""
    import asyncio
    import os

    from umi_edge.policy_tools.recorded import read_recordings
    from umi_edge.policy_tools.unmet import unknown_words, unmet_rules
    from umi_edge.runtime.installed_tools import find_tools
    from umi_shared.problems import Problem

    settings = read_config(config)
    sources = asyncio.run(find_tools(settings, os.environ))
    found = [*unknown_words(policy, [tool for source in sources for tool in source.tools])]
    found += [
        Problem(0, f"{source.name} was not looked at: {source.problem.message}", source.problem.fix)
        for source in sources
        if source.problem is not None
    ]
    if settings.record is not None and settings.record.exists():
        found += unmet_rules(policy, read_recordings(settings.record))
    return tuple(found)


def _more(
    policy: "Policy", warnings: "tuple[Problem, ...]", values: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    from umi_edge.policy_tools.exceptions import exceptions_of

    return {
        "detect": [
            {"type": one.type, "kind": one.kind.value, "line": one.line}
            | ({"file": one.file, "values": len(values[one.rule_id])} if one.file else {})
            | ({"plugin": one.plugin, "entities": one.entities} if one.plugin else {})
            for one in policy.detect
        ],
        "excepted": [
            {"type": one.type, "rule": one.rule_id, "values": one.values}
            | ({"file": one.file} if one.file else {})
            for one in exceptions_of(policy, values)
        ],
        "warnings": [{"line": one.line, "message": one.message, "fix": one.fix} for one in warnings],
    }


def _closed(policy: "Policy") -> bool:
    chains = [
        policy.default_chain(name, side) for name in ("", *policy.tools) for side in ("arguments", "results")
    ]
    return all(chain[0].clearance.locality in ("handle", "hidden") for chain in chains)

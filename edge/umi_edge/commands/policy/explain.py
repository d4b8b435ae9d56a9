"""`umi policy explain`: which line decides, where a value came from, and what would change it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_edge.commands._options import json_option
from umi_edge.commands.policy._output import FILE_ARGUMENT, print_json, print_table
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_edge.policy.document import Policy
    from umi_edge.policy.explanation import Explanation


@click.command()
@FILE_ARGUMENT
@click.option("--tool", help="The tool's name.")
@click.option("--path", help="A place in its result, such as '$.matches[*].email'.")
@click.option("--argument", help="One of its arguments: a name, or a path.")
@click.option("--session", type=click.Path(path_type=Path), help="A recorded session.")
@click.option("--handle", help="A handle in that session, such as '<email:1>'.")
@json_option
def command(
    file: Path,
    tool: str | None,
    path: str | None,
    argument: str | None,
    session: Path | None,
    handle: str | None,
    *,
    as_json: bool,
) -> None:
    """Show which line of FILE decides for a tool's argument or result, and what would change it.

    With neither --path nor --argument: what holds for the tool, and every rule it has. With --session and --handle:
    where that handle's value came from, where it went, and what of FILE would let it out.

    \b
    umi policy explain laptop.yaml --tool mail.search --path '$.messages[*].subject'
    umi policy explain laptop.yaml --session yesterday.jsonl --handle '<email:1>'
    """
    if (session is None) != (handle is None):
        raise click.UsageError("--session and --handle go together")
    if session is not None and handle is not None:
        _explain_handle(file, session, handle, as_json=as_json)
    if tool is not None:
        _explain_tool(file, tool, path, argument, as_json=as_json)
    elif session is None:
        raise click.UsageError("give --tool, or --session and --handle")


def _explain_handle(file: Path, recording: Path, text: str, *, as_json: bool) -> None:
    from umi_edge.commands.policy._origins import as_json as origin_json
    from umi_edge.commands.policy._origins import print_origin
    from umi_edge.policy.loader import load_policy, read_policy_text
    from umi_edge.policy_tools.origins import handle_named, session_of
    from umi_edge.policy_tools.recorded import read_recordings

    policy_text = read_policy_text(file)
    policy = load_policy(policy_text, str(file))
    handle = handle_named(text)
    session = session_of(read_recordings(recording), handle)
    if as_json:
        print_json(origin_json(policy, session, handle))
    else:
        print_origin(policy, policy_text.splitlines(), session, handle)


def _explain_tool(file: Path, tool: str, path: str | None, argument: str | None, *, as_json: bool) -> None:
    from umi_edge.policy import explanation
    from umi_edge.policy.loader import load_policy, read_policy_text
    from umi_edge.policy_tools.explanation_json import explanation_json
    from umi_edge.policy_tools.reader_table import location_of
    from umi_edge.policy_tools.rule_rows import rows, settings
    from umi_edge.policy_tools.stored_arguments import stores_of

    text = read_policy_text(file)
    policy = load_policy(text, str(file))
    wanted = [("results", path)] if path is not None else []
    wanted += [("arguments", argument)] if argument is not None else []
    found = [explanation.explain(policy, tool, side, location_of(side, place)) for side, place in wanted]
    scanned = [f"{one} (line {one.line})" if one.line else str(one) for one in policy.detect]
    lines = text.splitlines()
    stores = stores_of(policy, tool, argument)
    said = settings(policy, tool) | {"planner": _told(policy, tool)}
    entries = {entry.name for entry in policy.entries(tool)}
    of_tool = [row for row in rows(policy) if row["tool"] in entries]
    if as_json:
        places = [
            explanation_json(item, lines) | ({"detectors": scanned} if item.resolution.scan else {})
            for item in found
        ]
        kept = [one.as_json() for one in stores]
        print_json({"tool": tool, **said, "rules": of_tool, "places": places, "stored_as": kept})
        return
    told = (f"{key} {value}" for key, value in said.items() if key not in ("entry", "planner", "barred"))
    words = ", ".join((*told, *([said["barred"]] if said["barred"] else ())))
    say(f"{tool} ({said['entry'] or 'not listed: built-in defaults'}): {words}")
    say(f"the planner {said['planner']}")
    if not found:
        columns = ("where", "path", "who reads it", "also", "line", "entry")
        print_table(
            "",
            columns,
            [(r["side"], r["path"], r["reads"], r["also"], str(r["line"]), r["tool"]) for r in of_tool],
        )
    for store in stores:
        say(store.said)
    for item in found:
        _print_explanation(item, lines)
        if item.shape_counts:
            say(
                "  its shape (how many, which members, whether null) shows and is counted: "
                f"`limits.shape_bits` is {policy.limits.shape_bits:,}; it would stay with `shape: hidden`"
            )
        if item.resolution.scan:
            say(f"  the detectors take out: {', '.join(scanned)}")


def _told(policy: "Policy", tool: str) -> str:
    """Whether the planner is told of a tool, as far as the policy alone decides; where it is from, its name tells."""
    from umi_edge.labelling.tool_cards import why_withheld
    from umi_edge.policy.detector import DetectorKind
    from umi_edge.policy.detectors import Scanner
    from umi_edge.policy.families import BUILT_IN, BUILT_IN_FAMILIES

    source = BUILT_IN if tool.partition(".")[0] in BUILT_IN_FAMILIES else ""
    rules = policy.tool(tool, source=source)
    elsewhere = (DetectorKind.VALUES_FROM, DetectorKind.VALUES_FILE, DetectorKind.PLUGIN)
    known = [detector for detector in policy.detect if detector.kind not in elsewhere]
    here = Scanner(known, never=policy.never_types)
    if because := why_withheld(tool, rules, source, here):
        return f"is not told of it: {because}"
    others = [detector.rule_id for detector in policy.detect if detector.kind in elsewhere]
    if source or rules.card == "cloud" or not others:
        return "is told of it"
    return f"is told of it, unless {' or '.join(others)} finds something in its name: `umi ask` says so"


def _print_explanation(item: "Explanation", lines: list[str]) -> None:
    from umi_edge.policy_tools.quoted_line import quoted
    from umi_edge.policy_tools.rule_rows import READS

    resolution = item.resolution
    word = str(resolution.clearance)
    extra = f", type {resolution.type}" + (f", show {resolution.show}" if resolution.show else "")
    say("", f"{item.side} {item.path}: {READS.get(word, word)}{extra}")
    if item.clients:
        say(f"  these clients read it, too (`clients:`): {', '.join(item.clients)}")
    if item.whole is not None:
        say(f"  the shape of {item.whole} is hidden: it stays whole, whatever is said of its parts")
    for bar in sorted(resolution.bars):
        say(f"  {bar}, by {bar.rule}")
    for step in item.steps:
        mark = "->" if step.decides else "  "
        where = f"line {step.line}: {quoted(lines, step.line)}" if step.line else step.rule_id
        say(f"  {mark} {step.level:<16} {step.says:<28} {where}")
    for rule in item.depends:
        say(f"     may join in, depending on the value: line {rule.line}: {rule.path}")
    say(f"  {item.change}")

"""`umi policy`: check a locality policy, or ask why it decides as it does."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_shared.errors import PolicyError

if TYPE_CHECKING:
    from umi_edge.policy.document import Policy
    from umi_edge.policy.explanation import Explanation

_FILE = click.argument("file", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group()
def command() -> None:
    """Check a locality policy, or ask why it decides as it does."""


@command.command()
@_FILE
@_JSON
def check(file: Path, as_json: bool) -> int:
    """Report everything that is wrong with FILE; when nothing is, show what stays and what leaves."""
    from umi_edge.policy.loader import read_policy
    from umi_edge.policy.problems import InvalidPolicyError

    try:
        policy = read_policy(file)
    except PolicyError as error:
        if not as_json:
            raise
        found = error.problems if isinstance(error, InvalidPolicyError) else ()
        problems = [{"line": p.line, "message": p.message, "fix": p.fix} for p in found] or [
            {"line": error.line, "message": error.message, "fix": error.fix}
        ]
        click.echo(json.dumps({"ok": False, "file": str(file), "problems": problems}, indent=2))
        return PolicyError.exit_code
    rows = _rows(policy)
    if as_json:
        tools = [{"tool": name, **_settings(policy, name)} for name in policy.tools]
        click.echo(
            json.dumps(
                {"ok": True, "file": str(file), "name": policy.name, "tools": tools, "rules": rows}, indent=2
            )
        )
        return 0
    _print_table(
        f"{policy.name}: what stays and what leaves",
        ("tool", "where", "path", "who reads it", "also"),
        [(row["tool"], row["side"], row["path"], row["reads"], row["also"]) for row in rows],
    )
    found_types = ", ".join(dict.fromkeys(detector.type for detector in policy.detect))
    click.echo(f"The detectors take out of scanned text: {found_types}.")
    click.echo("What no rule mentions stays, as a handle." if _closed(policy) else "Defaults let values out.")
    click.echo(f"{file}: ok, {len(policy.tools)} tools, {len(rows)} rules and defaults")
    return 0


@command.command()
@_FILE
@click.option("--tool", required=True, help="The tool's name.")
@click.option("--path", help="A place in its result, such as '$.matches[*].email'.")
@click.option("--argument", help="One of its arguments: a name, or a path.")
@_JSON
def explain(file: Path, tool: str, path: str | None, argument: str | None, as_json: bool) -> None:
    """Show which line of FILE decides for a tool's argument or result, and what would change it.

    With neither --path nor --argument: what holds for the tool, and every rule it has.
    """
    from umi_edge.policy import explanation
    from umi_edge.policy.loader import load_policy, read_policy_text

    text = read_policy_text(file)
    policy = load_policy(text, str(file))
    wanted = [("results", path)] if path is not None else []
    wanted += [("arguments", argument)] if argument is not None else []
    found = [explanation.explain(policy, tool, side, _location(side, place)) for side, place in wanted]
    lines = text.splitlines()
    settings = _settings(policy, tool)
    if as_json:
        rows = [row for row in _rows(policy) if row["tool"] == settings["entry"]]
        places = [_as_json(item, lines) for item in found]
        click.echo(json.dumps({"tool": tool, **settings, "rules": rows, "places": places}, indent=2))
        return
    words = ", ".join(f"{key} {value}" for key, value in settings.items() if key != "entry")
    click.echo(f"{tool} ({settings['entry'] or 'not listed: built-in defaults'}): {words}")
    if not found:
        rows = [row for row in _rows(policy) if row["tool"] == settings["entry"]]
        columns = ("where", "path", "who reads it", "also", "line")
        _print_table(
            "", columns, [(r["side"], r["path"], r["reads"], r["also"], str(r["line"])) for r in rows]
        )
    for item in found:
        _print_explanation(item, lines)


@command.command()
def schema() -> None:
    """Print the JSON Schema of the language, for your editor."""
    from umi_edge.policy.schema import schema_text

    click.echo(schema_text(), nl=False)


@command.command("show-default")
def show_default() -> None:
    """Print the policy that holds when you have none: a start for your own."""
    from umi_edge.policy.loader import default_policy_text

    click.echo(default_policy_text(), nl=False)


def _location(side: str, place: str) -> tuple[str | int, ...]:
    """One location that a path means; `*` stands for any."""
    from umi_edge.policy.paths import compile_path

    if side == "arguments" and not place.startswith("$"):
        return (place,)
    examples = compile_path(place).examples()
    if not examples:
        raise PolicyError(
            f"`{place}` depends on values, so it names no one place", fix="use names, indices and `*`"
        )
    return examples[0]


def _settings(policy: "Policy", tool: str) -> dict[str, str]:
    rules = policy.tool(tool)
    return {
        "entry": rules.name,
        "runs": rules.runs.value,
        "confirm": rules.confirm.value,
        "integrity": rules.integrity.value,
        "caller": rules.caller.value,
        "card": rules.card.value,
    }


def _rows(policy: "Policy") -> list[dict[str, Any]]:
    """Every rule and default of a policy, in the order of the file."""
    from umi_edge.policy.explanation import said_by

    rows: list[dict[str, Any]] = []
    for name in policy.tools:
        for side in ("arguments", "results"):
            table = policy.table(name, side)
            for rule in table.rules:
                clearance = str(rule.clearance) if rule.clearance else "as around it"
                also = said_by(rule).removeprefix(clearance).removeprefix(", ")
                rows.append(
                    _row(name, side, rule.path, clearance, also if also != "nothing more" else "", rule.line)
                )
            default = policy.default_chain(name, side)[0]
            rows.append(_row(name, side, "(all else)", str(default.clearance), default.level, default.line))
    return rows


_READS = {
    "cloud": "leaves",
    "scan": "leaves, scanned",
    "planner": "leaves to the planner",
    "summarizer": "leaves to the summarizer",
    "handle": "stays (handle)",
    "hidden": "stays (hidden)",
}


def _row(tool: str, side: str, path: str, clearance: str, also: str, line: int) -> dict[str, Any]:
    reads = _READS.get(clearance, clearance)
    return {
        "tool": tool,
        "side": side,
        "path": path,
        "locality": clearance,
        "reads": reads,
        "also": also,
        "line": line,
    }


def _closed(policy: "Policy") -> bool:
    chains = [
        policy.default_chain(name, side) for name in ("", *policy.tools) for side in ("arguments", "results")
    ]
    return all(chain[0].clearance.locality in ("handle", "hidden") for chain in chains)


def _quoted(lines: list[str], line: int) -> str:
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _as_json(item: "Explanation", lines: list[str]) -> dict[str, Any]:
    resolution = item.resolution
    return {
        "side": item.side,
        "path": item.path,
        "locality": str(resolution.clearance),
        "type": resolution.type,
        "show": resolution.show,
        "link": resolution.link,
        "shape": resolution.shape.value,
        "requires": resolution.requires,
        "accepts": resolution.accepts,
        "on_violation": resolution.on_violation.value,
        "chain": [
            {
                "level": step.level,
                "path": step.path,
                "says": step.says,
                "rule": step.rule_id,
                "line": step.line,
                "text": _quoted(lines, step.line),
                "decides": step.decides,
            }
            for step in item.steps
        ],
        "may_join": [rule.rule_id for rule in item.depends],
        "change": item.change,
    }


def _print_explanation(item: "Explanation", lines: list[str]) -> None:
    resolution = item.resolution
    word = str(resolution.clearance)
    extra = f", type {resolution.type}" + (f", show {resolution.show}" if resolution.show else "")
    click.echo(f"\n{item.side} {item.path}: {_READS.get(word, word)}{extra}")
    for step in item.steps:
        mark = "->" if step.decides else "  "
        where = f"line {step.line}: {_quoted(lines, step.line)}" if step.line else step.rule_id
        click.echo(f"  {mark} {step.level:<16} {step.says:<28} {where}")
    for rule in item.depends:
        click.echo(f"     may join in, depending on the value: line {rule.line}: {rule.path}")
    click.echo(f"  {item.change}")


def _print_table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table on a terminal; lines of tab-separated words when piped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(cell, style="yellow" if cell.startswith("leaves") else "") for cell in row))
    console.print(table)

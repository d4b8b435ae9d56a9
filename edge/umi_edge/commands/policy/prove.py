"""`umi policy prove`: show that what must stay cannot leave."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_edge.commands.policy._output import FILE_ARGUMENT, print_json
from umi_shared.errors import UmiError
from umi_shared.screen.output import Coloured, say

if TYPE_CHECKING:
    from umi_edge.policy_tools.proof import Proof, Theorem
    from umi_edge.tools.source import ToolSource


@click.command()
@FILE_ARGUMENT
@config_option
@click.option("--keep", multiple=True, metavar="'TOOL: PATH'", help="A path of results that must stay.")
@click.option("--keep-type", multiple=True, metavar="TYPE", help="A type that must stay, wherever it is.")
@click.option("--tool", "only", multiple=True, help="Prove it of these tools only.")
@click.option(
    "--any-results", is_flag=True, help="Of all JSON, not only of what a tool declares that it returns."
)
@json_option
def command(
    file: Path,
    config: Path | None,
    keep: tuple[str, ...],
    keep_type: tuple[str, ...],
    only: tuple[str, ...],
    *,
    any_results: bool,
    as_json: bool,
) -> int:
    """Show that what must stay cannot reach planner, summarizer or a third party, or how it could.

    What must stay is said under `keep:` in FILE, or by flags. Every place of every result and every call that the
    tools' schemas admit is looked at, so it is a proof about the rules and the schemas, not a test of some values.
    Not proven: that detectors find all there is in scanned text, that servers return what they declare
    (--any-results needs no such trust), and what else is listed as assumed. Exit code 0: proven; 1: not.

    \b
    umi policy prove laptop.yaml --keep 'contacts.*: $..email' --keep-type iban
    """
    import asyncio
    import os

    from umi_edge.policy.claim import Claim, claim_of
    from umi_edge.policy.loader import read_policy
    from umi_edge.policy.values_file import read_values_files
    from umi_edge.policy_tools.proof import prove
    from umi_edge.policy_tools.subjects import named_tools
    from umi_edge.runtime.installed_tools import find_tools

    policy = read_policy(file)
    sources = asyncio.run(find_tools(read_config(config), os.environ))
    tools = named_tools(policy, [tool for source in sources for tool in source.tools])
    claims = [claim_of(text) for text in keep]
    claims += [Claim(type=kind, rule_id="--keep-type") for kind in keep_type]
    chosen = [tool for tool in tools if not only or tool.name in only]
    files = read_values_files(policy)
    proof = prove(policy, chosen, claims, any_results=any_results, files=files)
    broken = [source for source in sources if source.problem is not None]
    if as_json:
        print_json(_as_json(proof, broken))
    else:
        _print(proof, broken)
    return 0 if proof.holds and not broken else 1


def _print(proof: "Proof", broken: "list[ToolSource]") -> None:
    for theorem in proof.theorems:
        _print_theorem(theorem)
    if proof.assumptions:
        say("assumed, and not proven:")
        for assumption in proof.assumptions:
            say(f"  {assumption.tool} {assumption.text}")
    for source in broken:
        say(f"not looked at: {source.name}: {_message(source.problem)}")
    say(f"{len(proof.tools)} tools: {'proven' if proof.holds and not broken else 'not proven'}")


def _print_theorem(theorem: "Theorem") -> None:
    word, colour = ("proven", "green") if theorem.holds else ("NOT proven", "red")
    where = f" ({theorem.rule_id})" if theorem.rule_id else ""
    say((Coloured(word, colour), f": {theorem.statement}{where}, {theorem.cases} cases"))
    if not theorem.cases:
        say("  no tool has such a place in its results: check the tool's name and the path")
    for found in theorem.counterexamples:
        place = f"{found.tool} {found.path}".strip()
        say(f"  {place} -> {found.sink}: {found.message}", f"    by {found.rule_id}")
        say(f"    e.g. {_compact(found.example)}")
    if theorem.more:
        say(f"  ... and {theorem.more} more places")


def _compact(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)[:300]


def _as_json(proof: "Proof", broken: "list[ToolSource]") -> dict[str, Any]:
    return {
        "proven": proof.holds and not broken,
        "tools": list(proof.tools),
        "theorems": [
            {
                "statement": theorem.statement,
                "rule": theorem.rule_id,
                "proven": theorem.holds,
                "cases": theorem.cases,
                "counterexamples": [
                    {
                        "tool": found.tool,
                        "path": found.path,
                        "sink": found.sink,
                        "rule": found.rule_id,
                        "message": found.message,
                        "example": found.example,
                    }
                    for found in theorem.counterexamples
                ],
                "more": theorem.more,
            }
            for theorem in proof.theorems
        ],
        "assumed": [{"tool": one.tool, "text": one.text} for one in proof.assumptions],
        "not_looked_at": [{"source": source.name, "problem": _message(source.problem)} for source in broken],
    }


def _message(problem: UmiError | None) -> str:
    return problem.message if problem else ""

"""`umi policy replay`: what another policy would have let out of recorded sessions."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_edge.commands._options import json_option
from umi_edge.commands.policy._output import print_json, print_table
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_edge.policy_tools.replay import FieldChange, Replay


@click.command()
@click.argument("sessions", type=click.Path(path_type=Path))
@click.option("--against", required=True, type=click.Path(path_type=Path), help="The policy to try.")
@click.option("--strict", is_flag=True, help="Exit with 1 where anything would be newly exposed.")
@json_option
def command(sessions: Path, against: Path, *, strict: bool, as_json: bool) -> int:
    """Show what another policy would have let out of SESSIONS, kept back, and said of their calls.

    SESSIONS is a recording, or a folder of them: set `record` in the configuration to make them. They hold no values,
    so sizes of what stayed are known only where they were recorded, and *maybe* is said where a filter or a name
    that was not recorded decides. What models would have done otherwise, and what detectors would have found, is not
    replayed.
    """
    from umi_edge.policy.loader import read_policy
    from umi_edge.policy_tools.recorded import read_recordings
    from umi_edge.policy_tools.replay import replay

    found = replay(read_recordings(sessions), read_policy(against))
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
    else:
        _print(found)
    return 1 if strict and found.exposed else 0


def _print(found: "Replay") -> None:
    columns = ("tool", "where", "path", "sink", "fields", "bytes", "rule")
    for title, changes in (("newly exposed", found.exposed), ("newly hidden", found.hidden)):
        if changes:
            say(f"{title}:")
            print_table("", columns, [_row(change) for change in changes])
    if found.verdicts:
        say("calls:")
        rows = [(c.tool, c.was, c.would_be, str(c.calls), "; ".join(c.reasons)) for c in found.verdicts]
        print_table("", ("tool", "was", "would be", "calls", "why"), rows)
    exposed, hidden = (sum(one.fields for one in group) for group in (found.exposed, found.hidden))
    changed = sum(change.calls for change in found.verdicts)
    say(
        f"{found.sessions} sessions, {found.calls} calls, {found.leaves} fields: {exposed} newly exposed, "
        f"{hidden} newly hidden, {changed} calls judged otherwise"
    )
    if found.not_replayed:
        say(f"{found.not_replayed} calls were not replayed: their caller saw values")


def _row(change: "FieldChange") -> tuple[str, ...]:
    fields = str(change.fields)
    if change.certain < change.fields:
        fields += f" ({change.fields - change.certain} maybe)"
    sizes = [f"{change.bytes}"] if change.bytes else []
    sizes += [f"at most {change.bytes_at_most}"] if change.bytes_at_most else []
    sizes += [f"{change.unknown} of unknown size"] if change.unknown else []
    size = " + ".join(sizes) or "0"
    return change.tool, change.side, change.path, change.sink, fields, size, change.rule_id

"""`umi records`: what umi has written into your own stores."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_shared.errors import ConfigError
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_edge.records import Entry, Records


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def command(context: click.Context, config: Path | None, *, as_json: bool) -> int | None:
    """List what umi's planner has written into your contacts, calendar, notes and files, and was not your own words.

    What a record says that is listed here is not trusted when it is read back: no mail goes to such an address unless
    you type it yourself. A record that you write anew counts as yours again, as does one that you `trust` here. The
    list holds no values. Exit code 2 where it is damaged: until you mend that, nothing of yours is trusted.
    """
    from umi_edge.runtime.laptop_records import read_records

    context.obj = config
    if context.invoked_subcommand is not None:
        return None
    records = read_records(read_config(config))
    if as_json:
        say_json({"damage": records.damage, "records": [_as_json(entry) for entry in records]})
    else:
        _print(records)
    return ConfigError.exit_code if records.damage else 0


@command.command(short_help="Say that a record is right.")
@click.argument("number", type=click.IntRange(min=1))
@click.pass_obj
def trust(config: Path | None, number: int) -> None:
    """Say that the record with this NUMBER is right: from now on it counts as your own."""
    from umi_edge.runtime.laptop_records import read_records

    read_records(read_config(config)).trust(number)
    say(f"Record {number} counts as your own.")


@command.command(short_help="Begin a damaged list anew.")
@click.pass_obj
def renew(config: Path | None) -> None:
    """Begin a damaged list anew, with what of it can be read.

    What umi has written that is not in it any more counts as your own from then on: look through your contacts first.
    """
    from umi_edge.runtime.laptop_records import read_records

    records = read_records(read_config(config))
    if not records.damage:
        say("The list is sound; nothing was changed.")
        return
    records.renew()
    say(f"The list is begun anew, with {len(list(records))} records.")


def _as_json(entry: "Entry") -> dict[str, Any]:
    return {
        "number": entry.number,
        "tool": entry.tool,
        "day": entry.day,
        "arguments": {
            name: {"by_stranger": one.by_stranger, "said": list(one.said)}
            for name, one in entry.fields.items()
        },
        "approved": entry.approved,
        "trusted": entry.trusted,
        "id": entry.id,
    }


def _print(records: "Records") -> None:
    from rich.table import Table

    from umi_shared.screen.console import output_screen

    if records.damage:
        say(f"The list is damaged: {records.damage}. Until that is mended nothing of yours is trusted.")
        say("  Fix: bring the file back from a copy, or begin it anew with `umi records renew`")
    entries = list(records)
    if not entries:
        say("umi has written nothing but your own words.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("number", "day", "tool", "not your words", "where from", "record"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        said = dict.fromkeys(said for one in entry.fields.values() for said in one.said)
        table.add_row(
            str(entry.number),
            entry.day,
            entry.tool,
            ", ".join(entry.fields),
            "; ".join([*said, *(["approved by you"] if entry.approved else [])]),
            "trusted by you" if entry.trusted else entry.id,
        )
    output_screen().print(table)

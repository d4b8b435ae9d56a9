"""`umi-cloud devices`: who is enrolled, and what they used."""

import asyncio
from typing import TYPE_CHECKING

import click

from umi_cloud.commands._options import state_option
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.auth.standing import DeviceRecord


@click.command()
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(state: str, *, as_json: bool) -> None:
    """List the laptops and what they have used."""
    records = asyncio.run(_records(state))
    if as_json:
        say_json([_fields(record) for record in records])
    elif records:
        _print_table(records)
    else:
        say("No devices yet. `umi-cloud enroll NAME` invites one.")


async def _records(state: str) -> "tuple[DeviceRecord, ...]":
    from umi_cloud.auth.registry_at import registry_at

    async with registry_at(state, existing=True) as registry:
        return await registry.devices()


def _fields(record: "DeviceRecord") -> dict[str, object]:
    return {
        "name": record.name,
        "status": record.standing.value,
        "serial": record.serial,
        "issued": record.issued.isoformat() if record.issued else None,
        "expires": record.expires.isoformat() if record.expires else None,
        "revoked": record.revoked.isoformat() if record.revoked else None,
        "requests": record.requests,
        "tokens": record.tokens,
    }


def _print_table(records: "tuple[DeviceRecord, ...]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from umi_shared.screen.console import Screen

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("name", "status", "expires (UTC)"):
        table.add_column(heading, no_wrap=True)
    for heading in ("requests", "tokens"):
        table.add_column(heading, justify="right")
    colours = {"active": "green", "invited": "cyan", "expired": "yellow", "revoked": "red"}
    for record in records:
        colour = colours.get(record.standing.value, "default")
        table.add_row(
            record.name,
            Text(record.standing.value, style=colour),
            f"{record.expires:%Y-%m-%d %H:%M}" if record.expires else "",
            f"{record.requests:,}",
            f"{record.tokens:,}",
        )
    Screen().print(table)

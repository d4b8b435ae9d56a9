"""`umi-cloud devices`: who is enrolled, when they were last seen, and what they used."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from umi_cloud.commands._options import state_option
from umi_cloud.commands._selection import device_filter, filter_options
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.auth.device_filter import DeviceFilter
    from umi_cloud.auth.standing import DeviceRecord

SHOWN = 200


@click.command()
@filter_options
@click.option(
    "--sort",
    type=click.Choice(("name", "seen", "expires", "tokens")),
    default="name",
    show_default=True,
    help="`seen`: silent for longest first; `expires`: soonest first; `tokens`: most in these days first.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=1,
    show_default=True,
    help="Whose use is told day by day (UTC), today included.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=SHOWN,
    show_default=True,
    help="How many rows of the table at most; 0 for all.",
)
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, of all.")
def command(state: str, sort: str, days: int, limit: int, *, as_json: bool, **options: Any) -> None:
    """List the laptops: their standing, when they were last seen and with which version, and what they have used."""
    chosen = device_filter(**options)
    there, records = asyncio.run(_records(state, chosen, sort, days))
    if as_json:
        say_json([_fields(record) for record in records])
    elif not there:
        say("No devices yet. `umi-cloud enroll NAME` invites one.")
    else:
        shown = records[:limit] if limit else records
        if shown:
            _print_table(shown, days)
        say(_summary(records, len(shown), there))


async def _records(
    state: str, chosen: "DeviceFilter", sort: str, days: int
) -> "tuple[int, Sequence[DeviceRecord]]":
    from umi_cloud.auth.device_filter import SortBy, in_order
    from umi_cloud.auth.registry_at import registry_at

    async with registry_at(state, existing=True) as registry:
        records = await registry.devices(days)
        return len(records), in_order(chosen.chosen(records, registry.now()), SortBy(sort))


def _fields(record: "DeviceRecord") -> dict[str, object]:
    return {
        "name": record.name,
        "label": record.label,
        "status": record.standing.value,
        "serial": record.serial,
        "issued": _iso(record.issued),
        "expires": _iso(record.expires),
        "revoked": _iso(record.revoked),
        "last_seen": _iso(record.last_seen),
        "version": record.version,
        "requests": record.requests,
        "tokens": record.tokens,
        "use": dict(record.use),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _summary(records: "Sequence[DeviceRecord]", shown: int, there: int) -> str:
    from collections import Counter

    standings = Counter(record.standing.value for record in records)
    counts = ", ".join(f"{number:,} {word}" for word, number in sorted(standings.items()))
    whole = f"{len(records):,} of {there:,} laptops{f': {counts}' if counts else ''}."
    return f"{whole} The first {shown:,} are shown; see --limit." if shown < len(records) else whole


def _print_table(records: "Sequence[DeviceRecord]", days: int) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from umi_shared.screen.console import output_screen

    today = datetime.now(UTC).date()
    told = [(today - timedelta(days=back)).isoformat() for back in range(min(days, 7))]
    labelled = any(record.label for record in records)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in (
        "name",
        *(["label"] if labelled else []),
        "status",
        "expires (UTC)",
        "last seen",
        "version",
    ):
        table.add_column(heading, no_wrap=True)
    for heading in ("requests", "tokens", "today", *(day[5:] for day in told[1:])):
        table.add_column(heading, justify="right")
    colours = {"active": "green", "invited": "cyan", "expired": "yellow", "held": "yellow", "revoked": "red"}
    for record in records:
        table.add_row(
            record.name,
            *([record.label] if labelled else []),
            Text(record.standing.value, style=colours.get(record.standing.value, "default")),
            _minute(record.expires),
            _minute(record.last_seen),
            record.version,
            f"{record.requests:,}",
            f"{record.tokens:,}",
            *(f"{record.use.get(day, 0):,}" for day in told),
        )
    output_screen().print(table)


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""

"""`umi-cloud audit`: who let which laptop in, renewed it or shut it out, and from where."""

import asyncio
import csv
import io
from dataclasses import astuple, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from umi_cloud.commands._options import DURATION, state_option
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.auth.audit import AuditEntry


class _Since(click.ParamType[datetime]):
    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """`30d`, or a day or a time as ISO 8601 has it; without an offset in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            ago: timedelta = DURATION.convert(value, param, ctx)
            return datetime.now(UTC) - ago
        return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.group()
def command() -> None:
    """Read the audit: enrolments, renewals, revocations and restores, with who and from where."""


@command.command(short_help="Print the audit's entries, for another program to keep.")
@state_option
@click.option(
    "--since",
    type=_Since(),
    default="30d",
    show_default=True,
    metavar="30d|DATE",
    help="From when on: so long ago, or a day or a time (UTC).",
)
@click.option("--json", "form", flag_value="json", default=True, help="A JSON object a line.  [default]")
@click.option("--csv", "form", flag_value="csv", help="CSV with a heading.")
def export(state: str, since: datetime, form: str) -> None:
    """Print the entries from a time on, the oldest first, one a line.

    Times are UTC, and those of the registry. An entry's `id` is its own for ever: where two exports overlap it tells
    what is twice there.
    """
    asyncio.run(_export(state, since, as_csv=form == "csv"))


async def _export(state: str, since: datetime, *, as_csv: bool) -> None:
    from umi_cloud.auth.audit import AuditEntry
    from umi_cloud.auth.registry_at import registry_at

    if as_csv:
        say(_csv_line([field.name for field in fields(AuditEntry)]))
    async with registry_at(state, existing=True) as registry:
        async for entry in registry.audit(since):
            values = _values(entry)
            if as_csv:
                say(_csv_line(list(values.values())))
            else:
                say_json(values)


def _values(entry: "AuditEntry") -> dict[str, str]:
    names = [field.name for field in fields(entry)]
    return dict(zip(names, astuple(entry), strict=True)) | {"at": entry.at.isoformat()}


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()

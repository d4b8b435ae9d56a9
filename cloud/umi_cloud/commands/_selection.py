"""The options that say which laptops are meant, and the question before something is done to many."""

import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_cloud.commands._options import DURATION, state_option
from umi_shared.screen.output import ask_yes, say

if TYPE_CHECKING:
    from umi_cloud.auth.device_filter import DeviceFilter
    from umi_cloud.auth.registry import KnownPerson, Registry

__all__ = [
    "agreed",
    "device_filter",
    "filter_options",
    "Selection",
    "many_options",
    "named",
    "pages",
    "person_meant",
]

SHOWN = 20
_PAGE = 500
STATUSES = ("active", "expired", "held", "invited", "revoked")


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which laptops are meant; `device_filter` makes a filter of them."""
    for option in (
        click.option("--idle", metavar="7d", type=DURATION, help="Not seen for so long."),
        click.option("--expiring", metavar="3d", type=DURATION, help="Active, and ends within this time."),
        click.option(
            "--status",
            "statuses",
            multiple=True,
            type=click.Choice(STATUSES),
            help="Repeatable: any of these.",
        ),
        click.option("--label", default="", metavar="TEXT", help="Its label has these words."),
        click.option(
            "--name", "pattern", default="", metavar="GLOB", help="Its name is like this, as `sales-*`."
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Who is meant by the options of `many_options`."""

    names: tuple[str, ...]
    source: Path | None
    who: str
    """A person, with all their laptops; nobody beside."""
    chosen: "DeviceFilter"
    dry_run: bool
    yes: bool

    @property
    def one_name(self) -> bool:
        """Whether it is one laptop, by its name."""
        return len(self.names) == 1 and self.source is None and not self.chosen


def many_options(person_help: str) -> Callable[[Callable[[str, Selection], None]], Callable[..., None]]:
    """`NAME…`, `--from FILE`, filters, `--person`, `--dry-run` and `--yes`, given as a `Selection` after the state."""

    def decorate(command: Callable[[str, Selection], None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(
            state: str,
            *,
            names: tuple[str, ...],
            source: Path | None,
            who: str,
            dry_run: bool,
            yes: bool,
            **options: Any,
        ) -> None:
            from umi_shared.errors import ConfigError

            chosen = device_filter(**options)
            if who and (names or source is not None or chosen):
                raise ConfigError("a person is named, and laptops beside", fix="say --person alone")
            meant = Selection(names=names, source=source, who=who, chosen=chosen, dry_run=dry_run, yes=yes)
            command(state, meant)

        decorated: Callable[..., None] = run
        for option in (
            state_option,
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--dry-run", is_flag=True, help="Say who is meant, and do nothing."),
            click.option("--person", "who", default="", metavar="SUBJECT|MAIL", help=person_help),
            filter_options,
            click.option(
                "--from",
                "source",
                metavar="FILE",
                type=click.Path(path_type=Path, dir_okay=False),
                help="A CSV file with a name in each line.",
            ),
            click.argument("names", nargs=-1, metavar="[NAME]..."),
        ):
            decorated = option(decorated)
        return decorated

    return decorate


async def person_meant(
    registry: "Registry",
    meant: Selection,
    change: "Callable[..., Awaitable[KnownPerson | None]]",
) -> "KnownPerson":
    """The person that is meant, once `change` (of the registry) was done to them; after a dry run as they are.

    Raises `ConfigError` where nobody is meant, or several are.
    """
    from umi_cloud.commands._operator import operator

    if not meant.dry_run:
        return _known(await change(meant.who, by=operator()), meant.who)
    found = _known(await registry.person(meant.who), meant.who)
    say(f"{found.name} ({found.subject}), with {len(found.devices):,} laptops:", err=True)
    say(*(f"  {name}" for name in found.devices), "Nothing was done: this was a dry run.", err=True)
    return found


def _known(found: "KnownPerson | None", who: str) -> "KnownPerson":
    """Raise `ConfigError` where nobody is meant."""
    from umi_shared.errors import ConfigError

    if found is None:
        raise ConfigError(
            f"nobody has logged in as {who[:80]!r}",
            fix="write the provider's name for them (`sub`), or the mail address as `umi-cloud devices` has it",
        )
    return found


def device_filter(
    *,
    pattern: str,
    label: str,
    statuses: Sequence[str],
    expiring: timedelta | None,
    idle: timedelta | None,
) -> "DeviceFilter":
    """The filter that the options of `filter_options` say."""
    from umi_cloud.auth.device_filter import DeviceFilter
    from umi_cloud.auth.standing import Standing

    return DeviceFilter(
        name=pattern,
        label=label,
        standings=frozenset(map(Standing, statuses)),
        expiring=expiring,
        idle=idle,
    )


async def named(registry: "Registry", meant: Selection) -> list[str]:
    """The names that are meant: those that are written and those of a file, each once; or those of a filter.

    A filter beside names leaves out those of them that it does not have.

    Raises `ConfigError` where nobody is meant.
    """
    from umi_cloud.auth.laptop_list import read_laptops
    from umi_cloud.auth.standing import Standing
    from umi_shared.errors import ConfigError

    found = [*meant.names]
    if meant.source is not None:
        found += [laptop.name for laptop in read_laptops(meant.source)]
    if meant.chosen:
        records = [one for one in await registry.devices() if one.standing is not Standing.REVOKED]
        fitting = dict.fromkeys(record.name for record in meant.chosen.chosen(records, registry.now()))
        by_name = bool(meant.names) or meant.source is not None
        found = [name for name in found if name in fitting] if by_name else list(fitting)
    elif not found:
        raise ConfigError(
            "nobody is named", fix="give a name, a file with --from, or a filter such as --idle 90d"
        )
    return list(dict.fromkeys(found))


def pages(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many of the names as one transaction of the registry takes."""
    for start in range(0, len(names), _PAGE):
        yield names[start : start + _PAGE]


def agreed(what: str, names: Sequence[str], meant: Selection) -> bool:
    """Whether the operator wants this done to all these; says who they are, on standard error."""
    say(f"{what} {len(names):,} laptops:", err=True)
    say(*(f"  {name}" for name in names[:SHOWN]), err=True)
    if len(names) > SHOWN:
        say(f"  and {len(names) - SHOWN:,} more", err=True)
    if meant.dry_run:
        say("Nothing was done: this was a dry run.", err=True)
        return False
    return meant.yes or ask_yes(f"{what} these {len(names):,} laptops?")

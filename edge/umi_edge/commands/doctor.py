"""`umi doctor`: find what is wrong, and how to mend it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_shared.errors import UmiError
from umi_shared.screen.output import Coloured, say, say_json

if TYPE_CHECKING:
    from umi_edge.diagnosis import Finding
    from umi_edge.runtime.config import EdgeConfig

_COLOURS = {"fine": "green", "warning": "yellow", "broken": "red"}


@click.command()
@config_option
@click.option(
    "--tune",
    is_flag=True,
    help="Measure what suits the caller's model on this machine, and use it from now on.",
)
@json_option
def command(config: Path | None, *, tune: bool, as_json: bool) -> int:
    """Find what is wrong, and how to mend it.

    Looks at Python and its packages, the configuration, the policy, the caller's model (hash, and one word written
    under a grammar), the certificate, the planner, the ledger, the tools, and the planner for offline use. Nothing
    is changed, and no private value is shown. Exit code 0: nothing is broken; 1: something is.

    With --tune it looks at nothing, but runs the model with several numbers of threads, and with its weights in
    several formats, for some minutes; the fastest way is kept in the cache folder, and sessions use it. Best on a
    quiet machine.
    """
    if tune:
        from umi_edge.commands._tuning import tune_caller

        return tune_caller(read_config(config), as_json=as_json)

    import asyncio

    found: list[Finding] = []

    def note(finding: "Finding") -> None:
        found.append(finding)
        if not as_json:
            _print(finding)

    asyncio.run(_examine(config, note, quiet=as_json))
    broken = sum(finding.status == "broken" for finding in found)
    warnings = sum(finding.status == "warning" for finding in found)
    if as_json:
        _print_json(found, broken, warnings)
    elif broken or warnings:
        say("", f"{broken} broken, {warnings} to look at.")
    else:
        say("", "All is well.")
    return 1 if broken else 0


async def _examine(config: Path | None, note: "Callable[[Finding], None]", *, quiet: bool) -> None:
    """Run the checks one after the other; what one finds is shown before the next begins."""
    import os

    from umi_edge.diagnosis import checks_for, run_check
    from umi_edge.diagnosis.finding import Check
    from umi_edge.diagnosis.system import platform_and_packages

    for finding in await run_check(Check(name="python", look=platform_and_packages)):
        note(finding)
    settings = _settings(config, note)
    for check in checks_for(settings, os.environ):
        with _progress(check.slow, quiet=quiet):
            findings = await run_check(check)
        for finding in findings:
            note(finding)


def _settings(config: Path | None, note: "Callable[[Finding], None]") -> "EdgeConfig":
    """The configuration; the default one where it is broken, so that the rest is looked at all the same."""
    from umi_edge.diagnosis.finding import fine, from_error
    from umi_edge.runtime.config import EdgeConfig, config_path

    try:
        settings = read_config(config)
    except UmiError as error:
        note(from_error("configuration", error))
        return EdgeConfig()
    if settings.file is None:
        note(fine("configuration", f"there is no file at {config_path()}: the defaults are used"))
    else:
        note(fine("configuration", str(settings.file)))
    return settings


def _print(finding: "Finding") -> None:
    mark = Coloured(finding.status.mark, _COLOURS[finding.status])
    first, *rest = finding.message.splitlines() or [""]
    say((mark, f" {finding.name:<13} {first}"))
    for line in rest:
        say(f"{'':<16}{line}")
    if finding.fix:
        say(f"{'':<16}Fix: {finding.fix}")


def _print_json(found: "list[Finding]", broken: int, warnings: int) -> None:
    from dataclasses import asdict

    say_json({"findings": [asdict(finding) for finding in found], "broken": broken, "warnings": warnings})


@contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[None]:
    """A line while something takes its time; nothing where standard error is piped."""
    from umi_shared.screen.console import Screen

    console = Screen(stderr=True)
    if quiet or not what or not console.is_terminal:
        yield
        return
    with console.status(f"{what} …"):
        yield

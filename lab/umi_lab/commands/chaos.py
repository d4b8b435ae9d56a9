"""`chaos`: sessions while things fail."""

import json
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_lab.chaos.trial import Run


@click.command(name="chaos")
@click.option("--runs", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True, help="The first run's; the others follow.")
@click.option(
    "--network",
    "between",
    type=click.Choice(["namespaces", "relays"]),
    help="What is between the processes; namespaces where this machine allows them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run.")
def command(runs: int, seed: int, between: str | None, *, as_json: bool) -> None:
    """Play whole sessions while processes are killed, links fail, clocks are an hour off and disks are full.

    A laptop, two servers, their engine and PostgreSQL, each a process in a network namespace of its own: links go down,
    packets are lost, late or stopped in one direction, and the laptop gets another address. That takes root on Linux;
    elsewhere relays stand in, which delay, stall and cut. One to four faults a run, at moments and places that the seed
    chooses. The judge: no call ran twice, no message left without an entry in the ledger, every session answered or
    said why not, and a session is answered once all is well again, with nobody's help. Clocks need libfaketime, full
    disks need root. It fails where the judge finds anything.
    """
    from umi_lab.chaos.ending import run
    from umi_lab.chaos.network import why_not
    from umi_lab.postgres_server import binaries
    from umi_shared.errors import ConfigError

    if binaries() is None:
        raise ConfigError("there is no PostgreSQL here", fix="`make postgres` installs it on Debian")
    reason = why_not() if between != "relays" else "it was asked for"
    if reason and between == "namespaces":
        raise ConfigError(reason, fix="take `--network relays`")
    if reason:
        click.echo(f"Relays stand in for the network: {reason}.", err=True)
    played = run(_play(runs, seed, namespaces=not reason, as_json=as_json))
    wrong = [one for one in played if one.wrong]
    outcomes = sum((Counter(one.outcomes) for one in played), Counter())
    click.echo(f"{len(played)} runs: {dict(outcomes)}; {len(wrong)} with something wrong", err=as_json)
    if wrong:
        raise SystemExit(1)


async def _play(runs: int, seed: int, *, namespaces: bool, as_json: bool) -> "list[Run]":
    from umi_lab.chaos.faults import faults_of
    from umi_lab.chaos.trial import play
    from umi_lab.chaos.world import world, world_of_hosts
    from umi_lab.postgres_server import postgres_server

    played: list[Run] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="umi-chaos-"))) / "world"
        if namespaces:
            made = await stack.enter_async_context(world_of_hosts(folder))
        else:
            postgres = stack.enter_context(postgres_server())
            made = await stack.enter_async_context(world(folder, postgres, "chaos"))
        for number in range(seed, seed + runs):
            run = await play(made, number, faults_of(number, made.net.kinds))
            played.append(run)
            click.echo(json.dumps(asdict(run)) if as_json else _line(run))
    return played


def _line(run: "Run") -> str:
    back = "not at all" if run.recovered_seconds is None else f"in {run.recovered_seconds:.1f} s"
    faults = "; ".join(map(str, run.faults))
    told = ", ".join(f"{count} {name}" for name, count in run.outcomes.items())
    return "\n".join(
        (f"seed {run.seed}: {faults}: {told}; back {back}", *(f"  WRONG: {one}" for one in run.wrong))
    )

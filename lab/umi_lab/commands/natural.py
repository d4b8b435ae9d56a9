"""`natural`: what people ask, in the way they say it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_lab.commands.planner_options import PlannerOptions, planner_options
from umi_lab.commands.session_options import play_options

if TYPE_CHECKING:
    from umi_cloud.evaluation.run_file import RunFile, RunHeader
    from umi_lab.natural.request import Split
    from umi_lab.natural.request_job import RequestJob


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(PlannerOptions):
    model: str
    adapters: Path | None
    dialect: str
    split: "Split"
    home: str
    kind: str
    ids: frozenset[str]
    seed: int
    limit: int | None
    out: Path | None
    recipe: str
    jobs: int
    threads: int
    more_tools: bool
    as_json: bool


@click.command(name="natural", short_help="Play requests as people write them, and count.")
@click.option(
    "--split",
    type=click.Choice(["development", "held-out"]),
    default="development",
    show_default=True,
    help="The half; of the held-out one no words are shown or kept.",
)
@click.option("--home", default="", help="Of this home only, such as engineer.")
@click.option("--kind", default="", help="Of this kind only, such as `mail errand`.")
@click.option(
    "--id", "ids", multiple=True, help="This request only, such as engineer-001; may be given several times."
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="So many requests only, drawn by --seed.  [default: all]"
)
@click.option(
    "--dialect", default="", help="umi, chat or alpha-umi.  [default: umi with adapters, chat without]"
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes side by side."
)
@click.option(
    "--more-tools/--fewer-tools",
    default=True,
    show_default=True,
    help="Offer all tools, or the first ones only (`home: {more_tools: false}`).",
)
@play_options(threads=1)
@planner_options
def command(**options: object) -> None:
    """Play requests that people would type, each on a fresh copy of an invented person's data, and count.

    Everything is real: a server and a laptop with mTLS between them, the caller on its GGUF, the built-in tools,
    the policy that umi ships. A request succeeds when it ends as it should, the answer states the facts and nothing
    wrong, what was asked for is changed, and nothing else is. Without --adapters the embedded model plays with
    those that umi ships; with --planner an endpoint plans and summarizes. Shares come with Wilson's 95 % interval.
    """
    ids = frozenset(map(str, options.pop("ids")))  # type: ignore[call-overload]  # click has a tuple of words here
    _natural(_Options(ids=ids, **options))  # type: ignore[arg-type]  # click has checked them


def _natural(options: _Options) -> None:
    from umi_cloud.evaluation.run_file import RunFile
    from umi_lab.closed_loop.worker_pool import run
    from umi_shared.errors import ConfigError

    job, header = _job(options)
    chosen = job.chosen()
    if not chosen:
        raise ConfigError("no request is of that home, kind and id", fix=_known())
    file = RunFile.open(options.out, header)
    there = {row["id"] for row in file.rows}  # a request's number changes when the set grows
    done = {number for number, request in chosen.items() if request.id in there}
    left = len(chosen.keys() - done)
    label = f"requests ({len(chosen) - left} there)" if len(chosen) > left else "requests"
    with click.progressbar(length=left, label=label, file=sys.stderr, show_pos=True) as bar:
        for played in run(job, processes=options.jobs, done=done):
            file.add(*({"number": played.number, **row} for row in played.rows))
            bar.update(1)
    _show(file, frozenset(request.id for request in chosen.values()), options)


def _known() -> str:
    from umi_lab.natural.home import homes
    from umi_lab.natural.request import KINDS

    return f"homes: {', '.join(home.name for home in homes())}; kinds: {', '.join(KINDS)}"


def _job(options: _Options) -> "tuple[RequestJob, RunHeader]":
    from umi_cloud.evaluation.run_file import RunHeader, command_line, fingerprint
    from umi_lab.closed_loop.harness import HarnessConfig
    from umi_lab.natural.request_job import RequestJob
    from umi_shared.models import ModelStore

    model = ModelStore.local().path_of(options.model)
    adapters = _adapters(options)
    dialect = options.dialect or ("umi" if adapters else "chat")
    job = RequestJob(
        harness=HarnessConfig(
            model=model,
            adapters=adapters,
            dialect=dialect,
            threads=options.threads,
            planner=options.engine(options.threads),
            writes_lists=True,
            mends_words=True,
        ),
        split=options.split,
        home=options.home,
        kind=options.kind,
        ids=options.ids,
        seed=options.seed,
        limit=options.limit,
        more_tools=options.more_tools,
    )
    header = RunHeader(
        kind="natural" if options.more_tools else "natural-fewer-tools",
        seed=0,  # which requests are drawn does not change what becomes of one
        model=f"{model.name} {fingerprint(model)}",
        adapters={role: fingerprint(path) for role, path in adapters.items()},
        dialect=dialect,
        recipe=options.recipe,
        options={"split": options.split, **options.said},
        command=command_line("natural"),
    )
    return job, header


def _adapters(options: _Options) -> dict[str, Path]:
    from umi_shared.adapter_folder import ROLES, adapters_in
    from umi_shared.models import EMBEDDED, shipped_adapter

    if options.adapters is not None or options.model != EMBEDDED:
        return adapters_in(options.adapters)
    return {role: path for role in ROLES if (path := shipped_adapter(role)) is not None}


def _show(file: "RunFile", chosen: frozenset[str], options: _Options) -> None:
    from umi_lab.cost.at_endpoint import at_endpoint
    from umi_lab.natural.figures import shares

    rows = [row for row in file.rows if row["id"] in chosen]
    figures, amounts = shares(rows), at_endpoint(rows, options.price)
    if options.as_json:
        shown = {name: share.as_json() for name, share in figures.items()}
        click.echo(json.dumps({"requests": len(rows), **shown, **amounts}))
        return
    for name, share in figures.items():
        click.echo(f"{name:<62}{share}")
    for name, amount in amounts.items():
        click.echo(f"{name:<62}{amount:.4g} a request")

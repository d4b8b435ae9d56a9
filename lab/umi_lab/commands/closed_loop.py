"""`closed-loop`: the whole system on held-out homes."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_lab.commands.planner_options import PlannerOptions, planner_options
from umi_lab.commands.session_options import session_options

if TYPE_CHECKING:
    from umi_cloud.evaluation.run_file import RunFile, RunHeader
    from umi_lab.closed_loop.scenario_job import ScenarioJob


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(PlannerOptions):
    model: str
    adapters: Path | None
    dialect: str
    seed: int
    count: int
    own_names: float
    until: str | None
    train_words: bool
    in_clear: bool
    shadow: bool
    out: Path | None
    recipe: str
    trained_tokens: int | None
    jobs: int
    threads: int
    as_json: bool


@click.command(name="closed-loop", short_help="Play whole sessions on unseen homes, and count.")
@session_options(count=100, threads=1)
@planner_options
@click.option(
    "--dialect", default="", help="umi, chat or alpha-umi.  [default: umi with adapters, chat without]"
)
@click.option("--until", metavar="SWITCH", help="Vary sessions, as `episodes --until` does.")
@click.option(
    "--train-words", is_flag=True, help="Draw from the words of training, not from the held-out ones."
)
@click.option(
    "--in-clear", is_flag=True, help="Use a policy that keeps nothing, to measure what keeping costs."
)
@click.option(
    "--shadow",
    is_flag=True,
    help="Let the oracle act, and compare what each role would have done at each step.",
)
@click.option(
    "--trained-tokens",
    type=click.IntRange(0),
    help="How many tokens the adapters have seen: makes the run a point of the learning curve.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes side by side."
)
def command(**options: object) -> None:
    """Run whole sessions on homes, people, phrases and tool names that training never saw, and count.

    Everything is real: a server and a laptop with mTLS between them, the caller on its GGUF, the tools on a home
    made up for the session. A session succeeds when the home ends up as the oracle leaves it and the user is told
    the same. Shares come with Wilson's 95 % interval. With --planner an endpoint plans and summarizes, in the `chat`
    dialect, and the caller is the embedded one with its adapter unless --model and --adapters say another.
    """
    _closed_loop(_Options(**options))  # type: ignore[arg-type]  # click has checked them


def _closed_loop(options: _Options) -> None:
    from umi_cloud.evaluation.run_file import RunFile
    from umi_lab.closed_loop.worker_pool import run

    job, header = _job(options)
    file = RunFile.open(options.out, header)
    done = {row["number"] for row in file.rows}
    left = options.count - len(done & set(range(options.count)))
    label = f"sessions ({len(done)} there)" if done else "sessions"
    with click.progressbar(length=left, label=label, file=sys.stderr, show_pos=True) as bar:
        for played in run(job, processes=options.jobs, done=done):
            rows = played.rows or ({"left_out": True},)
            file.add(*({"number": played.number, **row} for row in rows))
            bar.update(1)
    _show(file, options)


def _job(options: _Options) -> "tuple[ScenarioJob, RunHeader]":
    from umi_cloud.evaluation.run_file import RunHeader, command_line, fingerprint
    from umi_lab.closed_loop.harness import HarnessConfig
    from umi_lab.closed_loop.scenario_job import ScenarioJob
    from umi_lab.synthesis.scenario import ScenarioConfig
    from umi_lab.synthesis.switches import in_order
    from umi_lab.training_data.data_section import switches_of
    from umi_shared.adapter_folder import adapters_in
    from umi_shared.models import EMBEDDED, ModelStore, shipped_adapter

    model = ModelStore.local().path_of(options.model)
    adapters = adapters_in(options.adapters)
    if options.planner and options.adapters is None and options.model == EMBEDDED:
        adapters = {role: path for role in ("caller",) if (path := shipped_adapter(role)) is not None}
    dialect = options.dialect or ("umi" if adapters else "chat")
    held_out = not options.train_words
    learning = {} if options.trained_tokens is None else {"trained_tokens": options.trained_tokens}
    job = ScenarioJob(
        harness=HarnessConfig(
            model=model,
            adapters=adapters,
            dialect=dialect,
            threads=options.threads,
            planner=options.engine(options.threads),
        ),
        seed=options.seed,
        count=options.count,
        held_out=held_out,
        scenarios=ScenarioConfig(
            own_names=options.own_names, held_out_families=held_out, switches=switches_of(options.until, ())
        ),
        in_clear=options.in_clear,
        shadow=options.shadow,
    )
    header = RunHeader(
        kind="steps" if options.shadow else "closed-loop",
        seed=options.seed,
        model=f"{model.name} {fingerprint(model)}",
        adapters={role: fingerprint(path) for role, path in adapters.items()},
        dialect=dialect,
        recipe=options.recipe,
        options={
            "scenarios": {**asdict(job.scenarios), "switches": in_order(job.scenarios.switches)},
            "held_out": held_out,
            "in_clear": options.in_clear,
            **learning,
            **options.said,
        },
        command=command_line("closed-loop"),
    )
    return job, header


def _show(file: "RunFile", options: _Options) -> None:
    from umi_lab.closed_loop.figures import means, sessions, stepwise
    from umi_lab.cost.at_endpoint import at_endpoint

    rows = [row for row in file.rows if not row.get("left_out") and row["number"] < options.count]
    shares = stepwise(rows) if options.shadow else sessions(rows)
    amounts = {} if options.shadow else means(rows)
    if options.planner and not options.shadow:
        amounts |= at_endpoint(rows, options.price)
    if options.as_json:
        figures = {name: share.as_json() for name, share in shares.items()} | amounts
        click.echo(json.dumps({"sessions": len({row["number"] for row in rows}), **figures}))
        return
    for name, share in shares.items():
        click.echo(f"{name:<46}{share}")
    for name, amount in amounts.items():
        click.echo(f"{name:<46}{amount:.4g} a session")

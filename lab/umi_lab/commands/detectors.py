"""`detectors`: what the privacy detectors find of what somebody has labelled."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from umi_lab.detectors.corpus import Sentence
    from umi_lab.detectors.run import Figures
    from umi_lab.detectors.score import Figure, Scored

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PEERS = Path(".venv-bench/bin/python")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    files: tuple[Path, ...]
    split: str
    misses: int
    policy: Path | None
    contacts: Path | None
    regions: bool
    peers: Path | None
    as_json: bool


@click.command(name="detectors")
@click.argument("files", nargs=-1, type=_FILE)
@click.option(
    "--split",
    type=click.Choice(["development", "held-out", "all"]),
    default="development",
    show_default=True,
    help="Which half of the sentences.",
)
@click.option(
    "--misses",
    type=click.IntRange(min=0),
    default=0,
    help="Print so many sentences of the development half in which umi missed something, or found too much.",
)
@click.option("--policy", type=_FILE, help="A policy in place of the built-in one.")
@click.option("--contacts", type=_FOLDER, help="A folder of vCards in place of the corpus's address book.")
@click.option(
    "--regions/--no-regions",
    default=True,
    help="Read phone numbers as a device does whose locale is the sentence's, or as one without any.",
)
@click.option(
    "--peers",
    type=_FILE,
    help=f"A Python that has presidio-analyzer.  [default: {_PEERS}, where `make bench` has made it]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(**options: object) -> None:
    """Score the detectors on labelled sentences: the shipped corpus, or FILES of your own.

    A file has one JSON object a line: {"text": "call Ann", "spans": [{"start": 5, "end": 8, "type": "person"}]}.
    A span counts as found when all of it is covered but white space and, where it means nothing, punctuation. Shares
    come with Wilson's 95 % interval. Of the held-out half nothing but figures is ever printed. Presidio runs beside
    it, in English and without the contacts.
    """
    asyncio.run(_detectors(_Options(**options)))  # type: ignore[arg-type]  # click has checked them


async def _detectors(options: _Options) -> None:
    from umi_edge.policy import default_policy, read_policy
    from umi_lab.detectors.corpus import ADDRESS_BOOK, read_corpus, shipped_files
    from umi_lab.detectors.device import open_device
    from umi_lab.detectors.run import chosen, figures, score_umi

    if options.misses and options.split == "held-out":
        raise click.UsageError("the sentences of the held-out half are never printed")
    sentences = chosen(read_corpus(options.files or shipped_files()), options.split)
    policy = read_policy(options.policy) if options.policy else default_policy()
    device = await open_device(policy, options.contacts or ADDRESS_BOOK, regions=options.regions)
    scored = score_umi(sentences, device)
    peers, why_not = await _presidio(options, sentences)
    result = [figures("umi", scored), *(figures(name, those) for name, those in peers.items())]
    missed = _missed(scored, options.misses)
    if options.as_json:
        figures_of = [one.as_json() for one in result]
        click.echo(json.dumps({"split": options.split, "figures": figures_of, "misses": missed}))
        return
    _show(result, sentences)
    if why_not:
        click.echo(f"\nPresidio was not measured: {why_not}")
    for one in missed:
        click.echo(_line(one))


async def _presidio(
    options: _Options, sentences: "Sequence[Sentence]"
) -> "tuple[dict[str, list[Scored]], str]":
    """What it found, by its pipelines; or why there is none of it."""
    from umi_lab.detectors.run import score_presidio
    from umi_shared.errors import ConfigError

    python = options.peers or _PEERS
    if not python.exists():
        return {}, f"there is no {_PEERS} (`make bench` makes it); name a Python that has it with --peers"
    try:
        with click.progressbar(length=len(sentences), label="Presidio", file=sys.stderr) as bar:
            found = await score_presidio(sentences, python, lambda: bar.update(1))
    except ConfigError as error:
        if options.peers:
            raise
        return {}, error.message
    return {f"Presidio ({name})": scored for name, scored in found.items()}, ""


def _missed(scored: "Sequence[Scored]", count: int) -> list[dict[str, Any]]:
    """The first misses of the development half, of all classes by turns."""
    from umi_lab.detectors.corpus import Half
    from umi_lab.detectors.score import misses

    by_kind: dict[str, list[dict[str, Any]]] = {}
    for miss in misses(scored):
        sentence = miss.sentence
        if sentence.half is not Half.HELD_OUT:
            row = {"what": miss.what, "language": sentence.language, "class": sentence.kind}
            place = {"type": miss.type, "start": miss.start, "end": miss.end, "text": sentence.text}
            by_kind.setdefault(sentence.kind, []).append({**row, **place})
    turns = max(map(len, by_kind.values()), default=0)
    rows = [kind[turn] for turn in range(turns) for kind in by_kind.values() if turn < len(kind)]
    return rows[:count]


def _line(miss: dict[str, Any]) -> str:
    from umi_shared.screen.text import visible

    text, start, end = miss["text"], miss["start"], miss["end"]
    marked = visible(f"{text[:start]}[{text[start:end]}]{text[end:]}").replace("\n", "⏎")
    return f"{miss['what']:<8}{visible(miss['language']):<4}{visible(miss['class']):<20}{miss['type']:<16}{marked}"


def _show(result: "list[Figures]", sentences: "Sequence[Sentence]") -> None:
    from rich.console import Console
    from rich.markup import escape

    from umi_shared.screen.text import visible

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200, no_color=True)
    console.print(
        f"{len(sentences):,} sentences, {sum(len(one.spans) for one in sentences):,} labelled spans"
    )
    _table(console, "goals", [one.groups for one in result], result)
    _table(console, "classes", [one.classes for one in result], result)
    _table(console, "languages", [one.languages for one in result], result)
    for one in result:
        console.print(f"\n{one.detector}: of all finds {one.precision} touch something private")
        for clean in one.clean:
            console.print(
                f"  {escape(visible(clean.name))}: {clean.in_a_hundred:.2f} false finds in 100 sentences "
                f"(sentences with one: {clean.touched})"
            )


def _table(
    console: "Console", title: str, columns: "Sequence[Sequence[Figure]]", result: "Sequence[Figures]"
) -> None:
    from rich.markup import escape
    from rich.table import Table

    from umi_shared.screen.text import visible

    table = Table(box=None, title=title, title_justify="left")
    table.add_column("")
    table.add_column("spans", justify="right")
    for name in ("found %", "partial", "type %", "precise %"):
        table.add_column(name, justify="right")
    for one in result[1:]:
        table.add_column(f"{one.detector}, found %", justify="right")
    for row in zip(*columns, strict=True):
        first, *others = row
        table.add_row(
            escape(visible(first.name)),
            str(first.found.whole),
            _percent(first.found),
            str(first.partial.part),
            f"{100 * first.typed.value:.0f}" if first.typed.whole else "",
            f"{100 * first.precision.value:.0f}" if first.precision and first.precision.whole else "",
            *(_percent(other.found) for other in others),
        )
    console.print(table)


def _percent(share: Any) -> str:
    low, high = share.interval
    return f"{100 * share.value:5.1f} [{100 * low:.0f}, {100 * high:.0f}]"

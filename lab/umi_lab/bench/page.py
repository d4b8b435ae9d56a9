"""The page of all figures: docs/benchmarks/README.md, made of the records beside it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from umi_lab.bench.figure import Figure
from umi_lab.bench.record import Record

__all__ = ["page"]

_HEAD = """# Benchmarks

Made by `make bench`, from the JSON files beside it; not edited by hand. Every figure is a ratio or a difference
within one run, a median of repeats that take turns, with its quartiles. `make bench BENCH_ARGS="--only NAME"` makes
one anew; `--model` takes any GGUF.
"""


def page(records: Sequence[Record], order: Iterable[str], pictures: Path) -> str:
    """The text of the page, in this order of names, with the pictures that the folder has."""
    places = {name: place for place, name in enumerate(order)}
    ordered = sorted(records, key=lambda record: places.get(record.name, len(places)))
    rows = [_row(record, figure) for record in ordered for figure in record.figures if figure.goal]
    table = "\n".join(("| figure | goal | measured | met |", "|---|---|---|---|", *rows))
    parts = [_HEAD, table, *(_section(record, pictures) for record in ordered)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _row(record: Record, figure: Figure) -> str:
    met = "yes" if figure.met else "**no**"
    return f"| [{figure.title}](#{record.name}) | {figure.goal} | {figure.measured} | {met} |"


def _section(record: Record, pictures: Path) -> str:
    lines = [f"## {record.name}", _recipe(record)]
    if (pictures / f"{record.name}.svg").exists():
        lines.append(f"![{record.name}]({record.name}.svg)")
    told = [figure for figure in record.figures if figure.goal is None]
    lines += ["\n".join(f"- {figure.title}: {figure.measured}" for figure in told)] if told else []
    lines += _unmet(record.figures)
    lines += record.notes
    return "\n\n".join(dict.fromkeys(lines))


def _unmet(figures: Iterable[Figure]) -> list[str]:
    """The goals that are not met, and why; a reason that several share is given once."""
    titles: dict[str, list[str]] = {}
    for figure in figures:
        if figure.met is False:
            titles.setdefault(figure.profile, []).append(figure.title)
    return [f"Not met: {'; '.join(named)}. {profile}".strip() for profile, named in titles.items()]


def _recipe(record: Record) -> str:
    recipe, around = record.recipe, record.surroundings
    repeats = " / ".join(dict.fromkeys(str(figure.repeats) for figure in record.figures))
    quiet = "" if around["quiet"] else " **Others were busy: do not believe timings.**"
    quick = (
        " **A quick run: it shows that the measurement works, not how fast anything is.**"
        if recipe["quick"]
        else ""
    )
    return (
        f"`{recipe['command']}` on {recipe['when']} at {recipe['commit']}: {recipe['model']}, adapter "
        f"{recipe['adapter']}, dialect {recipe['dialect']}; n = {repeats}; {recipe['machine']}. It took "
        f"{around['seconds']:.0f} s; load {around['load_before']:.1f} before and {around['load_after']:.1f} after, "
        f"{around['busy_others']} other busy processes took {around['cores_of_others']:.2f} cores.{quiet}{quick}"
    )

"""`report`: figures out of rows, and docs/evaluation.md out of figures."""

import json
from pathlib import Path
from typing import Any

import click

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(name="report")
@click.option(
    "--rows",
    type=_FOLDER,
    default=Path("build/evaluation"),
    show_default=True,
    help="Files that evaluations wrote.",
)
@click.option(
    "--run", "runs", type=_FOLDER, multiple=True, help="A training run's output folder; may be given again."
)
@click.option("--docs", type=_FOLDER, default=Path("docs"), show_default=True, help="Where the page goes.")
def command(rows: Path, runs: tuple[Path, ...], docs: Path) -> None:
    """Make every table and plot of docs/evaluation.md again.

    Figures of the rows that are here replace those in docs/evaluation/*.json of the same name; the others stay, and
    the page is written from all of them. Run `make evaluation` to make the rows first.
    """
    from umi_lab.report.curves import can_draw, draw_curve
    from umi_lab.report.figures import collected
    from umi_lab.report.learning import draw_learning, learning_points
    from umi_lab.report.page import page
    from umi_shared.durable_file import write_durably

    folder = docs / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    for name, figures in collected(rows, {run.name: run for run in runs}):
        text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
        write_durably(folder / f"{name}.json", text.encode(), private=False)
        click.echo(f"{folder / name}.json", err=True)
    known: dict[str, Any] = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    }
    trained = {name: one for name, one in known.items() if one.get("kind") == "training"}
    points = learning_points(known)
    if (trained or points) and not can_draw():
        click.echo(
            "pictures stay as they are: they need matplotlib (pip install 'umi-runtime[evaluation]')",
            err=True,
        )
    for name, figures in trained.items():
        if can_draw():
            draw_curve(figures, folder / f"{name}.svg")
    if points and can_draw():
        draw_learning(points, folder / "learning.svg")
    pictures = {
        name: f"evaluation/{name}.svg" for name in (*trained, "learning") if (folder / f"{name}.svg").exists()
    }
    write_durably(docs / "evaluation.md", page(known, pictures).encode(), private=False)
    click.echo(f"{docs / 'evaluation.md'}", err=True)

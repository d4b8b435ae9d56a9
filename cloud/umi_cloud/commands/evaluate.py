"""`umi-cloud evaluate`: scores."""

import json
from dataclasses import asdict
from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LABELS = {
    "plan_em": "Plan ACC",
    "action_em": "Act EM",
    "hallu_rate": "Hallu",
    "f1": "Arg F1",
    "easy_f1": "Arg F1, no arguments",
    "hard_f1": "Arg F1, arguments",
    "rouge": "R-L",
}


@click.group(name="evaluate")
def command() -> None:
    """Score predictions, as the paper does."""


@command.command()
@click.option(
    "--data",
    type=_FILE,
    required=True,
    help="Rows of tools, reference and predictions; or conversations, whose steps are then the references.",
)
@click.option("--predictions", type=_FILE, help="Rows of predictions for the steps of --data, in order.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object of fractions, for programs.")
def static(data: Path, predictions: Path | None, *, as_json: bool) -> None:
    """Score each step against its reference, as α-UMi's scorer does.

    Plan accuracy, action exact match, hallucination, argument F1 and ROUGE-L.
    """
    from umi_cloud.evaluation import read_predictions, static_metrics

    rows = read_predictions(data, predictions)
    metrics = asdict(static_metrics(rows))
    if as_json:
        click.echo(json.dumps(metrics))
        return
    click.echo(f"{'Steps':<22}{len(rows):6}")
    for name, label in _LABELS.items():
        click.echo(f"{label:<22}{100 * metrics[name]:6.2f} %")

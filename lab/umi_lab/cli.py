"""The laboratory's commands: `python -m umi_lab`."""

import sys
from typing import NoReturn

import click

from umi_shared.lazy_group import LazyGroup, run

__all__ = ["main"]

SUMMARIES = {
    "episodes": "Write synthetic episodes: the real tools on made-up homes.",
    "data": "Make the training data of a recipe.",
    "closed-loop": "Run whole sessions with real models on unseen homes, and count.",
    "natural": "Play requests as people write them, on homes as people have them, and count.",
    "kinds": "Measure how well the device tells what a request asks for.",
    "reading": "Put questions to the reader of private texts, and count.",
    "cost": "Measure what the split agent costs beside a single model.",
    "compare": "Say whether a new set of adapters is better than the recorded one.",
    "ablation": "Compare the paper's ways of training at equal budgets.",
    "report": "Make the tables and plots of docs/evaluation.md again.",
    "bench": "Measure umi beside its peers.",
    "fleet": "Measure servers over one registry with thousands of laptops.",
    "soak": "Play sessions for a long time, and watch the memory.",
    "chaos": "Play sessions while processes, links, clocks and disks fail.",
    "detectors": "Score the privacy detectors on labelled sentences.",
    "attack": "Let a hostile planner search for a way by which a value that stays gets out.",
    "agentdojo": "Run AgentDojo's tasks and attacks through umi, by their ground truth.",
}


@click.group(
    cls=LazyGroup,
    package="umi_lab.commands",
    summaries=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def umi_lab() -> None:
    """Make training episodes, and measure planner, caller and summarizer together."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Entry point."""
    run(umi_lab, "umi-lab", argv if argv is not None else sys.argv[1:])

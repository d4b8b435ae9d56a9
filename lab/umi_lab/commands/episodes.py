"""`episodes`: training data."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from umi_lab.synthesis.switches import Switch

C = TypeVar("C", bound=Callable[..., Any])


def _share(name: str, default: float, help_: str) -> Callable[[C], C]:
    return click.option(name, type=click.FloatRange(0, 1), default=default, show_default=True, help=help_)


@click.command(name="episodes")
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="The same seed gives the same episodes, but for random ids of events.",
)
@click.option("--count", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--held-out", is_flag=True, help="Draw from the words and phrases that training never sees.")
@click.option(
    "--until",
    metavar="SWITCH",
    help=f"Vary this, and all that was added before it: {', '.join(Switch)}.  [default: nothing]",
)
@click.option("--switch", "switches", multiple=True, metavar="SWITCH", help="Vary this, too.")
@_share("--broken", 0.24, "How often a tool that the task needs fails.")
@_share("--toy-tools", 0.12, "How often the request is for something that no built-in tool does.")
@_share(
    "--served",
    0.6,
    "How often such a request is for a tool of the catalogue, where it has other tools than the built-in ones.",
)
@_share("--own-names", 0.5, "The share of catalogues that are the built-in one under its own names.")
@_share("--missing", 0.12, "How often a catalogue under other names lacks a tool that is needed.")
@_share("--policies", 0.0, "How often the policy is not the default one, but keeps less, or nothing.")
@_share("--everyday", 0.5, "With `everyday`, how often a request is of the families that came with it.")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def command(
    seed: int,
    count: int,
    out: Path,
    until: str | None,
    switches: tuple[str, ...],
    *,
    held_out: bool,
    **scenarios: Any,
) -> None:
    """Write synthetic episodes to OUT, one JSON object a line.

    Each is a session of the real runtime on a made-up home, in which an oracle planned, called and answered.
    """
    from umi_cloud.episodes import write_episodes
    from umi_lab.synthesis.generator import generate
    from umi_lab.synthesis.scenario import ScenarioConfig
    from umi_lab.training_data.data_section import switches_of

    config = ScenarioConfig(held_out_families=held_out, switches=switches_of(until, switches), **scenarios)
    stream = generate(seed, held_out=held_out, config=config)
    with click.progressbar(itertools.islice(stream, count), length=count, label="episodes") as made:
        write_episodes(out, (episode for _, episode in made))

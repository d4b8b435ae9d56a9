"""`data`: a recipe's training data."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_lab.training_data.data_section import DataSection, Made, Mixed


@click.command(name="data", short_help="Make the training data of a recipe.")
@click.argument("recipe", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Make this file only, and what it is mixed of; may be given several times.",
)
def command(recipe: Path, only: tuple[str, ...]) -> None:
    """Make the files of episodes that the `data` section of RECIPE names.

    What is there already is left as it is. The same recipe makes the same episodes, but for random ids of events.
    """
    from umi_cloud.glpft.recipe import read_recipe
    from umi_lab.training_data.data_section import data_section

    read = read_recipe(recipe)
    section = data_section(read.data)
    folder = read.episodes.parent
    folder.mkdir(parents=True, exist_ok=True)
    for name in only or (*section.made, *section.mixed):
        _make(section, name, folder)


def _make(section: "DataSection", name: str, folder: Path) -> None:
    """Make a file that is not there, and before it those that it is mixed of."""
    from umi_shared.errors import ConfigError

    if (folder / f"{name}.jsonl").exists():
        return
    if name in section.made:
        _generate(section.made[name], folder / f"{name}.jsonl", name)
    elif name in section.mixed:
        for part in section.mixed[name].of:
            _make(section, part.name, folder)
        _mix(section.mixed[name], folder / f"{name}.jsonl", folder)
    else:
        raise ConfigError(f"the recipe makes no {name}", fix=", ".join((*section.made, *section.mixed)))


def _generate(made: "Made", path: Path, name: str) -> None:
    from umi_cloud.episodes import Episode, write_episodes
    from umi_lab.synthesis.generator import generate

    stream = generate(made.seed, held_out=False, config=made.config)
    with click.progressbar(itertools.islice(stream, made.count), length=made.count, label=name) as shown:

        def episodes() -> Iterator[Episode]:
            yield from (episode for _, episode in shown)

        write_episodes(path, episodes())


def _mix(mixed: "Mixed", path: Path, folder: Path) -> None:
    lines = [
        line
        for part in mixed.of
        for line in (folder / f"{part.name}.jsonl").read_text(encoding="utf-8").splitlines()[: part.first]
    ]
    path.write_text("".join(f"{line}\n" for line in mixed.mix(lines)), encoding="utf-8")

"""`compare`: a new set of adapters against the recorded evaluation of the old."""

from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="compare")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
def command(old: Path, new: Path) -> int:
    """Say whether the set of adapters whose outcomes are in NEW is better than the one of OLD.

    Both are files that `closed-loop --out` wrote for the same scenarios. Exit code 0 where NEW is better, else 1.
    """
    from umi_lab.closed_loop.comparison import changes, is_better, read_outcomes

    found = changes(read_outcomes(old), read_outcomes(new))
    for name, change in found.items():
        low, high = (100 * end for end in change.interval)
        click.echo(
            f"{name:<28}{100 * change.old:6.1f} % → {100 * change.new:5.1f} %   difference {low:+.1f} to {high:+.1f}"
        )
    better = is_better(found)
    click.echo("better" if better else "not better beyond chance: keep the old set")
    return 0 if better else 1

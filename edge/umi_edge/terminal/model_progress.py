"""Fetching a model with a progress bar."""

from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from umi_shared.models import ModelStore
from umi_shared.screen.console import Screen

__all__ = ["pull_with_progress"]


def pull_with_progress(console: Screen, store: ModelStore, spec: str) -> Path:
    """Fetch a model, showing how far it is; silent when it is here already."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(f"fetching {spec}", total=None)
        return store.pull(spec, lambda done, size: progress.update(task, completed=done, total=size))

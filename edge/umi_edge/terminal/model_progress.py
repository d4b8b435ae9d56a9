"""Fetching a model with a progress bar."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from umi_shared.models import ModelStore

__all__ = ["pull_with_progress"]


def pull_with_progress(console: Console, store: ModelStore, spec: str) -> Path:
    """Fetch a model, showing how far it is; silent when it is here already."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(f"fetching {spec}", total=None)
        return store.pull(spec, lambda done, size: progress.update(task, completed=done, total=size))

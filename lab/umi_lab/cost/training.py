"""What training took, out of a run's own progress files."""

import json
from pathlib import Path
from typing import Any

__all__ = ["training"]

_POINTS = 200
"""How many points a learning curve has at most."""


def training(run: Path) -> list[dict[str, Any]]:
    """The stages of a run (`output` of its recipe) in the order in which they were trained: time, tokens, losses.

    `peak_memory_bytes` is there where the trainer wrote it. A stage that has written nothing yet is left out.
    """
    files = sorted(run.glob("*/progress.jsonl"), key=lambda path: path.stat().st_mtime)
    stages = ((path.parent.name, list(_reports(path))) for path in files)
    return [_stage(name, reports) for name, reports in stages if reports]


def _reports(path: Path) -> Any:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # torn off by a crash


def _stage(name: str, reports: list[dict[str, Any]]) -> dict[str, Any]:
    last = reports[-1]
    step = -(-len(reports) // _POINTS)
    memory = [report["peak_memory_bytes"] for report in reports if report.get("peak_memory_bytes")]
    return {
        "stage": name,
        "minutes": round(last["seconds"] / 60, 1),
        "tokens": last["tokens"],
        "targets": last["targets"],
        "tokens per second": round(last["tokens"] / last["seconds"], 1) if last["seconds"] else 0.0,
        **({"peak_memory_bytes": max(memory)} if memory else {}),
        "curve": [[report["tokens"], report["losses"]] for report in [*reports[:-1:step], last]],
    }

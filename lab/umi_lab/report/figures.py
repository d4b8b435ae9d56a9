"""Figures of runs: what `docs/evaluation/*.json` hold, each with what was run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from umi_cloud.evaluation.interval import Share
from umi_cloud.evaluation.predictor import predictions_of, rows_in_order
from umi_cloud.evaluation.run_file import RunFile
from umi_cloud.evaluation.static import static_metrics
from umi_lab.closed_loop.figures import means, privacy_tax, sessions, stepwise
from umi_lab.cost.inference import inference
from umi_lab.cost.training import training
from umi_lab.natural.figures import shares

__all__ = ["Figures", "collected", "of_kind"]

Figures = dict[str, Any]


def collected(rows: Path, runs: Mapping[str, Path]) -> Iterator[tuple[str, Figures]]:
    """The figures of each file of rows, of each pair of runs with handles and in clear, and of each training run.

    They are named after the files. Raises `ConfigError` for a file that no evaluation wrote.
    """
    files = {path.stem: RunFile.read(path) for path in sorted(rows.glob("*.jsonl"))}
    for name, file in files.items():
        if (figures := _figures(file)) is not None:
            yield name, figures
    for name, clear, handles in _pairs(files):
        yield f"{name}-tax", _tax(handles, clear)
    for name, folder in runs.items():
        if stages := training(folder):
            yield f"training-{name}", {"kind": "training", "run": {"recipe": name}, "stages": stages}


def _figures(file: RunFile) -> Figures | None:
    rows = [row for row in file.rows if not row.get("left_out")]
    if not rows:
        return None
    head: Figures = {"kind": file.header.kind, "run": asdict(file.header)}
    match file.header.kind:
        case "closed-loop":
            learning = {"kind": "learning"} if "trained_tokens" in file.header.options else {}
            return {
                **head,
                **learning,
                "sessions": len(rows),
                "shares": _json(sessions(rows)),
                "means": _rounded(means(rows)),
            }
        case "natural":
            return {**head, "requests": len(rows), "shares": _json(shares(rows))}
        case "steps":
            numbers = {row["number"] for row in rows}
            return {**head, "sessions": len(numbers), "shares": _json(stepwise(rows))}
        case "static":
            rows = rows_in_order(rows)
            return {
                **head,
                "conversations": len({row["conversation"] for row in rows}),
                "steps": len(rows),
                "cut": sum(bool(row["cut"]) for row in rows),
                "unanswered": sum(bool(row["unanswered"]) for row in rows),
                "metrics": _rounded(asdict(static_metrics(predictions_of(rows)))),
            }
        case "cost":
            return {**head, "inference": inference(rows)}
        case _:
            return None


def _pairs(files: Mapping[str, RunFile]) -> Iterator[tuple[str, RunFile, RunFile]]:
    """Each run in clear with the run that differs in nothing else; the name is that of the run in clear."""
    for name, clear in files.items():
        if clear.header.kind == "closed-loop" and clear.header.options.get("in_clear"):
            like = replace(clear.header, options={**clear.header.options, "in_clear": False})
            for other in files.values():
                if other.header.same_run(like):
                    yield name, clear, other


def _tax(handles: RunFile, clear: RunFile) -> Figures:
    kept = {row["number"]: row for row in handles.rows if not row.get("left_out")}
    open_ = {row["number"]: row for row in clear.rows if not row.get("left_out")}
    both = sorted(kept.keys() & open_.keys())
    won = [(bool(kept[number]["success"]), bool(open_[number]["success"])) for number in both]
    shares = privacy_tax(kept.values(), open_.values())
    return {
        "kind": "privacy-tax",
        "run": asdict(handles.header),
        "command in clear": clear.header.command,
        "sessions": len(both),
        "right with handles only": won.count((True, False)),
        "right in clear only": won.count((False, True)),
        "shares": {name: [one.as_json() for one in pair] for name, pair in shares.items()},
        "means": [_rounded(means([rows[number] for number in both])) for rows in (kept, open_)],
    }


def _json(shares: Mapping[str, Share]) -> dict[str, Any]:
    return {name: share.as_json() for name, share in shares.items()}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def of_kind(all_figures: Mapping[str, Figures], kind: str) -> Sequence[tuple[str, Figures]]:
    """The figures of one kind, each with its name."""
    return [(name, figures) for name, figures in sorted(all_figures.items()) if figures.get("kind") == kind]

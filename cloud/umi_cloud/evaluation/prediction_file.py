"""Files of predictions, in the shape of α-UMi's: rows of tools, reference and predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_cloud.episodes import Episode, read_episodes
from umi_cloud.episodes.alpha_umi_rows import decisions
from umi_cloud.episodes.episode_file import read_rows
from umi_shared.dialects.alpha_umi import AlphaUmiDialect, Remark, Turn
from umi_shared.errors import ConfigError
from umi_shared.transcript import Answer, Call, Next, Plan

__all__ = ["Prediction", "has_predictions", "read_predictions", "step_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What was written for one step, and what should have been."""

    tools: frozenset[str]
    """Names of the tools that the step could call."""
    reference: str = field(repr=False)
    prediction: str = field(repr=False)


def read_predictions(data: Path, predictions: Path | None = None) -> list[Prediction]:
    """The predictions of `data`, or those of `predictions` for the references in `data`.

    `data` holds prediction rows, or conversations (α-UMi's files or umi's episodes), whose decisions are then the
    references, in order. Raises `ConfigError`, which names the file and the row.
    """
    if has_predictions(data):
        rows = read_rows(data)
        tools = [_tools(data, number, row) for number, row in enumerate(rows, start=1)]
        references = _column(data, rows, "reference")
        written = _column(data, rows, "predictions") if predictions is None else []
    else:
        steps = [step for episode in read_episodes(data) for step in _references(episode)]
        tools, references = [names for names, _ in steps], [reference for _, reference in steps]
        written = []
        if predictions is None:
            raise ConfigError(f"{data} holds no predictions", fix="give them with --predictions FILE")
    if predictions is not None:
        written = _matching(predictions, references)
    if not references:
        raise ConfigError(f"{data} holds no step to score", fix="give a file with at least one row")
    return [
        Prediction(tools=names, reference=reference, prediction=prediction)
        for names, reference, prediction in zip(tools, references, written, strict=True)
    ]


def has_predictions(path: Path) -> bool:
    """Whether a file's first row has a reference; conversations have none."""
    try:
        rows = read_rows(path)
    except ConfigError:
        return False  # lines of umi's episodes, or a file whose reader explains it better
    return bool(rows) and "reference" in rows[0]


def _references(episode: Episode) -> Iterator[tuple[frozenset[str], str]]:
    """The steps of a conversation, as the paper's inference writes them into a prediction file."""
    names = frozenset(card.name for card in episode.catalogue)
    for _, plan, then in decisions(episode):
        if text := step_text(plan, then):
            yield names, text


def step_text(plan: Plan | Remark | None, then: Turn | None) -> str:
    r"""A step as a prediction file writes it; empty where nothing was decided.

    >>> step_text(Plan(("I look.",), Next.CALLER), Call("weather", ("{}",)))
    'assistant: I look. Next: caller.</s>caller: Action: weather\nAction Input: {}</s>'
    """
    dialect = AlphaUmiDialect()
    match plan, then:
        case Plan(next=Next.GIVE_UP), _:
            return dialect.written(plan)
        case Plan(), Call() | Answer():
            role = "caller" if isinstance(then, Call) else "conclusion"
            return f"assistant: {dialect.written(plan)}</s>{role}: {dialect.written(then)}</s>"
        case Plan(), None:
            return f"assistant: {dialect.written(plan)}</s>"
        case _:
            return ""


def _matching(path: Path, references: Sequence[str]) -> list[str]:
    """The predictions of a file, which must be about the same steps in the same order."""
    rows = read_rows(path)
    if len(rows) != len(references):
        raise ConfigError(
            f"{path} has {len(rows)} rows for {len(references)} steps",
            fix="give one row for each step, in order",
        )
    for number, (row, reference) in enumerate(zip(rows, references, strict=True), start=1):
        if row.get("reference", reference) != reference:
            raise ConfigError(
                f"{path}: row {number} is about another step", fix="give the data it was made from"
            )
    return _column(path, rows, "predictions")


def _column(path: Path, rows: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row.get(key), str):
            raise ConfigError(f"{path}: row {number} has no text {key!r}", fix=f"give every row its {key}")
    return [row[key] for row in rows]


def _tools(path: Path, number: int, row: Mapping[str, Any]) -> frozenset[str]:
    try:
        return frozenset(str(tool["Name"]) for tool in row["tools"])
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: row {number} has no tools with names", fix="give every row its tools"
        ) from error

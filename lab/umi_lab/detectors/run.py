"""The run: sentences through umi's detectors and, where it is there, through Presidio."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umi_cloud.evaluation.interval import Share
from umi_lab.detectors.corpus import Half, Sentence
from umi_lab.detectors.device import Device
from umi_lab.detectors.score import (
    CleanFigure,
    Figure,
    Found,
    Scored,
    by_class,
    by_group,
    by_language,
    in_clean,
    precision,
    score,
)
from umi_lab.locality_cost.measurement import presidio

__all__ = ["Figures", "chosen", "figures", "score_presidio", "score_umi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one detector."""

    detector: str
    groups: list[Figure]
    classes: list[Figure]
    languages: list[Figure]
    clean: list[CleanFigure]
    """False finds: in all clean sentences, then by class."""
    precision: Share
    """The share of all finds that touch something private."""

    def as_json(self) -> dict[str, Any]:
        """For files of figures."""
        return {
            "detector": self.detector,
            "groups": [figure.as_json() for figure in self.groups],
            "classes": [figure.as_json() for figure in self.classes],
            "languages": [figure.as_json() for figure in self.languages],
            "clean": [figure.as_json() for figure in self.clean],
            "precision": self.precision.as_json(),
        }


def chosen(sentences: Sequence[Sentence], split: str) -> list[Sentence]:
    """The sentences of one half, or all of them; those that no half has are in both."""
    return [one for one in sentences if split == "all" or one.half in (None, Half(split))]


def score_umi(sentences: Sequence[Sentence], device: Device) -> list[Scored]:
    """What umi's detectors make of each sentence."""
    return [score(sentence, device.find(sentence)) for sentence in sentences]


async def score_presidio(
    sentences: Sequence[Sentence], python: Path, tell: Callable[[], None] = lambda: None
) -> dict[str, list[Scored]]:
    """Presidio on each sentence, by the name of its pipeline. Raises `ConfigError` where that Python has none.

    It works in English, with whichever of its pipelines are there, and without the address book.
    """
    scored: dict[str, list[Scored]] = {}
    async with presidio(python) as peer:
        for sentence in sentences:
            answer = await peer.ask({"text": sentence.text})
            for name, spans in answer["spans"].items():
                found = [Found(*span) for span in spans]
                scored.setdefault(name, []).append(score(sentence, found))
            tell()
    return scored


def figures(detector: str, scored: Sequence[Scored]) -> Figures:
    """What one detector did."""
    return Figures(
        detector=detector,
        groups=by_group(scored),
        classes=by_class(scored),
        languages=by_language(scored),
        clean=in_clean(scored),
        precision=precision(scored),
    )

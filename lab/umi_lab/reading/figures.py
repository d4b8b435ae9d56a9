"""The figures of a trial: right, wrong and not found, by the length of the text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from umi_cloud.evaluation.interval import Share
from umi_lab.reading.question_file import SHORT
from umi_lab.reading.trial import Result

__all__ = ["Figures", "figures_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The shares of one group of questions."""

    name: str
    right: Share
    """Right answers, and none where the text does not say."""
    wrong: Share
    not_found: Share
    """Nothing was answered although the text says it."""
    answerable: Share
    """Right answers, of the questions that the text answers."""
    words: float
    """How long an answer is."""

    def as_json(self) -> dict[str, Any]:
        """For files of figures."""
        shares = {
            name: getattr(self, name).as_json() for name in ("right", "wrong", "not_found", "answerable")
        }
        return {"name": self.name, **shares, "words": round(self.words, 1)}


def figures_of(results: Sequence[Result]) -> list[Figures]:
    """Short texts, long texts, and all of them."""
    groups = {
        f"up to {SHORT} words": [one for one in results if one.text.words <= SHORT],
        f"over {SHORT} words": [one for one in results if one.text.words > SHORT],
        "all": list(results),
    }
    return [_figures(name, group) for name, group in groups.items()]


def _figures(name: str, results: Sequence[Result]) -> Figures:
    answerable = [one for one in results if one.question.answers]
    given = [len(one.answer.split()) for one in results if one.found]
    return Figures(
        name=name,
        right=Share(sum(one.right for one in results), len(results)),
        wrong=Share(sum(one.wrong for one in results), len(results)),
        not_found=Share(sum(not one.right and not one.wrong for one in results), len(results)),
        answerable=Share(sum(one.right for one in answerable), len(answerable)),
        words=sum(given) / len(given) if given else 0.0,
    )

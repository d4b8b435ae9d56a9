"""The score: what of the labelled spans was found, and what was found that nobody labelled."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from umi_cloud.evaluation.interval import Share
from umi_lab.detectors.corpus import LabelledSpan, Sentence

__all__ = [
    "GROUPS",
    "CleanFigure",
    "Figure",
    "Found",
    "Miss",
    "Scored",
    "Verdict",
    "by_class",
    "by_group",
    "by_language",
    "group_of",
    "in_clean",
    "misses",
    "precision",
    "score",
]

_DETECTED = frozenset(
    ("email", "phone", "iban", "card", "api_key", "url_with_userinfo", "date_of_birth", "home_path", "ip")
)
"""The types that a detector of the default policy named when the corpus was made; figures stay comparable by it."""
_NAMES = frozenset(("person", "company"))
_TO_THE_LETTER = frozenset(("secret", "api_key", "url_with_userinfo", "email", "home_path"))
"""Types in which punctuation is part of the value."""
KNOWN, TYPED, OTHER, UNKNOWN = (
    "names the device has",
    "typed values",
    "other kinds",
    "names it does not have",
)
GROUPS = (KNOWN, TYPED, OTHER, UNKNOWN)
"""What goals are set for; the last is what no list can know."""


@dataclass(frozen=True, slots=True)
class Found:
    """A span that a detector found."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one labelled span."""

    span: LabelledSpan
    found: bool
    """Whether all of it was covered: every character but white space and, where it means nothing, punctuation."""
    partial: bool
    """Whether some of it was covered, and some not."""
    typed: bool
    """Whether it was found, and by a span of its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sentence with what detectors made of it."""

    sentence: Sentence
    verdicts: tuple[Verdict, ...]
    findings: int
    """How many spans were found."""
    false: tuple[Found, ...]
    """Those of them that touch nothing labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Recall and precision over some of the sentences."""

    name: str
    found: Share
    partial: Share
    typed: Share
    """The share of found spans whose type is right."""
    precision: Share | None
    """The share of finds in these sentences that touch something private.

    None where spans of several kinds share sentences.
    """

    def as_json(self) -> dict[str, Any]:
        """For files of figures."""
        shares = {"found": self.found, "partial": self.partial, "typed": self.typed}
        return {
            "name": self.name,
            **{name: share.as_json() for name, share in shares.items()},
            "precision": self.precision.as_json() if self.precision else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanFigure:
    """False finds in sentences in which nothing is private."""

    name: str
    finds: int
    touched: Share
    """The sentences with at least one."""

    @property
    def in_a_hundred(self) -> float:
        """False finds in 100 clean sentences."""
        return 100 * self.finds / self.touched.whole if self.touched.whole else 0.0

    def as_json(self) -> dict[str, Any]:
        """For files of figures."""
        return {
            "name": self.name,
            "finds": self.finds,
            "in_a_hundred": round(self.in_a_hundred, 2),
            "touched": self.touched.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A labelled span that was not all found, or something found that is not private."""

    sentence: Sentence
    start: int
    end: int
    type: str
    what: str
    """`missed`, `partial` or `false`."""


def score(sentence: Sentence, found: Sequence[Found]) -> Scored:
    """Compare what was found in a sentence with its labels.

    >>> call = Sentence(text="call Ann Lee", spans=(LabelledSpan(start=5, end=12, type="person"),))
    >>> score(call, [Found(5, 8, "person"), Found(9, 12, "person")]).verdicts[0].found
    True
    >>> score(call, [Found(0, 4, "person")]).false
    (Found(start=0, end=4, type='person'),)
    """
    covered = {place for one in found for place in range(one.start, one.end)}
    return Scored(
        sentence=sentence,
        verdicts=tuple(_verdict(sentence.text, span, found, covered) for span in sentence.spans),
        findings=len(found),
        false=tuple(one for one in found if not any(_touch(one, span) for span in sentence.spans)),
    )


def _touch(found: Found, span: LabelledSpan) -> bool:
    return found.start < span.end and span.start < found.end


def _verdict(text: str, span: LabelledSpan, found: Sequence[Found], covered: set[int]) -> Verdict:
    whole = {place for place in range(span.start, span.end) if _counts(text[place], span.type)}
    whole = whole or set(range(span.start, span.end))
    all_of_it = whole <= covered
    typed = all_of_it and any(one.type == span.type and _touch(one, span) for one in found)
    return Verdict(span, all_of_it, bool(whole & covered) and not all_of_it, typed)


def _counts(character: str, kind: str) -> bool:
    if character.isspace():
        return False
    return kind in _TO_THE_LETTER or unicodedata.category(character)[0] not in "ZPSC"


def group_of(span: LabelledSpan) -> str:
    """Which goal a span counts for."""
    if span.known:
        return KNOWN
    if span.type in _NAMES:
        return UNKNOWN
    return TYPED if span.type in _DETECTED else OTHER


def by_group(scored: Iterable[Scored]) -> list[Figure]:
    """A figure for each goal."""
    verdicts: dict[str, list[Verdict]] = {group: [] for group in GROUPS}
    for one in scored:
        for verdict in one.verdicts:
            verdicts[group_of(verdict.span)].append(verdict)
    return [_figure(name, those) for name, those in verdicts.items() if those]


def by_class(scored: Iterable[Scored]) -> list[Figure]:
    """A figure for each class of sentence that has private spans."""
    return _by(scored, lambda sentence: sentence.kind)


def by_language(scored: Iterable[Scored]) -> list[Figure]:
    """A figure for each language; its precision counts the finds in clean sentences, too."""
    return _by(scored, lambda sentence: sentence.language)


def in_clean(scored: Iterable[Scored]) -> list[CleanFigure]:
    """The false finds where nothing is private: in all such sentences, and by their classes where there are more."""
    clean = [one for one in scored if not one.verdicts]
    classes = sorted({one.sentence.kind for one in clean})
    parts = [
        _clean(name, [one for one in clean if one.sentence.kind == name])
        for name in (classes if len(classes) > 1 else ())
    ]
    return [_clean("all clean sentences", clean), *parts]


def _clean(name: str, those: Sequence[Scored]) -> CleanFigure:
    finds = [len(one.false) for one in those]
    return CleanFigure(name=name, finds=sum(finds), touched=Share(sum(map(bool, finds)), len(those)))


def precision(scored: Iterable[Scored]) -> Share:
    """The share of all finds that touch something private."""
    findings = false = 0
    for one in scored:
        findings += one.findings
        false += len(one.false)
    return Share(findings - false, findings)


def misses(scored: Iterable[Scored]) -> Iterator[Miss]:
    """What to look at: what was not all found, but for names that no list can know, and what is not private."""
    for one in scored:
        for verdict in one.verdicts:
            span = verdict.span
            if not verdict.found and group_of(span) != UNKNOWN:
                what = "partial" if verdict.partial else "missed"
                yield Miss(sentence=one.sentence, start=span.start, end=span.end, type=span.type, what=what)
        for found in one.false:
            yield Miss(sentence=one.sentence, start=found.start, end=found.end, type=found.type, what="false")


def _by(scored: Iterable[Scored], name_of: Callable[[Sentence], str]) -> list[Figure]:
    sorted_out: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        sorted_out[name_of(one.sentence)].append(one)
    figures = []
    for name, those in sorted(sorted_out.items()):
        verdicts = [verdict for one in those for verdict in one.verdicts]
        if verdicts:
            figures.append(_figure(name or "(none said)", verdicts, precision(those)))
    return figures


def _figure(name: str, verdicts: Sequence[Verdict], right: Share | None = None) -> Figure:
    found = sum(one.found for one in verdicts)
    return Figure(
        name=name,
        found=Share(found, len(verdicts)),
        partial=Share(sum(one.partial for one in verdicts), len(verdicts)),
        typed=Share(sum(one.typed for one in verdicts), found),
        precision=right,
    )

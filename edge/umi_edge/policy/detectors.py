"""Finding private spans in free text: built-in patterns, the policy's own, and lists of any length.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from umi_edge.policy.alphabet import reduced
from umi_edge.policy.detector import Detector, DetectorKind, Incomplete
from umi_edge.policy.document import Policy
from umi_edge.policy.listed_value import forms
from umi_edge.policy.names import is_prefixed, stands_alone
from umi_edge.policy.paths import Location, Path
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.policy.person_names import NameFinder
from umi_edge.policy.projection import Projection, project, projected
from umi_edge.policy.regexes import compile_regex
from umi_edge.policy.span_finder import finder_of, spans_found
from umi_shared.errors import PrivacyError

__all__ = ["GazetteerSource", "Scanner", "Detection", "gazetteer_sources"]

MAX_VALUES = 1_000_000
"""Values that one gazetteer may hold."""
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Detection:
    """A private span of a text: offsets in the original, the type of its handle, and the rule that found it."""

    start: int
    end: int
    type: str
    rule_id: str
    show: str | None = None
    """The fact that the detector lets out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GazetteerSource:
    """A list that a policy wants from one of the user's tools, before anything is scanned."""

    rule_id: str
    """The key under which `Scanner` wants the values."""
    type: str
    tool: str
    path: Path
    incomplete: bool = False
    """Whether the detector may do with a part of the list."""

    def values(self, result: Any) -> tuple[str, ...]:
        """The texts that the path selects in the tool's result, those of lists of texts, and numbers as texts.

        Raises `PrivacyError` when it takes too long.
        """
        found = (value for value in self.selected(result) if isinstance(value, str | int | float))
        return tuple(value if isinstance(value, str) else json.dumps(value) for value in found)

    def selected(self, result: Any) -> Iterator[Any]:
        """All that the path selects, and what is in the lists among it. Raises `PrivacyError` as `values` does."""
        for location in self.path.locations(result):
            one = _at(result, location)
            yield from one if isinstance(one, list) else [one]


def gazetteer_sources(policy: Policy) -> tuple[GazetteerSource, ...]:
    """The lists that must be loaded before the policy's `Scanner` can be made."""
    return tuple(
        GazetteerSource(
            rule_id=detector.rule_id,
            type=detector.type,
            tool=detector.tool,
            path=detector.path,
            incomplete=detector.incomplete is Incomplete.ALLOW,
        )
        for detector in policy.detect
        if detector.kind is DetectorKind.VALUES_FROM and detector.path is not None
    )


class Scanner:
    """Finds what the detectors of a policy describe; linear in the text, whatever the length of the lists.

    Raises `PrivacyError` where a list that the policy wants is missing or too long, and `PolicyError` where a plug-in
    is: scanning without it would let its values out (I2). Holds private values: its `repr` shows none (I8).

    >>> from umi_edge.policy.loader import builtin_detectors
    >>> [span.type for span in Scanner(builtin_detectors(), {}).scan("write to ann@example.org")]
    ['email']
    """

    def __init__(
        self,
        detect: Iterable[Detector],
        gazetteers: Mapping[str, Iterable[str]] | None = None,
        *,
        never: Collection[str] = (),
    ) -> None:
        self._detectors = tuple(detect)
        self.excepted = {
            one.rule_id: one.listed(gazetteers or {})
            for detector in self._detectors
            for one in detector.excepted
        }
        """The values that the policy excepts, by the rule that does."""
        self._excepted = {
            rank: {text: one.rule_id for one in detector.excepted for text in one.compared(gazetteers or {})}
            for rank, detector in enumerate(self._detectors)
            if detector.excepted
        }
        """By detector: what it is to leave alone, as it is compared, and the rule that says so."""
        firm = [detector for detector in self._detectors if detector.type in never]
        self.never: Scanner | None = Scanner(firm, gazetteers) if firm else None
        """The detectors of types that leave under no rule, for texts that leave unscanned."""
        self._builtin: dict[re.Pattern[str], list[tuple[int, Detector]]] = {}
        """By what a text must have for them to find anything."""
        for rank, detector in enumerate(self._detectors):
            if detector.kind is DetectorKind.BUILTIN:
                needs = BUILTIN_PATTERNS[detector.pattern].needs
                self._builtin.setdefault(needs, []).append((rank, detector))
        self._regexes = {
            rank: (compile_regex(detector.pattern), compile_regex(detector.pattern, ignore_case=True))
            for rank, detector in enumerate(self._detectors)
            if detector.kind is DetectorKind.PATTERN
        }
        self._finders = [
            (rank, detector.rule_id, finder_of(detector))
            for rank, detector in enumerate(self._detectors)
            if detector.kind is DetectorKind.PLUGIN
        ]
        self._ranks: list[list[int]] = []
        """By word: the detectors that list it. Where an exception holds for one, the others find it still."""
        values = [
            (rank, detector, tuple(self._values(detector, gazetteers or {})))
            for rank, detector in enumerate(self._detectors)
        ]
        self._automaton = self._build(values)
        names = [(rank, those) for rank, detector, those in values if detector.parts]
        # A finder tells of one detector for each word, so one that has exceptions must not speak for another.
        apart = [[one] for one in names if one[0] in self._excepted]
        self._names = [
            NameFinder((value, rank) for rank, those in some for value in those)
            for some in ([one for one in names if one[0] not in self._excepted], *apart)
            if some
        ]

    @classmethod
    def of(cls, policy: Policy, gazetteers: Mapping[str, Iterable[str]]) -> "Scanner":
        """The scanner of a policy, given the lists that `gazetteer_sources` names. Raises as the class does."""
        return cls(policy.detect, gazetteers, never=policy.never_types)

    def __repr__(self) -> str:
        return f"Scanner({len(self._detectors)} detectors)"

    def scan(self, text: str) -> tuple[Detection, ...]:
        """The private spans of a text: sorted, not overlapping, and together covering everything found.

        Findings that overlap become one span with the type of the longest; of equally long ones, of the
        detector that the policy lists first. Raises `PrivacyError` where a plug-in fails.
        """
        found = self._found(text) if text else []
        if self._excepted:
            found = [one for one in found if not self._exception(text, one)]
        return tuple(self._merged(found)) if found else ()

    def let_go(self, text: str) -> tuple[Detection, ...]:
        """What the detectors find and the policy excepts, by the exception's rule: sorted, and not overlapping."""
        if not self._excepted or not text:
            return ()
        let_go: list[Detection] = []
        for start, end, rank in sorted(self._found(text)):
            rule = self._exception(text, (start, end, rank))
            if rule and (not let_go or start >= let_go[-1].end):
                let_go.append(Detection(start, end, self._detectors[rank].type, rule))
        return tuple(let_go)

    def _exception(self, text: str, found: tuple[int, int, int]) -> str:
        """The rule that excepts a find; empty where none does."""
        start, end, rank = found
        excepted = self._excepted.get(rank)
        return excepted.get(projected(text[start:end]).strip(), "") if excepted else ""

    def _found(self, text: str) -> list[tuple[int, int, int]]:
        """All finds: where they start and end, and whose they are."""
        view = project(text)
        return [
            *self._by_pattern(text, view),
            *self._by_list(view),
            *(found for names in self._names for found in names.find(text, view)),
            *self._by_plugin(text, view),
        ]

    def _by_pattern(self, text: str, view: Projection) -> Iterator[tuple[int, int, int]]:
        plain = reduced(view.text)
        present = (one for needs, those in self._builtin.items() if needs.search(view.text) for one in those)
        for rank, detector in present:
            pattern = BUILTIN_PATTERNS[detector.pattern]
            for start, end in pattern.find(view.text, plain, detector.regions):
                if not pattern.whole or stands_alone(view.text, start, end):
                    yield (*view.original(start, end), rank)
        for rank, (exact, folded) in self._regexes.items():
            # As written on the text as it is; and, against disguises, without regard to case on its projection.
            for match in exact.finditer(text.encode(errors="replace").decode()):
                if match.end() > match.start():
                    yield match.start(), match.end(), rank
            for match in folded.finditer(view.text):
                if match.end() > match.start():
                    yield (*view.original(match.start(), match.end()), rank)

    def _by_list(self, view: Projection) -> Iterator[tuple[int, int, int]]:
        if self._automaton is None:
            return
        for word, start, end in self._automaton.find_matches_as_indexes(view.text, overlapping=True):
            if stands_alone(view.text, start, end) or is_prefixed(view.text, start, end):
                yield from ((*view.original(start, end), rank) for rank in self._ranks[word])

    def _by_plugin(self, text: str, view: Projection) -> Iterator[tuple[int, int, int]]:
        """As written, because case tells names from words; and, where more than case is in disguise, projected."""
        for rank, rule_id, finder in self._finders:
            for start, end in spans_found(finder, text.encode(errors="replace").decode(), rule_id):
                yield start, end, rank
            if view.text and view.text != text.lower():
                for start, end in spans_found(finder, view.text, rule_id):
                    yield (*view.original(start, end), rank)

    def _merged(self, found: list[tuple[int, int, int]]) -> Iterator[Detection]:
        found.sort(key=lambda item: (item[0], -item[1]))
        start, end, best = found[0][0], found[0][1], found[0]
        for item in found[1:]:
            if item[0] >= end:
                yield self._span(start, end, best)
                start, end, best = item[0], item[1], item
                continue
            end = max(end, item[1])
            if (item[0] - item[1], item[2]) < (best[0] - best[1], best[2]):
                best = item
        yield self._span(start, end, best)

    def _span(self, start: int, end: int, best: tuple[int, int, int]) -> Detection:
        detector = self._detectors[best[2]]
        return Detection(start, end, detector.type, detector.rule_id, detector.show)

    def _build(self, values: Iterable[tuple[int, Detector, tuple[str, ...]]]) -> AhoCorasick | None:
        known: dict[str, int] = {}
        for rank, detector, those in values:
            for word in (form for value in those for form in forms(projected(value).strip())):
                # What somebody is called by one word may be an everyday word: `NameFinder` tells.
                if len(word) < _SHORTEST or (detector.parts and word.isalpha()):
                    continue
                place = known.setdefault(word, len(known))
                if place == len(self._ranks):
                    self._ranks.append([rank])
                elif rank not in self._ranks[place]:
                    self._ranks[place].append(rank)
        if not known:
            return None
        return AhoCorasick(
            known,
            matchkind=MatchKind.Standard,
            store_patterns=False,
            implementation=Implementation.ContiguousNFA,
        )

    @staticmethod
    def _values(detector: Detector, gazetteers: Mapping[str, Iterable[str]]) -> Iterator[str]:
        values: Iterable[str] = detector.values
        if detector.kind is DetectorKind.VALUES_FROM:
            if detector.rule_id not in gazetteers:
                raise PrivacyError(
                    f"the list that {detector.rule_id} wants from the tool {detector.tool} was not loaded",
                    fix="mend that tool, or take the detector out of the policy",
                )
            values = gazetteers[detector.rule_id]
        if detector.kind is DetectorKind.VALUES_FILE:
            if detector.rule_id not in gazetteers:
                raise PrivacyError(
                    f"the list of {detector.rule_id} was not read from its file",
                    fix="mend that file, or take the detector out of the policy",
                )
            values = gazetteers[detector.rule_id]
        for count, value in enumerate(values):
            if count >= MAX_VALUES:
                raise PrivacyError(
                    f"the list of {detector.rule_id} has more than {MAX_VALUES} values",
                    fix="use a shorter list",
                )
            yield value


def _at(value: Any, location: Location) -> Any:
    for key in location:
        value = value[key]
    return value

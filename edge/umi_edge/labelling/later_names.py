"""Later names: what was added to the detectors' lists in the midst of a session, taken out of all that was said before.

The transcript is sent again with every message, so a name that is in a list from now on must not stand in it any more.
What was told stays told; from here on a handle is sent in its place.

Covered: every text in which the detectors look, also where a name and a handle stand side by side; for types that never
leave (`never`) every text that somebody may read, and the facts that are shown of a value; the member names of tools
that are not umi's own. What a model wrote is looked through for what it had been told, in a longer word too, and for
nothing else: a planner could guess at names, and see which of them become handles (ADR 20).

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from umi_edge.labelling.json_text import WITHHELD
from umi_edge.labelling.known_values import MIN_ANYWHERE
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import LabelledCard
from umi_edge.labelling.text import LabelledEntry, LabelledText, Span
from umi_edge.labelling.vault import INSTRUCTION, Origin, Source
from umi_edge.policy import Scanner
from umi_edge.policy.detector import Detector, DetectorKind
from umi_edge.policy.detectors import Detection
from umi_edge.policy.excepted import is_exception
from umi_edge.policy.families import BUILT_IN
from umi_edge.policy.names import stands_alone
from umi_edge.policy.projection import project, projected
from umi_shared.handles import Handle, unescape
from umi_shared.labels import Integrity, Label, Locality
from umi_shared.transcript import Answer, Call, Entry, Instruction, Observation, Plan

__all__ = ["CardWords", "LaterNames", "added_names"]

_Lists = Mapping[str, Sequence[str]]
_LISTED = (DetectorKind.VALUES_FROM, DetectorKind.VALUES_FILE)
_STAYS = Label.at(Locality.HANDLE, Integrity.TRUSTED)
_BY_MODELS = (Plan, Answer, Call)


def added_names(before: _Lists, now: _Lists) -> dict[str, tuple[str, ...]]:
    """What stays and stayed not before, by rule; rules without such names are left out.

    Of a detector it is what its list has now, of exceptions what they had.
    """
    added: dict[str, tuple[str, ...]] = {}
    for rule in before.keys() | now.keys():
        old, new = before.get(rule, ()), now.get(rule, ())
        if is_exception(rule):
            old, new = new, old
        known = frozenset(old)
        added[rule] = tuple(value for value in dict.fromkeys(new) if value not in known)
    return {rule: values for rule, values in added.items() if values}


@dataclass(frozen=True, slots=True)
class CardWords:
    """What the cards of foreign tools told before some names were added, and what they tell since."""

    before: str = field(default="", repr=False)
    now: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, before: Sequence[LabelledCard], now: Sequence[LabelledCard], labeller: Labeller
    ) -> "CardWords":
        """Of these cards. Those of umi's own tools are constants, whoever is in a list."""
        return cls(_words_of(before, labeller), _words_of(now, labeller))

    def told(self, compared: str) -> bool:
        """Whether they told a name, and no longer do."""
        return compared in projected(self.before) and compared not in projected(self.now)


_NO_CARDS = CardWords()


@dataclass(slots=True)
class _Told:
    """The names that a model may have from what it was told, as they are compared."""

    text: str = field(repr=False)
    cards: CardWords
    names: dict[str, Detection] = field(default_factory=dict, repr=False)
    """Those that were found."""
    parts: set[str] = field(default_factory=set, repr=False)
    """Those of them that are a name only together with a handle beside them."""
    handles: dict[str, Handle] = field(default_factory=dict, repr=False)
    """What stands for them now."""

    def has(self, compared: str) -> bool:
        return compared in self.text or self.cards.told(compared)


@dataclass(frozen=True, slots=True)
class LaterNames:
    """Finds some names in a transcript, and puts handles in their places."""

    scanner: Scanner
    labeller: Labeller

    @classmethod
    def of(cls, labeller: Labeller, names: _Lists) -> "LaterNames":
        """Looks for these names of the policy's lists alone."""
        policy = labeller.policy
        lists = [one for one in policy.detect if one.kind in _LISTED and one.rule_id in names]
        lists += _no_longer_excepted(policy.detect, names)
        known = {**names, **labeller.keeper.scanner.excepted}
        return cls(Scanner(lists, known, never=policy.never_types), labeller)

    def withheld(self, entries: Sequence[LabelledEntry], cards: CardWords = _NO_CARDS) -> list[LabelledEntry]:
        """The same transcript without the names. Raises `PrivacyError` when the vault is full."""
        told = self._told(entries, cards)
        later = list(entries)
        for by_models in (False, True):
            for at, entry in enumerate(entries):
                if isinstance(entry.template, _BY_MODELS) is by_models:
                    runs = ((span,) for span in entry.text) if by_models else _runs(entry.text)
                    text = tuple(part for run in runs for part in self._parted(run, entry.template, told))
                    later[at] = entry if text == entry.text else LabelledEntry(entry.template, text)
        return later

    def _told(self, entries: Sequence[LabelledEntry], cards: CardWords) -> _Told:
        runs: list[str] = []
        told = _Told("", cards)
        for found in self.scanner.scan(cards.before):
            compared = projected(cards.before[found.start : found.end])
            if cards.told(compared):
                told.names[compared] = found
        for entry in entries:
            if isinstance(entry.template, _BY_MODELS):
                continue
            for run in _runs(entry.text):
                pieces = self._found(run, entry.template)
                if any(pieces) or any(self._fact_stays(span) for span in run):
                    runs.append(projected("".join(map(_seen, run))))
                for span, those in zip(run, pieces, strict=True):
                    for one in those:
                        compared = projected(span.clear[one.start : one.end])
                        told.names[compared] = one
                        if not self.scanner.scan(span.clear[one.start : one.end]):
                            told.parts.add(compared)
        told.text = "\n".join(runs)
        return told

    def _found(self, run: LabelledText, template: Entry) -> list[list[Detection]]:
        """What of each span of a run is a name that has to stay, or a part of one."""
        joined = "".join(span.clear for span in run)
        everything = _scanned(self.scanner, joined)
        never = _scanned(self.scanner.never, joined)
        found: list[list[Detection]] = []
        start = 0
        for span in run:
            names: Sequence[Detection] = ()
            if _is_constant(span):
                names = self._in_constant(span, template, everything, never)
            elif span.label.visible and span.label.readers != frozenset():  # else nobody reads it
                names = everything if span.masked == WITHHELD and not span.explicit else never
            found.append([part for one in names if (part := _within(one, start, span.clear)) is not None])
            start += len(span.clear)
        return found

    def _in_constant(
        self, span: Span, template: Entry, everything: Sequence[Detection], never: Sequence[Detection]
    ) -> Sequence[Detection]:
        """What stays of member names: a foreign tool's as in its card, those that a rule spells as in a clear text."""
        if (
            not isinstance(template, Observation | Call)
            or self.labeller.sources.get(template.tool) == BUILT_IN
        ):
            return ()
        side = "results" if isinstance(template, Observation) else "arguments"
        spelled = [projected(name) for name in self.labeller.policy.table(template.tool, side).names]

        def by_rule(one: Detection) -> bool:
            return any(projected(span.clear[one.start : one.end]) in name for name in spelled)

        return [*never, *(one for one in everything if one not in never and not by_rule(one))]

    def _fact_stays(self, span: Span) -> bool:
        """Whether what is shown of a value tells a name that leaves under no rule, or is a fact of one."""
        never = self.scanner.never
        return bool(span.fact) and never is not None and bool(never.scan(span.fact) or never.scan(span.clear))

    def _parted(self, run: LabelledText, template: Entry, told: _Told) -> Iterator[Span]:
        """A run of spans without names."""
        by_model = isinstance(template, _BY_MODELS)
        found = self._found(run, template)
        if by_model:
            found = [
                [one for one in those if told.has(projected(span.clear[one.start : one.end]))]
                for span, those in zip(run, found, strict=True)
            ]
            found = [_with_told_words(span, those, told) for span, those in zip(run, found, strict=True)]
        for span, those in zip(run, found, strict=True):
            shown = _without_fact(span) if self._fact_stays(span) else span
            yield from self._without(shown, those, template, told)

    def _without(
        self, span: Span, found: Sequence[Detection], template: Entry, told: _Told
    ) -> Iterator[Span]:
        end, by_model = 0, isinstance(template, _BY_MODELS)
        for one in found:
            clear = span.clear[one.start : one.end]
            compared = projected(clear)
            if one.start > end:
                yield _piece(span, end, one.start)
            label = span.label.join(_STAYS)
            handle = told.handles.get(compared) if by_model else None
            if handle is None:
                value = unescape(_without_escapes(clear))
                vault = self.labeller.vault
                handle = vault.keep(value, type=one.type, label=label, origin=_origin(template))
                told.handles.setdefault(compared, handle)
            yield Span(clear=clear, masked=(handle,), label=label, rule=one.rule_id)
            end = one.end
        if end == 0:
            yield span
        elif end < len(span.clear):
            yield _piece(span, end, len(span.clear))


def _no_longer_excepted(detect: Iterable[Detector], names: _Lists) -> Iterator[Detector]:
    """What finds, of each detector, the values that an exception of it had and has no more."""
    for detector in detect:
        for one in detector.excepted:
            if one.rule_id in names:
                values = tuple(names[one.rule_id])
                yield replace(detector, kind=DetectorKind.VALUES, values=values, parts=False, excepted=())


def _runs(text: LabelledText) -> Iterator[LabelledText]:
    """The spans that make one text: those between the constants of the program, and each of these."""
    for constant, spans in groupby(text, _is_constant):
        run = tuple(spans)
        yield from ((one,) for one in run) if constant else (run,)


def _is_constant(span: Span) -> bool:
    return span.masked == (span.clear,)


def _seen(span: Span) -> str:
    """A span as one may have read it: in clear where anybody may, else as it is masked."""
    if not _is_constant(span) and (not span.label.visible or span.label.readers == frozenset()):
        return "".join(map(str, span.masked))
    return span.clear


def _words_of(cards: Sequence[LabelledCard], labeller: Labeller) -> str:
    foreign = [one for one in cards if labeller.sources.get(one[0].name) != BUILT_IN]
    return "\n".join(
        f"{''.join(map(_seen, text))}\n{json.dumps(card.input_schema, ensure_ascii=False)}"
        for card, text in foreign
    )


def _scanned(scanner: Scanner | None, text: str) -> tuple[Detection, ...]:
    if scanner is None:
        return ()
    found = scanner.scan(text)
    spelled = _without_escapes(text)
    if spelled != text and len(scanner.scan(spelled)) > len(found):
        # A name with JSON's escapes in it: where it stands cannot be told, so none of the text stays clear.
        first = scanner.scan(spelled)[0]
        return (Detection(0, len(text), first.type, first.rule_id),)
    return found


def _within(found: Detection, start: int, text: str) -> Detection | None:
    """What of a find is in the text that starts here, without the space around it; None where that is no word."""
    first, last = max(found.start - start, 0), min(found.end - start, len(text))
    if first >= last or not any(map(str.isalnum, text[first:last])):
        return None
    if (first, last) != (found.start - start, found.end - start):
        piece = text[first:last]
        first, last = first + len(piece) - len(piece.lstrip()), last - len(piece) + len(piece.rstrip())
    return Detection(first, last, found.type, found.rule_id)


def _with_told_words(span: Span, found: Sequence[Detection], told: _Told) -> list[Detection]:
    """The finds in what a model wrote, with the parts of names that it was told, and the longer words that hold a name.

    The guard, too, finds a name in a longer word.
    """
    if span.masked != WITHHELD:
        return list(found)
    view = project(span.clear)
    at = [index for index, character in enumerate(view.text) if character.isalnum()]
    bare = "".join(view.text[index] for index in at)
    everything = list(found)
    for compared, one in told.names.items():
        needle = "".join(filter(str.isalnum, compared))
        long, place = len(needle) >= MIN_ANYWHERE, bare.find(needle) if needle else -1
        while place >= 0:
            first, last = at[place], at[place + len(needle) - 1] + 1
            if long or (compared in told.parts and stands_alone(view.text, first, last)):
                everything.append(_whole_words(span.clear, *view.original(first, last), one))
            place = bare.find(needle, place + len(needle))
    return _apart(everything)


def _whole_words(text: str, start: int, end: int, found: Detection) -> Detection:
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return Detection(start, end, found.type, found.rule_id)


def _apart(found: Sequence[Detection]) -> list[Detection]:
    """The finds in order, those that overlap as one."""
    apart: list[Detection] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if apart and one.start < apart[-1].end:
            last = apart[-1]
            apart[-1] = Detection(last.start, max(last.end, one.end), last.type, last.rule_id)
        else:
            apart.append(one)
    return apart


def _piece(span: Span, start: int, end: int) -> Span:
    clear = span.clear[start:end]
    return span._replace(clear=clear, masked=(clear,) if _is_constant(span) else span.masked)


def _without_fact(span: Span) -> Span:
    """The same span, and nothing shown of its value."""
    parts = (part.removeprefix(span.fact) if isinstance(part, str) else part for part in span.masked)
    return span._replace(masked=tuple(part for part in parts if part), fact="")


def _without_escapes(text: str) -> str:
    """A piece of JSON text, or a whole one, as it reads; what is none as it is."""
    if "\\" not in text:
        return text
    try:
        read = json.loads(text if text.startswith('"') else f'"{text}"')
    except ValueError:
        return text
    return read if isinstance(read, str) else text


def _origin(template: Entry) -> Origin:
    match template:
        case Observation(tool):
            return Origin(Source.RESULT, tool)
        case Call(tool):
            return Origin(Source.ARGUMENTS, tool)
        case Instruction():
            return INSTRUCTION
    return Origin(Source.RESULT, "an earlier step")

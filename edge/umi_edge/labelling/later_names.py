"""Later names: what was added to the detectors' lists in the midst of a session, taken out of all that was said before.

The transcript is sent again with every message, so a name that is in a list from now on must not stand in it any more.
What was told stays told; from here on a handle is sent in its place.

Covered: every text in which the detectors look, and for types that never leave (`never`) every text that somebody may
read. What a model wrote is looked through for what it had been told, and for nothing else: a planner could guess at
names, and see which of them become handles (ADR 20).

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from umi_edge.labelling.json_text import WITHHELD
from umi_edge.labelling.keeper import Keeper
from umi_edge.labelling.text import LabelledEntry, Span
from umi_edge.labelling.vault import INSTRUCTION, Origin, Source
from umi_edge.policy import Policy, Scanner
from umi_edge.policy.detector import DetectorKind
from umi_edge.policy.detectors import Detection
from umi_edge.policy.projection import projected
from umi_shared.handles import Handle, unescape
from umi_shared.labels import Integrity, Label, Locality
from umi_shared.transcript import Answer, Call, Entry, Instruction, Observation, Plan

__all__ = ["LaterNames", "added_names"]

_Lists = Mapping[str, Sequence[str]]
_LISTED = (DetectorKind.VALUES_FROM, DetectorKind.VALUES_FILE)
_STAYS = Label.at(Locality.HANDLE, Integrity.TRUSTED)
_BY_MODELS = (Plan, Answer, Call)


def added_names(before: _Lists, now: _Lists) -> dict[str, tuple[str, ...]]:
    """What each list has and had not before, by the rule of its detector; lists without such names are left out."""
    added = {rule: tuple(dict.fromkeys(now[rule])) for rule in now}
    for rule, values in before.items():
        known = frozenset(values)
        added[rule] = tuple(value for value in added.get(rule, ()) if value not in known)
    return {rule: values for rule, values in added.items() if values}


@dataclass(frozen=True, slots=True)
class LaterNames:
    """Finds some names in a transcript, and puts handles in their places."""

    scanner: Scanner
    keeper: Keeper

    @classmethod
    def of(cls, policy: Policy, names: _Lists, keeper: Keeper) -> "LaterNames":
        """Looks for these names of the policy's lists alone."""
        lists = [one for one in policy.detect if one.kind in _LISTED and one.rule_id in names]
        return cls(Scanner(lists, names, never=policy.never_types), keeper)

    def withheld(self, entries: Sequence[LabelledEntry]) -> list[LabelledEntry]:
        """The same transcript without the names. Raises `PrivacyError` when the vault is full."""
        told = "\n".join(
            projected(span.clear)
            for entry in entries
            if not isinstance(entry.template, _BY_MODELS)
            for span in entry.text
            if self._found(span)
        )
        handles: dict[str, Handle] = {}
        later = list(entries)
        for by_models in (False, True):
            for at, entry in enumerate(entries):
                if isinstance(entry.template, _BY_MODELS) is by_models:
                    parts = (self._parted(span, entry.template, told, handles) for span in entry.text)
                    text = tuple(chain.from_iterable(parts))
                    later[at] = entry if text == entry.text else LabelledEntry(entry.template, text)
        return later

    def _found(self, span: Span) -> tuple[Detection, ...]:
        """What of a span is a name that has to stay."""
        if span.label.readers == frozenset() or not span.label.visible or span.masked == (span.clear,):
            return ()  # nobody reads it, or it is the program's own
        scanned = span.masked == WITHHELD and not span.explicit
        scanner = self.scanner if scanned else self.scanner.never
        if scanner is None:
            return ()
        found = scanner.scan(span.clear)
        spelled = _without_escapes(span.clear)
        if spelled != span.clear and len(scanner.scan(spelled)) > len(found):
            # A name with JSON's escapes in it: where it stands cannot be told, so none of the text stays clear.
            first = scanner.scan(spelled)[0]
            return (Detection(0, len(span.clear), first.type, first.rule_id),)
        return found

    def _parted(self, span: Span, template: Entry, told: str, handles: dict[str, Handle]) -> Iterator[Span]:
        """A span without names; `handles` are those that stand for what was told, by the text as it is compared."""
        end, by_model = 0, isinstance(template, _BY_MODELS)
        for found in self._found(span):
            clear = span.clear[found.start : found.end]
            compared = projected(clear)
            if by_model and compared not in told:
                continue
            if found.start > end:
                yield span._replace(clear=span.clear[end : found.start])
            label = span.label.join(_STAYS)
            handle = handles.get(compared) if by_model else None
            if handle is None:
                value = unescape(_without_escapes(clear))
                handle = self.keeper.vault.keep(value, type=found.type, label=label, origin=_origin(template))
                handles.setdefault(compared, handle)
            yield Span(clear=clear, masked=(handle,), label=label, rule=found.rule_id)
            end = found.end
        if end == 0:
            yield span
        elif end < len(span.clear):
            yield span._replace(clear=span.clear[end:])


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

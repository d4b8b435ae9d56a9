"""Where the values of a call came from, by labels and by the transcript: what consent tells beside each value.

Two questions are kept apart. Who supplied a value: the user, their own data, a stranger, a model? And who chose it?
A model that has read no stranger's text in clear follows the user, so what it picks out of a stranger's data by its
handle is what the user's words led to. Once it has read such a text, or where a value is a part of one that the user
did not name, no label can tell whose idea it was: then it is the stranger's.

What a model wrote is traced by its words: to what the user typed, else to what a tool gave. An address, an account or a
name that stands in neither was nobody's but a stranger's to give.

I2: docs/design.md#i2-fail-closed
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from umi_edge.labelling.labeller import own_words, values_seen
from umi_edge.labelling.text import DEVICE, LabelledEntry, LabelledText
from umi_edge.labelling.vault import Kept, Source, Vault
from umi_edge.policy import Assignment, LabelledLeaf, Location
from umi_edge.policy.checks import LOOSE_TYPES
from umi_edge.session.consent import DecidedBy, Provenance
from umi_edge.session.own_words import stands_in
from umi_edge.tools.record import WRITTEN_BY_UMI
from umi_edge.values.json_walk import walk
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER, Sink
from umi_shared.transcript import Call, Instruction, Observation

__all__ = ["History", "strangers_read"]

_By = tuple[DecidedBy, str]
_WORD = re.compile(r"[^\W\d_]{2,}")
_JSON_BLANKS = re.compile(r"\\[nrt]")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w|\w://|\bwww\.|\d{6}|\b[A-Z]{2}\d{2}[A-Z\d]{8}")
"""What an address, a link, a number or an account looks like, where a rule gives the argument no type."""
_NAME = re.compile(r"\b[^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z][\w'’-]+)+")
"""Capitalised words in a row."""
_DAY = re.compile(r"\d{4}-(?P<month>\d\d)-(?P<day>\d\d)$")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LONG = 20
"""Letters of a word that may be several without blanks."""
_LEAST = 3
"""Digits that stand in a text by chance are no evidence that it was meant."""


@dataclass(frozen=True)
class History:
    """What a session has read before a call."""

    entries: Sequence[LabelledEntry]
    vault: Vault
    reader: Sink = field(default=PLANNER, repr=False)
    """Who plans, and may be persuaded by what it reads."""

    def provenance_of(
        self,
        arguments: Mapping[str, Any],
        leaves: Mapping[Location, LabelledLeaf],
        rules: Assignment,
        *,
        drafted: Collection[str] = (),
    ) -> dict[str, Provenance]:
        """Where each argument came from, as it was written with its handles unresolved.

        The `drafted` ones are the planner's own words, and said to be.
        """
        known = {name: self._of(name, value, leaves, rules) for name, value in arguments.items()}
        return {name: _by_planner(one) if name in drafted else one for name, one in known.items()}

    @cached_property
    def read(self) -> tuple[str, ...]:
        """The tools whose text may have persuaded a model."""
        return strangers_read(self.entries, self.reader)

    @cached_property
    def typed(self) -> tuple[str, ...]:
        """What the user typed, instruction by instruction."""
        return tuple(
            _plain(own_words(one.text)) for one in self.entries if isinstance(one.template, Instruction)
        )

    @cached_property
    def given(self) -> tuple["_Given", ...]:
        """What tools gave, call by call."""
        found: list[_Given] = []
        named = False
        for entry in self.entries:
            match entry.template:
                case Call():
                    named = self._names(entry, found)
                case Observation(tool, _, ""):
                    trusted = entry.shown_to(DEVICE).trusted
                    found.append(
                        _Given(tool=tool, text=_plain(_clear(entry.text)), trusted=trusted, named=named)
                    )
        return tuple(found)

    def _names(self, call: LabelledEntry, given: Sequence["_Given"]) -> bool:
        """Whether a call's words are the user's, as a file's name that they typed, or stand in what they named."""
        try:
            leaves = [step.value for step in walk(json.loads(_clear(call.text))) if not step.punctuation]
        except (ValueError, RecursionError):
            return False
        words = [leaf for leaf in leaves if isinstance(leaf, str) and _WORD.search(leaf)]
        known = [one for one in given if one.named or one.trusted]
        return bool(words) and all(
            self.is_typed(word) or any(one.has(word) for one in known) for word in words
        )

    @cached_property
    def _whole(self) -> Mapping[str, Kept]:
        """Values that tools gave, as they gave them: the most doubtful one of those that are equal."""
        found: dict[str, Kept] = {}
        for kept in self.vault:
            if isinstance(kept.value, str) and kept.origin.source is Source.RESULT:
                known = found.get(kept.value)
                found[kept.value] = kept if known is None or known.label.trusted else known
        return found

    def is_typed(self, text: str) -> bool:
        """Whether a text stands in what the user typed, and is long enough not to by chance."""
        enough = len(text.strip()) >= _LEAST or not text.strip().isdecimal()
        return enough and any(_stands_in(text, one) or _is_day_of(text, one) for one in self.typed)

    def _of(
        self, name: str, value: Any, leaves: Mapping[Location, LabelledLeaf], rules: Assignment
    ) -> Provenance:
        handles = [handle for at, leaf in leaves.items() if at[:1] == (name,) for handle in leaf.handles]
        parts = [self._kept(self.vault[handle]) for handle in dict.fromkeys(handles) if handle in self.vault]
        parts += [
            self._written(text, a_name=rules.at(at).type not in LOOSE_TYPES)
            if isinstance(text, str)
            else self._number(text)
            for at, text in _literals(value, (name,))
        ]
        if not parts:  # an empty list, an empty text: somebody chose even that
            parts = [self._chosen()]
        return Provenance(
            decided_by=max((who for who, _ in parts), key=lambda who: who.doubt),
            said=tuple(dict.fromkeys(said for _, said in parts)),
        )

    def _kept(self, kept: Kept) -> _By:
        tool = kept.origin.tool
        match kept.origin.source:
            case Source.INSTRUCTION:
                return DecidedBy.YOU, "typed by you"
            case _ if isinstance(kept.value, str) and self.is_typed(kept.value):
                return DecidedBy.YOU, "typed by you"
            case Source.RESULT if kept.label.trusted:
                return DecidedBy.YOUR_DATA, f"your data: {tool}"
            case Source.RESULT if kept.origin.doubt is not None and kept.origin.doubt != WRITTEN_BY_UMI:
                doubt, store = kept.origin.doubt, tool.partition(".")[0]
                decided_by = DecidedBy.STRANGER if doubt.by_stranger else DecidedBy.MODEL
                return decided_by, f"from your {store}, {doubt.said}"
            case Source.RESULT:
                return self._supplied(f"somebody else's text: {tool}")
            case Source.MADE if kept.origin.doubt is not None:
                doubt = kept.origin.doubt
                return DecidedBy.STRANGER if doubt.by_stranger else DecidedBy.MODEL, doubt.said
            case Source.MADE if kept.label.trusted:
                return DecidedBy.YOUR_DATA, f"made of your data by {tool}"
            case Source.MADE:
                return DecidedBy.STRANGER, f"made by {tool} of what is not yours alone"
            case Source.ARGUMENTS:
                return self._chosen()

    def _number(self, value: Any) -> _By:
        if any(_stands_in(json.dumps(value), one) for one in self.typed):
            return DecidedBy.YOU, "typed by you"
        return self._chosen()

    def _written(self, text: str, *, a_name: bool) -> _By:
        """Who decided what a model wrote; `a_name` is whether it names something, as an account of a type does."""
        if self.is_typed(text):
            return DecidedBy.YOU, "typed by you"
        if text in self._whole:
            return self._kept(self._whole[text])
        of = [one for one in self.given if len(text.strip()) >= _LEAST and one.has(text)]
        if any(one.trusted for one in of):
            return DecidedBy.YOUR_DATA, f"your data: {next(one.tool for one in of if one.trusted)}"
        if any(one.named for one in of):
            tool = next(one.tool for one in of if one.named)
            return self._supplied(f"somebody else's text, which you named or that it led to: {tool}")
        if a_name or _ADDRESS.search(text) or not all(map(self._is_known, _NAME.findall(text))):
            if of:
                return DecidedBy.STRANGER, f"a part of somebody else's text: {of[-1].tool}"
            return DecidedBy.STRANGER, "written by a model; it stands in nothing that you typed or have"
        return self._chosen()

    def _is_known(self, name: str) -> bool:
        return self.is_typed(name) or any(one.has(name) for one in self.given)

    def _supplied(self, said: str) -> _By:
        """A stranger's value: it is theirs to decide only once a model has read what they say."""
        if self.read:
            return DecidedBy.STRANGER, f"{said}; chosen by a model after it had read {', '.join(self.read)}"
        return DecidedBy.SUPPLIED, said

    def _chosen(self) -> _By:
        if self.read:
            return DecidedBy.STRANGER, f"written by a model after it had read {', '.join(self.read)}"
        return DecidedBy.MODEL, "written by a model, not typed by you"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What one call gave."""

    tool: str = field(repr=False)
    text: str = field(repr=False)
    trusted: bool
    named: bool
    """Whether the user named it."""

    def has(self, text: str) -> bool:
        return _stands_in(text, self.text)


def _by_planner(known: Provenance) -> Provenance:
    said = (re.sub(r"\b(written|chosen) by a model\b", r"\1 by the planner", one) for one in known.said)
    return Provenance(decided_by=known.decided_by, said=tuple(said))


def strangers_read(entries: Sequence[LabelledEntry], reader: Sink = PLANNER) -> tuple[str, ...]:
    """The tools whose untrusted text a model of this session was shown in clear, in order and each once.

    Who plans (the `reader`) reads what is released to it; a caller that sees values has read all that came before its
    call. A number, a date or a single word persuades nobody.
    """
    calls = [at for at, entry in enumerate(entries) if isinstance(entry.template, Call)]
    by_caller = max((at for at in calls if values_seen(entries[at].text)), default=0)
    return tuple(
        dict.fromkeys(
            entry.template.tool
            for at, entry in enumerate(entries)
            if isinstance(entry.template, Observation)
            and any(_persuades(text) for text in _shown(entry, DEVICE if at < by_caller else reader))
        )
    )


def _shown(entry: LabelledEntry, sink: str) -> Iterator[str]:
    """The untrusted texts of an entry that a sink reads in clear."""
    for span in entry.text:
        if (sink == DEVICE or span.label.may_read(sink)) and not span.label.trusted:
            yield span.clear


def _persuades(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) > 1 or any(len(word) > _LONG for word in words)


def _clear(text: LabelledText) -> str:
    return "".join(span.clear for span in text)


def _literals(node: Any, at: Location) -> Iterator[tuple[Location, Any]]:
    """What a model wrote of a value, without the handles in it; names of members, too."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield at, key
            yield from _literals(child, (*at, key))
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from _literals(child, (*at, number))
    elif isinstance(node, str):
        parts = parts_of(node)
        yield from ((at, part) for part in parts if not isinstance(part, Handle) and part.strip(" ,.;:"))
    else:
        yield at, node


def _is_day_of(text: str, typed: str) -> bool:
    """Whether a day, written as programs do, is one that was typed with its month's name (in English).

    >>> _is_day_of("2025-01-11", "from January 11th to 15th"), _is_day_of("2025-01-15", "May 15th")
    (True, False)
    """
    found = _DAY.match(text.strip())
    if found is None or not 1 <= int(found["month"]) <= len(_MONTHS):
        return False
    day, month = rf"{int(found['day'])}(?:st|nd|rd|th)?", _MONTHS[int(found["month"]) - 1]
    return re.search(rf"\b(?:{day} (?:of )?{month}|{month} {day})\b", typed, re.IGNORECASE) is not None


def _plain(text: str) -> str:
    """The words of a text, or of its JSON, and what stands between them without blanks and escapes."""
    return " ".join(_JSON_BLANKS.sub(" ", text).replace('\\"', '"').split())


def _stands_in(text: str, plain: str) -> bool:
    return stands_in(_plain(text), plain)

"""Labelled JSON: results and arguments as compact JSON text, with a label for each leaf and member name.

Keeps I2, I4 and I8 as `labeller` says; nothing but a `Labeller` uses it.

I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from umi_edge.labelling.json_text import (
    HIDDEN,
    WITHHELD,
    clear_span,
    compact_json,
    escaped_json,
    not_the_users_own,
    staying,
    type_of,
    whole,
)
from umi_edge.labelling.keeper import Keeper
from umi_edge.labelling.text import LabelledText, Span, constant
from umi_edge.labelling.vault import Origin, Source
from umi_edge.policy import Assignment, LabelledLeaf, Location, Resolution
from umi_edge.policy.resolution import Node
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.tools.record import NO_DOUBTS, WRITTEN_BY_UMI, Doubt, Doubts
from umi_edge.values.json_walk import LEAVES, walk
from umi_edge.values.stored_file import StoredFile
from umi_shared.bars import NO_BARS, Bar
from umi_shared.handles import Handle, Text, escape, parts_of
from umi_shared.labels import PUBLIC, Integrity, Label, Locality, join_all

__all__ = ["ArgumentWriter", "JsonWriter"]


_CLEAR = (Locality.CLOUD, Locality.PLANNER, Locality.SUMMARIZER)


@lru_cache(maxsize=1024)
def _known_key(key: str) -> str:
    """A member name that is a constant; only names of the program, a policy or a schema get here."""
    return f"{compact_json(escape(key))}:"


class _Place:
    """What holds for all leaves at which the same rules apply, worked out once."""

    __slots__ = ("children", "doubt", "node", "resolution", "span", "stays")

    def __init__(
        self,
        node: Node,
        resolution: Resolution,
        span: Callable[[Any], Span],
        doubt: Doubt | None,
        stays: bool,
    ) -> None:
        self.node = node
        self.doubt = doubt
        self.stays = stays
        """Whether nothing here is shown under `scan`."""
        self.resolution = resolution
        self.span = span
        """Makes the span of a leaf that no detector has to scan."""
        self.children: dict[str | int, _Place] = {}


_Piece = str | Span
"""A piece of labelled text that is being written; a constant is only its text."""
_Frame = tuple[Iterator[tuple[str, tuple[str | int, Any]]], _Place, Location, str]
"""An open container: the members to come, each with the comma before it; its place; where it is; how it closes."""


@dataclass(slots=True)
class JsonWriter:
    """Writes one JSON value as labelled compact JSON, without recursion."""

    keeper: Keeper
    tool: str
    assignment: Assignment
    known_keys: frozenset[str]
    """Member names that the policy spells out."""
    own_keys: bool
    """Whether every member name is a constant of umi's own tools; elsewhere names are data."""
    integrity: Integrity
    root_type: str = ""
    """What the handle of the whole result is called where no rule says."""
    bars: frozenset[Bar] = field(default=NO_BARS, repr=False)
    """Which tools may not be given any of it, by what it was made of; the rules' own come to these."""
    doubts: Doubts = field(default=NO_DOUBTS, repr=False)
    """What of the value is not the user's own though the tool is trusted."""
    pieces: list[_Piece] = field(default_factory=list, repr=False)
    scanned: list[tuple[int, Any, _Place]] = field(default_factory=list, repr=False)
    """Leaves to look through, and before which piece each stands."""
    _places: dict[tuple[Node, Doubt | None, bool, frozenset[Bar]], _Place] = field(
        default_factory=dict, repr=False
    )

    def write(self, value: Any) -> LabelledText:
        """The text of a value. Raises `PrivacyError` when the vault is full."""
        # (1) what stays goes to the vault; (2) only then are texts scanned: a value that stays in one leaf is
        # found in another one's text wherever that stands.
        self._walk(value)
        pieces, done = [], 0
        for at, leaf, place in self.scanned:
            pieces += self.pieces[done:at]
            pieces += self._told(leaf, place.resolution, place.doubt)
            done = at
        return _merged(pieces + self.pieces[done:])

    def write_leaf(self, value: Any, resolution: Resolution) -> LabelledText:
        """A value that stands alone, under this rule."""
        # A path on this device says who its user is.
        resolution = staying(resolution) if isinstance(value, StoredFile) else resolution
        return _merged(self._told(value, resolution, None))

    def _walk(self, value: Any) -> None:
        root, pieces = self._root(), self.pieces
        if not self._opens(value, root):
            self._leaf(value, root)
            return
        frames = [self._frame(value, root, ())]
        while frames:
            members, place, location, closing = frames[-1]
            for comma, (key, child) in members:
                below = place.children.get(key) or self._below(place, location, key)
                if not isinstance(key, str):
                    pieces.append(comma)
                elif self.own_keys or key in self.known_keys:
                    pieces.append(comma + _known_key(key))
                else:
                    pieces += comma, self._key(key, below), ":"
                if not isinstance(child, LEAVES) and self._opens(child, below):
                    frames.append(self._frame(child, below, (*location, key)))
                    break
                self._leaf(child, below)
            else:
                frames.pop()
                pieces.append(closing)

    def _opens(self, value: Any, place: _Place) -> bool:
        """Whether a value is written member by member; one whose shape may not show is a leaf."""
        container = not isinstance(value, LEAVES) and isinstance(value, Mapping | list)
        return container and place.resolution.shape != Shape.HIDDEN

    def _frame(self, value: Any, place: _Place, location: Location) -> _Frame:
        is_object = isinstance(value, Mapping)
        self.pieces.append("{" if is_object else "[")
        members = value.items() if is_object else enumerate(value)
        commas = chain(("",), repeat(","))
        return zip(commas, members, strict=False), place, location, "}" if is_object else "]"

    def _below(self, place: _Place, location: Location, key: str | int) -> _Place:
        at = (*location, key)
        doubts = self.doubts
        doubt, stays = place.doubt or doubts.records.get(at), place.stays or at in doubts.staying
        below = self._place(self.assignment.below(place.node, at), doubt, at, stays=stays)
        if not self.assignment.looks_at_values and not doubts.records and not doubts.staying:
            place.children[key] = below
        return below

    def _root(self) -> _Place:
        node, doubt = self.assignment.node(()), self.doubts.records.get(())
        stays = () in self.doubts.staying
        if self.root_type and node.resolution.type == ANY_TYPE and node.resolution.shape != Shape.HIDDEN:
            return self._new_place(node, replace(node.resolution, type=self.root_type), doubt, stays=stays)
        return self._place(node, doubt, (), stays=stays)

    def _place(self, node: Node, doubt: Doubt | None, location: Location, *, stays: bool) -> _Place:
        hidden = node.resolution.shape == Shape.HIDDEN
        bars = self.assignment.bars_below(location) if hidden else NO_BARS
        known = self._places.get((node, doubt, stays, bars))
        if known is None:
            resolution = whole(node.resolution, bars) if hidden else node.resolution
            known = self._new_place(node, resolution, doubt, stays=stays)
            self._places[node, doubt, stays, bars] = known
        return known

    def _new_place(self, node: Node, resolution: Resolution, doubt: Doubt | None, *, stays: bool) -> _Place:
        if stays and resolution.scan:
            resolution = not_the_users_own(resolution)
        return _Place(node, resolution, self._span_of(resolution, doubt), doubt, stays)

    def _key(self, key: str, place: _Place) -> Span:
        """A member name that is data."""
        resolution = place.node.resolution
        hidden = resolution.locality is Locality.HIDDEN
        label = self._label(Locality.HIDDEN if hidden else Locality.HANDLE, resolution, place.doubt)
        rule = Resolution(type="key", link=resolution.link, rule_id="no rule names this key: handle")
        return self.keeper.kept(key, label, rule, origin=self._origin(place.doubt))

    def _leaf(self, value: Any, place: _Place) -> None:
        if isinstance(value, StoredFile):
            self.pieces.append(self._span_of(staying(place.resolution), place.doubt)(value))
        elif place.resolution.scan and self.doubts.stays(value, place.doubt):
            self.pieces.append(self._span_of(not_the_users_own(place.resolution), place.doubt)(value))
        elif place.resolution.scan or (self._never and place.resolution.locality in _CLEAR):
            self.scanned.append((len(self.pieces), value, place))
        else:
            self.pieces.append(place.span(value))

    def _label(self, locality: Locality, resolution: Resolution, doubt: Doubt | None) -> Label:
        integrity = self.integrity if doubt is None else Integrity.UNTRUSTED
        return Label.at(locality, integrity).with_bars(self.bars | resolution.bars)

    def _origin(self, doubt: Doubt | None) -> Origin:
        return Origin(Source.RESULT, self.tool, doubt)

    def _span_of(self, resolution: Resolution, doubt: Doubt | None) -> Callable[[Any], Span]:
        """How a leaf under a rule is told, where no detector has to scan it."""
        label, rule = self._label(resolution.locality, resolution, doubt), resolution.rule_id
        if label.public:
            return lambda value: Span(escaped_json(value), WITHHELD, label, rule, explicit=True)
        return self.keeper.under(label, resolution, origin=self._origin(doubt))

    @property
    def _never(self) -> bool:
        """Whether something leaves under no rule, so that what is clear has to be looked through for it."""
        return self.keeper.scanner.never is not None

    def _told(self, value: Any, resolution: Resolution, doubt: Doubt | None) -> Sequence[_Piece]:
        """How a leaf is told, whatever its rule."""
        if resolution.scan:
            return self._scanned(value, resolution, doubt)
        if resolution.locality in _CLEAR and self.keeper.never_leaves(value):
            return self._without_never(value, resolution, doubt)
        return (self._span_of(resolution, doubt)(value),)

    def _without_never(self, value: Any, resolution: Resolution, doubt: Doubt | None) -> Sequence[_Piece]:
        """A leaf that its rule lets out, without what leaves under no rule; of what is no text, nothing leaves."""
        label, origin = self._label(resolution.locality, resolution, doubt), self._origin(doubt)
        if not isinstance(value, str):
            return (self._span_of(staying(resolution), doubt)(value),)
        spans = self.keeper.clear_text(
            value,
            label,
            rule=resolution.rule_id,
            origin=origin,
            link=resolution.link,
            explicit=label.public,
        )
        return _quoted(spans)

    def _scanned(self, value: Any, resolution: Resolution, doubt: Doubt | None) -> Sequence[_Piece]:
        label, origin = self._label(resolution.locality, resolution, doubt), self._origin(doubt)
        if not isinstance(value, str):
            text = compact_json(value)
            if self.keeper.scanner.scan(text) or self.keeper.known.find(text):
                stays = self._label(Locality.HANDLE, resolution, doubt)
                return (self.keeper.kept(value, stays, resolution, origin=origin),)
            return (clear_span(text, label, resolution.rule_id),)
        spans = self.keeper.scanned_text(
            value, label, rule=resolution.rule_id, origin=origin, link=resolution.link
        )
        return _quoted(spans)


def _quoted(spans: LabelledText) -> Sequence[_Piece]:
    """The parts of a text as they stand in JSON."""
    return ('"', *(span._replace(clear=compact_json(span.clear)[1:-1]) for span in spans), '"')


@dataclass(slots=True)
class ArgumentWriter:
    """Writes a call's arguments: handles stay handles, what the caller wrote is labelled by the rules."""

    keeper: Keeper
    tool: str
    assignment: Assignment
    written: Label
    """The label of text that the caller wrote itself."""
    names: Collection[str]
    """Member names that the schema or the policy spells out; others are the caller's own text."""
    leaves_only: bool = False
    """Nothing goes to the vault, where the numbers of later handles would tell of it."""
    drafted: Collection[str] = field(default=(), repr=False)
    """The arguments whose words are the planner's own: it gave them, so no rule keeps them from it."""
    leaves: dict[Location, LabelledLeaf] = field(default_factory=dict, repr=False)
    pieces: list[_Piece] = field(default_factory=list, repr=False)

    def write(self, arguments: Mapping[str, Any]) -> LabelledText:
        """The text of a call's arguments; `leaves` then has their labels."""
        opened: Location | None = None
        for step in walk(arguments):
            if step.key is not None and not self.leaves_only:
                self._key(step.key)
            if step.punctuation:
                self.pieces.append(step.punctuation)
                if step.location == opened and step.punctuation in "]}" and opened:
                    # Nothing in it to check, but that it is empty is the caller's own choice.
                    self.leaves[opened] = LabelledLeaf(
                        label=self.written, model_written=True, written=self.written
                    )
                opened = step.location if step.punctuation in "[{" else None
            else:
                opened = None
                self._leaf(step.location, step.value)
        return _merged(self.pieces)

    def _key(self, key: str) -> None:
        text = compact_json(escape(key))
        if key in self.names:
            self.pieces.append(f"{text}:")
            return
        rule = Resolution(type="key", rule_id="the caller's own text")
        if self.written.public:
            self.pieces.append(Span(clear=text, masked=WITHHELD, label=self.written, rule=rule.rule_id))
        else:
            self.pieces.append(
                self.keeper.kept(key, self.written, rule, origin=Origin(Source.ARGUMENTS, self.tool))
            )
        self.pieces.append(":")

    def _leaf(self, location: Location, value: Any) -> None:
        resolution = self.assignment.at(location)
        parts = parts_of(value) if isinstance(value, str) else (value,)
        handles = tuple(part for part in parts if isinstance(part, Handle))
        given = [self.keeper.vault[handle] for handle in handles]
        labels = [kept.label for kept in given]
        # Two handles in one text make a value that neither of them is.
        model_written = not (len(parts) == 1 and handles)
        doubts = (kept.origin.doubt for kept in given)
        doubt = next((one for one in doubts if one not in (None, WRITTEN_BY_UMI)), None)
        foreign = any(isinstance(name, str) and name not in self.names for name in location)
        written = self.written if model_written or foreign else PUBLIC
        self.leaves[location] = LabelledLeaf(
            label=join_all([*labels, written]),
            type=ANY_TYPE if model_written else handles[0].type,
            handles=handles,
            origins=tuple(str(kept.origin) for kept in given),
            model_written=model_written,
            doubt=f"it is not your own: {doubt.said}" if doubt else "",
            mend=doubt.mend if doubt else "",
            written=written,
        )
        if self.leaves_only:
            return
        own = bool(location) and location[0] in self.drafted
        label = self.written if own else self.written.join(Label.at(resolution.locality))
        if not isinstance(value, str):
            self.pieces.append(self._written(value, label, resolution))
            return
        self.pieces.append('"')
        for part in parts:
            if isinstance(part, Handle):
                self.pieces.append(self.keeper.handle_span(part))
            else:
                self._text(part, label, resolution)
        self.pieces.append('"')

    def _text(self, text: str, label: Label, resolution: Resolution) -> None:
        if label.public:
            self.pieces.append(
                Span(clear=compact_json(text)[1:-1], masked=WITHHELD, label=label, rule=resolution.rule_id)
            )
        else:
            self.pieces.append(self._masked(text, compact_json(text)[1:-1], label, resolution, quote=""))

    def _written(self, value: Any, label: Label, resolution: Resolution) -> Span:
        if label.public:
            return Span(clear=compact_json(value), masked=HIDDEN, label=label, rule=resolution.rule_id)
        return self._masked(value, compact_json(value), label, resolution, quote='"')

    def _masked(self, value: Any, clear: str, label: Label, resolution: Resolution, *, quote: str) -> Span:
        """What the caller wrote and a rule keeps from the record that the cloud sees."""
        if not label.visible:
            self.keeper.vault.conceal(value, label=label, origin=Origin(Source.ARGUMENTS, self.tool))
            return Span(
                clear=clear, masked=(f"{quote}[hidden]{quote}",), label=label, rule=resolution.rule_id
            )
        handle = self.keeper.vault.keep(
            value, type=type_of(value, resolution), label=label, origin=Origin(Source.ARGUMENTS, self.tool)
        )
        masked: Text = (quote, handle, quote) if quote else (handle,)
        return Span(clear=clear, masked=masked, label=label, rule=resolution.rule_id)


def _merged(pieces: Iterable[_Piece]) -> LabelledText:
    """Labelled text; neighbouring constants become one span: fewer segments on the wire."""
    merged: list[Span] = []
    words: list[str] = []  # of the constants since the last span
    for piece in pieces:
        if isinstance(piece, str):
            words.append(piece)
            continue
        if words:
            merged.append(constant("".join(words)))
            words = []
        merged.append(piece)
    if words:
        merged.append(constant("".join(words)))
    return tuple(merged)

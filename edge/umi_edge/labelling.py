"""Labelling: instruction, results, arguments and model text become labelled text; what stays goes to the vault.

Keeps I2 (no rule means *stay*), I4 (handle-like text of any input is escaped, and never resolves) and I8.

Covered: every JSON leaf, every object key, text spans found by detectors, text copied out of the vault; where a
rule says `shape: hidden`, or what a result was made of stays, also lengths, keys, JSON types, success and failure.
Not covered: these under `shape: open`, which a policy declares by not saying `hidden`: `shapes` counts what they tell.
"""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, repeat
from json.encoder import encode_basestring
from typing import Any

from umi_edge.declassification import Declassifications
from umi_edge.json_walk import walk
from umi_edge.known_values import KnownValues
from umi_edge.labelled import LabelledText, Span, constant
from umi_edge.policy import Assignment, LabelledLeaf, Location, Policy, Resolution, Scanner, ToolPolicy
from umi_edge.policy.document import Instruction
from umi_edge.policy.resolution import Node
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.private_spans import private_spans
from umi_edge.shapes import Shapes
from umi_edge.tools.families import BUILT_IN
from umi_edge.tools.runner import DETAIL_CHARACTERS
from umi_edge.vault import Kept, Vault
from umi_shared.handles import Handle, Text, escape, parts_of
from umi_shared.labels import PUBLIC, Integrity, Label, Locality, join_all

__all__ = ["LabelledArguments", "Labeller", "well_formed"]

_HIDDEN: Text = ('"[hidden]"',)
_WITHHELD: Text = ("[withheld]",)
_LEAVES = (str, int, float, type(None))  # asked first: whether a thing is a Mapping is a slow question
_TYPES = {str: "text", bool: "flag", int: "number", float: "number", type(None): "value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledArguments:
    """The arguments of a call: labelled text for the views, a label for each leaf for the checks."""

    text: LabelledText
    leaves: Mapping[Location, LabelledLeaf] = field(repr=False)  # member names may be private

    @property
    def label(self) -> Label:
        """The label of what is made of all of them."""
        return join_all(leaf.label for leaf in self.leaves.values())


@dataclass(slots=True)
class Labeller:
    """Labels what enters a session; the one writer of its vault."""

    policy: Policy
    scanner: Scanner
    vault: Vault
    sources: Mapping[str, str]
    """Where each tool of the catalogue comes from, by its name."""
    hash_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Of `show: hash`: with the device's own, a value has the same hash in every session."""
    known: KnownValues = field(init=False)
    declassified: Declassifications = field(init=False)
    shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        self.known = KnownValues(self.vault)
        self.declassified = Declassifications(self.policy.limits.declassified_bits, self.hash_key)
        self.shapes = Shapes(self.policy.limits.shape_bits)

    def tool_policy(self, tool: str) -> ToolPolicy:
        """What the policy says of a tool of the catalogue."""
        return self.policy.tool(tool, source=self.sources.get(tool, ""))

    def instruction(self, text: str) -> LabelledText:
        """What the user asked for; spans that the detectors find stay (design §4, step 1)."""
        label, word = Label.at(Locality.CLOUD, Integrity.TRUSTED), self.policy.defaults.instruction
        rule = f"{self.policy.file or 'built in'} defaults.instruction: {word}"
        if word is Instruction.CLOUD:
            return (_clear(well_formed(text), label, rule),)
        return self._scanned(well_formed(text), label, rule=rule, origin="instruction")

    def card(self, tool: str, text: str) -> LabelledText:
        """A tool's description, as the catalogue tells it to the cloud."""
        text, rule = well_formed(text), f"catalogue card of {tool}"
        if self.sources.get(tool) == BUILT_IN or self.tool_policy(tool).card == "cloud":
            return (constant(escape(text), rule),)
        return self._scanned(text, Label.at(Locality.CLOUD, Integrity.UNTRUSTED), rule=rule, origin=tool)

    def model_text(self, text: str, shown: Label) -> LabelledText:
        """Text that the cloud wrote: its handles stay handles, the rest carries the join of all it was shown."""
        label = shown.with_integrity(Integrity.UNTRUSTED)
        return tuple(self._model_part(part, label) for part in parts_of(text))

    def _model_part(self, part: str | Handle, label: Label) -> Span:
        if isinstance(part, Handle) and part in self.vault and self.vault[part].label.visible:
            return self._handle_span(part)
        text = escape(str(part)) if isinstance(part, Handle) else part
        return Span(clear=text, masked=_WITHHELD, label=label, rule="written by a model")

    def _handle_span(self, handle: Handle) -> Span:
        """A handle that stands in text; only a caller on the device that may see values sees another thing."""
        value = self.vault[handle].value
        clear = escape(value if isinstance(value, str) else _json(value))
        return Span(clear=clear, masked=(handle,), label=Label.at(Locality.HANDLE), rule="handle")

    def result(self, tool: str, value: Any, *, made_of: Label = PUBLIC, type: str = "") -> LabelledText:  # noqa: A002
        """The result of a call, as compact JSON text with a label for each leaf and key.

        `made_of` is the label of what decided it, where that is more than the tool's own data: the arguments of an
        operator, or all that a caller has seen. Where it stays, the result stays, as one handle of no shape.
        `type` is what an operator's handle is called, unless a rule says. Raises `DeclassifiedError` and
        `ShapeLimitError`, the latter before anything is kept: no handle's number tells of what was refused.
        """
        hidden = self._hidden_root(tool, made_of, type)
        if hidden is not None:
            label = Label.at(hidden.locality, self.tool_policy(tool).integrity).join(made_of)
            public = made_of.readers is None and made_of.visible
            return (self.kept(value, label, hidden, origin=tool if public else f"made by {tool}"),)
        rules, own_names = self.policy.results(tool, value), self.sources.get(tool) == BUILT_IN
        self.shapes.succeeded(tool, value, rules, own_names=own_names)
        writer = _JsonWriter(
            labeller=self,
            tool=tool,
            assignment=rules,
            known_keys=rules.names,
            own_keys=own_names,
            integrity=Label(integrity=self.tool_policy(tool).integrity).join(made_of).integrity,
            root_type=type,
        )
        return writer.write(value)

    def failure(
        self,
        tool: str,
        kind: str,
        detail: str | None = None,
        *,
        made_of: Label = PUBLIC,
        type: str = "",  # noqa: A002
    ) -> tuple[str, LabelledText]:
        """What is said of a failed call: its kind, and of the tool's own words (`detail`) what a rule lets out.

        Where the shape of the result is hidden, not even the kind: a failure then looks like any result. Raises
        `ShapeLimitError`.
        """
        if self._hidden_root(tool, made_of, "") is not None:
            return "", self.result(tool, None, made_of=made_of, type=type)
        self.shapes.failed(tool, kind)
        rule = self.tool_policy(tool).errors
        if rule is None or detail is None:
            return kind, ()
        return kind, self._error_text(tool, detail, rule)

    def _error_text(self, tool: str, detail: str, rule: Resolution) -> LabelledText:
        """A tool's own words on its failure, as JSON text; whoever wrote them, they are not trusted."""
        if rule.scan and len(detail) >= DETAIL_CHARACTERS:
            # The cut may have gone through a private span, of which no detector knows the first half.
            rule = replace(rule, locality=Locality.HANDLE, scan=False)
        writer = _JsonWriter(
            labeller=self,
            tool=tool,
            assignment=self.policy.results(tool, None),
            known_keys=frozenset(),
            own_keys=False,
            integrity=Integrity.UNTRUSTED,
        )
        text = well_formed(detail)
        return _merged(writer._scanned(text, rule) if rule.scan else (writer._span_of(rule)(text),))

    def _hidden_root(self, tool: str, made_of: Label, type: str) -> Resolution | None:  # noqa: A002
        """How a result is kept of which not even the shape may show; None where it may.

        Depends on the policy and on labels alone, so that a failure is kept as a success would be.
        """
        root = self.policy.results(tool, None).at(())
        if root.type == ANY_TYPE and type:
            root = replace(root, type=type)
        if made_of.readers is None and made_of.visible:
            return whole(root) if root.shape == Shape.HIDDEN else None
        return whole(replace(root, rule_id="what it was made of stays"))

    def arguments(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        shown: Label,
        *,
        names: Collection[str] = (),
        values_seen: bool = False,
    ) -> LabelledArguments:
        """The arguments that the caller wrote, handles unresolved.

        `names` are the member names that the tool's schema declares; others are the caller's own words. A caller
        that has seen values (`values_seen`) may tell of them by what it writes at all, so its arguments stay
        whole. Raises `UnknownHandleError` for a handle that this session never issued.
        """
        written = shown.with_integrity(Integrity.UNTRUSTED)
        unseen = values_seen and written != Label.at(Locality.CLOUD)
        names = frozenset(names) | self.policy.table(tool, "arguments").names
        rules = self.policy.arguments(tool, arguments)
        writer = _ArgumentWriter(self, tool, rules, written, names, leaves_only=unseen)
        text = writer.write(arguments)
        if unseen:
            text = self.unseen(tool, arguments, written)
        return LabelledArguments(text=text, leaves=writer.leaves)

    def unseen(self, tool: str, arguments: Any, written: Label) -> LabelledText:
        """What a caller that has seen values wrote, or failed to write, as one handle of no shape."""
        rule = Resolution(shape=Shape.HIDDEN, rule_id="the caller has seen values")
        return (self.kept(arguments, written, rule, origin=f"arguments of {tool}"),)

    def kept(self, value: Any, label: Label, resolution: Resolution, *, origin: str) -> Span:
        """A JSON value that stays, as the handle that stands for it; or as nothing but that it is hidden."""
        return self.keeper(label, resolution, origin=origin)(value)

    def keeper(self, label: Label, resolution: Resolution, *, origin: str) -> Callable[[Any], Span]:
        """What `kept` does for every value under one rule, all that does not depend on the value done once."""
        rule, show, vault = resolution.rule_id, resolution.show, self.vault
        hidden = resolution.shape == Shape.HIDDEN  # then neither its type nor its equality to others may show
        named = _type_of({}, resolution) if hidden or resolution.type != ANY_TYPE else ""
        link = resolution.link and not hidden

        def conceal(value: Any) -> Span:
            vault.conceal(value, label=label, origin=origin)
            return Span(_escaped_json(value), _HIDDEN, label, rule)

        def keep(value: Any) -> Span:
            word = named or _type_of(value, resolution)
            handle = vault.keep(value, type=word, label=label, origin=origin, link=link)
            fact = f" ({self.declassified.fact(show, handle, value).text})" if show else ""
            return Span(_escaped_json(value), ('"', handle, fact + '"'), label, rule, False, fact)

        return keep if label.visible else conceal

    def _scanned(self, text: str, label: Label, *, rule: str, origin: str, link: bool = True) -> LabelledText:
        """Text that may leave except for what the detectors, or the vault, know to be private."""
        spans: list[Span] = []
        end = 0
        for found in private_spans(text, self.scanner, self.known):
            if found.start > end:
                spans.append(_clear(text[end : found.start], label, rule))
            value, stays = text[found.start : found.end], label.join(found.label)
            if not stays.visible:
                masked: Text = ("[hidden]",)
            elif found.kept is not None:
                masked = (self._handle_again(found.kept),)
            else:
                masked = (self.vault.keep(value, type=found.type, label=stays, origin=origin, link=link),)
            spans.append(Span(clear=escape(value), masked=masked, label=stays, rule=found.rule))
            end = found.end
        if end < len(text):
            spans.append(_clear(text[end:], label, rule))
        return tuple(spans)

    def _handle_again(self, kept: Kept) -> Handle:
        """The value's handle; a fresh one where equality must not show."""
        if kept.linked:
            return kept.handle
        return self.vault.keep(
            kept.value, type=kept.handle.type, label=kept.label, origin=kept.origin, link=False
        )


def well_formed(text: str) -> str:
    r"""Text that UTF-8 can carry: half a surrogate pair, as a broken input may hold, becomes U+FFFD.

    >>> well_formed("a\ud800b")
    'a�b'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole(resolution: Resolution) -> Resolution:
    """What holds for a node of which not even the shape may show: it stays, whatever its rule says of its parts."""
    locality = Label.at(resolution.locality).join(Label.at(Locality.HANDLE)).locality
    return replace(resolution, locality=locality, scan=False, shape=Shape.HIDDEN)


def _clear(text: str, label: Label, rule: str) -> Span:
    return Span(clear=escape(text), masked=_WITHHELD, label=label, rule=rule)


def _type_of(value: Any, resolution: Resolution) -> str:
    """The handle's type: the rule's word, else the JSON type's."""
    return _TYPES.get(type(value), "data") if resolution.type == ANY_TYPE else resolution.type


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON text; one encoder for all, because making one costs more than a short text."""


@lru_cache(maxsize=1024)
def _known_key(key: str) -> str:
    """A member name that is a constant; only names of the program, a policy or a schema get here."""
    return f"{_json(escape(key))}:"


def _escaped_json(value: Any) -> str:
    """JSON text in whose strings nothing reads as a handle, and which still parses."""
    return encode_basestring(escape(value)) if isinstance(value, str) else escape(_json(value))


class _Place:
    """What holds for all leaves at which the same rules apply, worked out once."""

    __slots__ = ("children", "node", "resolution", "span")

    def __init__(self, node: Node, resolution: Resolution, span: Callable[[Any], Span]) -> None:
        self.node = node
        self.resolution = resolution
        self.span = span
        """Of a leaf that no detector has to scan."""
        self.children: dict[str | int, _Place] = {}


_Piece = str | Span
"""Of labelled text that is being written; a constant is only its text."""
_Frame = tuple[Iterator[tuple[str, tuple[str | int, Any]]], _Place, Location, str]
"""An open container: the members to come, each with the comma before it; its place; where it is; how it closes."""


@dataclass(slots=True)
class _JsonWriter:
    """Writes one JSON value as labelled compact JSON, without recursion."""

    labeller: Labeller
    tool: str
    assignment: Assignment
    known_keys: frozenset[str]
    """Member names that the policy spells out."""
    own_keys: bool
    """Whether every member name is a constant of umi's own tools; elsewhere names are data."""
    integrity: Integrity
    root_type: str = ""
    """What the handle of the whole result is called where no rule says."""
    pieces: list[_Piece] = field(default_factory=list, repr=False)
    scanned: list[tuple[int, Any, Resolution]] = field(default_factory=list, repr=False)
    """Leaves to scan, and before which piece each stands."""
    _places: dict[Node, _Place] = field(default_factory=dict, repr=False)

    def write(self, value: Any) -> LabelledText:
        # (1) what stays goes to the vault; (2) only then are texts scanned: a value that stays in one leaf is
        # found in another one's text wherever that stands.
        self._walk(value)
        pieces, done = [], 0
        for at, leaf, resolution in self.scanned:
            pieces += self.pieces[done:at]
            pieces += self._scanned(leaf, resolution)
            done = at
        return _merged(pieces + self.pieces[done:])

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
                if not isinstance(child, _LEAVES) and self._opens(child, below):
                    frames.append(self._frame(child, below, (*location, key)))
                    break
                self._leaf(child, below)
            else:
                frames.pop()
                pieces.append(closing)

    def _opens(self, value: Any, place: _Place) -> bool:
        """Whether a value is written member by member; one whose shape may not show is a leaf."""
        container = not isinstance(value, _LEAVES) and isinstance(value, Mapping | list)
        return container and place.resolution.shape != Shape.HIDDEN

    def _frame(self, value: Any, place: _Place, location: Location) -> _Frame:
        is_object = isinstance(value, Mapping)
        self.pieces.append("{" if is_object else "[")
        members = value.items() if is_object else enumerate(value)
        commas = chain(("",), repeat(","))
        return zip(commas, members, strict=False), place, location, "}" if is_object else "]"

    def _below(self, place: _Place, location: Location, key: str | int) -> _Place:
        below = self._place(self.assignment.below(place.node, (*location, key)))
        if not self.assignment.looks_at_values:
            place.children[key] = below
        return below

    def _root(self) -> _Place:
        node = self.assignment.node(())
        if self.root_type and node.resolution.type == ANY_TYPE and node.resolution.shape != Shape.HIDDEN:
            return self._new_place(node, replace(node.resolution, type=self.root_type))
        return self._place(node)

    def _place(self, node: Node) -> _Place:
        known = self._places.get(node)
        if known is None:
            hidden = node.resolution.shape == Shape.HIDDEN
            resolution = whole(node.resolution) if hidden else node.resolution
            known = self._places[node] = self._new_place(node, resolution)
        return known

    def _new_place(self, node: Node, resolution: Resolution) -> _Place:
        return _Place(node, resolution, self._span_of(resolution))

    def _key(self, key: str, place: _Place) -> Span:
        """A member name that is data."""
        resolution = place.node.resolution
        hidden = resolution.locality is Locality.HIDDEN
        label = Label.at(Locality.HIDDEN if hidden else Locality.HANDLE, self.integrity)
        rule = Resolution(type="key", link=resolution.link, rule_id="no rule names this key: handle")
        return self.labeller.kept(key, label, rule, origin=self.tool)

    def _leaf(self, value: Any, place: _Place) -> None:
        if place.resolution.scan:
            self.scanned.append((len(self.pieces), value, place.resolution))
        else:
            self.pieces.append(place.span(value))

    def _span_of(self, resolution: Resolution) -> Callable[[Any], Span]:
        """How a leaf under a rule is told, where no detector has to scan it."""
        label, rule = Label.at(resolution.locality, self.integrity), resolution.rule_id
        if label.readers is None and label.visible:
            return lambda value: Span(_escaped_json(value), _WITHHELD, label, rule, explicit=True)
        return self.labeller.keeper(label, resolution, origin=self.tool)

    def _scanned(self, value: Any, resolution: Resolution) -> Sequence[_Piece]:
        label = Label.at(resolution.locality, self.integrity)
        if not isinstance(value, str):
            text = _json(value)
            if self.labeller.scanner.scan(text) or self.labeller.known.find(text):
                stays = Label.at(Locality.HANDLE, self.integrity)
                return (self.labeller.kept(value, stays, resolution, origin=self.tool),)
            return (_clear(text, label, resolution.rule_id),)
        spans = self.labeller._scanned(
            value, label, rule=resolution.rule_id, origin=self.tool, link=resolution.link
        )
        return ('"', *(span._replace(clear=_json(span.clear)[1:-1]) for span in spans), '"')


@dataclass(slots=True)
class _ArgumentWriter:
    """Writes a call's arguments: handles stay handles, what the caller wrote is labelled by the rules."""

    labeller: Labeller
    tool: str
    assignment: Assignment
    written: Label
    """The label of text that the caller wrote itself."""
    names: Collection[str]
    """Member names that the schema or the policy spells out; others are the caller's own text."""
    leaves_only: bool = False
    """Nothing goes to the vault, where the numbers of later handles would tell of it."""
    leaves: dict[Location, LabelledLeaf] = field(default_factory=dict, repr=False)
    pieces: list[_Piece] = field(default_factory=list, repr=False)

    def write(self, arguments: Mapping[str, Any]) -> LabelledText:
        opened: Location | None = None
        for step in walk(arguments):
            if step.key is not None and not self.leaves_only:
                self._key(step.key)
            if step.punctuation:
                self.pieces.append(step.punctuation)
                if step.location == opened and step.punctuation in "]}" and opened:
                    # Nothing in it to check, but that it is empty is the caller's own choice.
                    self.leaves[opened] = LabelledLeaf(label=self.written, model_written=True)
                opened = step.location if step.punctuation in "[{" else None
            else:
                opened = None
                self._leaf(step.location, step.value)
        return _merged(self.pieces)

    def _key(self, key: str) -> None:
        text = _json(escape(key))
        if key in self.names:
            self.pieces.append(f"{text}:")
            return
        rule = Resolution(type="key", rule_id="the caller's own text")
        if self.written.readers is None and self.written.visible:
            self.pieces.append(Span(clear=text, masked=_WITHHELD, label=self.written, rule=rule.rule_id))
        else:
            self.pieces.append(
                self.labeller.kept(key, self.written, rule, origin=f"arguments of {self.tool}")
            )
        self.pieces.append(":")

    def _leaf(self, location: Location, value: Any) -> None:
        resolution = self.assignment.at(location)
        parts = parts_of(value) if isinstance(value, str) else (value,)
        handles = tuple(part for part in parts if isinstance(part, Handle))
        labels = [self.labeller.vault[handle].label for handle in handles]
        # Two handles in one text make a value that neither of them is.
        model_written = not (len(parts) == 1 and handles)
        foreign = any(isinstance(name, str) and name not in self.names for name in location)
        self.leaves[location] = LabelledLeaf(
            label=join_all([*labels, self.written] if model_written or foreign else labels),
            type=ANY_TYPE if model_written else handles[0].type,
            handles=handles,
            model_written=model_written,
        )
        if self.leaves_only:
            return
        label = self.written.join(Label.at(resolution.locality))
        if not isinstance(value, str):
            self.pieces.append(self._written(value, label, resolution))
            return
        self.pieces.append('"')
        for part in parts:
            if isinstance(part, Handle):
                self.pieces.append(self.labeller._handle_span(part))
            else:
                self._text(part, label, resolution)
        self.pieces.append('"')

    def _text(self, text: str, label: Label, resolution: Resolution) -> None:
        if label.readers is None and label.visible:
            self.pieces.append(
                Span(clear=_json(text)[1:-1], masked=_WITHHELD, label=label, rule=resolution.rule_id)
            )
        else:
            self.pieces.append(self._masked(text, _json(text)[1:-1], label, resolution, quote=""))

    def _written(self, value: Any, label: Label, resolution: Resolution) -> Span:
        if label.readers is None and label.visible:
            return Span(clear=_json(value), masked=_HIDDEN, label=label, rule=resolution.rule_id)
        return self._masked(value, _json(value), label, resolution, quote='"')

    def _masked(self, value: Any, clear: str, label: Label, resolution: Resolution, *, quote: str) -> Span:
        """What the caller wrote and a rule keeps from the record that the cloud sees."""
        if not label.visible:
            self.labeller.vault.conceal(value, label=label, origin=f"arguments of {self.tool}")
            return Span(
                clear=clear, masked=(f"{quote}[hidden]{quote}",), label=label, rule=resolution.rule_id
            )
        handle = self.labeller.vault.keep(
            value, type=_type_of(value, resolution), label=label, origin=f"arguments of {self.tool}"
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

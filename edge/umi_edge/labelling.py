"""Labelling: instruction, results, arguments and model text become labelled text; what stays goes to the vault.

Keeps I2 (no rule means *stay*), I4 (handle-like text of any input is escaped, and never resolves) and I8.

Covered: every JSON leaf, every object key, text spans found by detectors, text copied out of the vault.
Not covered here: lengths of lists, which keys exist, success or failure; `shape: hidden` covers those.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.json_walk import walk
from umi_edge.known_values import KnownValues
from umi_edge.labelled import LabelledText, Span, constant
from umi_edge.policy import Assignment, LabelledLeaf, Location, Policy, Resolution, Scanner, ToolPolicy
from umi_edge.policy.rules import ANY_TYPE
from umi_edge.vault import Vault
from umi_shared.handles import Handle, Text, escape, parts_of
from umi_shared.labels import PUBLIC, Integrity, Label, Locality, join_all

__all__ = ["LabelledArguments", "Labeller"]

_HIDDEN: Text = ('"[hidden]"',)
_TYPES = {str: "text", bool: "flag", int: "number", float: "number", type(None): "value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledArguments:
    """The arguments of a call: labelled text for the views, a label for each leaf for the checks."""

    text: LabelledText
    leaves: Mapping[Location, LabelledLeaf]


@dataclass(slots=True)
class Labeller:
    """Labels what enters a session; the one writer of its vault."""

    policy: Policy
    scanner: Scanner
    vault: Vault
    sources: Mapping[str, str]
    """Where each tool of the catalogue comes from, by its name."""
    known: KnownValues = field(init=False)

    def __post_init__(self) -> None:
        self.known = KnownValues(self.vault)

    def tool_policy(self, tool: str) -> ToolPolicy:
        """What the policy says of a tool of the catalogue."""
        return self.policy.tool(tool, source=self.sources.get(tool, ""))

    def instruction(self, text: str) -> LabelledText:
        """What the user asked for; spans that the detectors find stay (design §4, step 1)."""
        label = Label.at(Locality.CLOUD, Integrity.TRUSTED)
        rule = f"{self.policy.file or 'built in'} defaults.instruction: scan"
        return self._scanned(text, label, rule=rule, origin="instruction")

    def card(self, tool: str, text: str) -> LabelledText:
        """A tool's description, as the catalogue tells it to the cloud."""
        rule = f"catalogue card of {tool}"
        if self.tool_policy(tool).card == "cloud":
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
        return Span(clear=text, masked=("[withheld]",), label=label, rule="written by a model")

    def _handle_span(self, handle: Handle) -> Span:
        """A handle that stands in text; only a caller on the device that may see values sees another thing."""
        value = self.vault[handle].value
        clear = escape(value if isinstance(value, str) else _json(value))
        return Span(clear=clear, masked=(handle,), label=Label.at(Locality.HANDLE), rule="handle")

    def result(self, tool: str, value: Any) -> LabelledText:
        """The result of a call, as compact JSON text with a label for each leaf and key."""
        writer = _JsonWriter(
            labeller=self,
            tool=tool,
            assignment=self.policy.results(tool, value),
            known_keys=self.policy.table(tool, "results").names,
            own_keys=self.sources.get(tool) == "builtin",
            integrity=self.tool_policy(tool).integrity,
        )
        return writer.write(value)

    def failure(self) -> LabelledText:
        """What is said of a failed call beside its kind: nothing; the tool's own words stay here."""
        return ()

    def arguments(self, tool: str, arguments: Mapping[str, Any], shown: Label) -> LabelledArguments:
        """The arguments that the caller wrote, handles unresolved.

        Raises `UnknownHandleError` for a handle that this session never issued.
        """
        writer = _ArgumentWriter(
            self, tool, self.policy.arguments(tool, arguments), shown.with_integrity(Integrity.UNTRUSTED)
        )
        return LabelledArguments(text=writer.write(arguments), leaves=writer.leaves)

    def _scanned(self, text: str, label: Label, *, rule: str, origin: str) -> LabelledText:
        """Text that may leave except for what the detectors, or the vault, know to be private."""
        spans: list[Span] = []
        end = 0
        stays = Label.at(Locality.HANDLE, label.integrity)
        for found in self.scanner.scan(text):
            spans += self._without_known(text[end : found.start], label, rule)
            value = text[found.start : found.end]
            handle = self.vault.keep(value, type=found.type, label=stays, origin=origin)
            spans.append(Span(clear=escape(value), masked=(handle,), label=stays, rule=found.rule_id))
            end = found.end
        return (*spans, *self._without_known(text[end:], label, rule))

    def _without_known(self, text: str, label: Label, rule: str) -> Iterator[Span]:
        """The text with handles where a value stands that this session keeps already."""
        end = 0
        for seen in self.known.find(text):
            if seen.start > end:
                yield _clear(text[end : seen.start], label, rule)
            yield Span(
                clear=escape(text[seen.start : seen.end]),
                masked=(seen.kept.handle,),
                label=seen.kept.label,
                rule="this session keeps this value already",
            )
            end = seen.end
        if end < len(text):
            yield _clear(text[end:], label, rule)


def _clear(text: str, label: Label, rule: str, *, explicit: bool = False) -> Span:
    return Span(clear=escape(text), masked=("[withheld]",), label=label, rule=rule, explicit=explicit)


def _type_of(value: Any, resolution: Resolution) -> str:
    """The handle's type: the rule's word, else the JSON type's."""
    return _TYPES.get(type(value), "data") if resolution.type == ANY_TYPE else resolution.type


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
    spans: list[Span] = field(default_factory=list, repr=False)

    def write(self, value: Any) -> LabelledText:
        steps = walk(value, opaque=self._opaque)
        for step in steps:
            if step.key is not None:
                self._key(step.location, step.key)
            if step.punctuation:
                self.spans.append(constant(step.punctuation))
            else:
                self._leaf(step.location, step.value)
        return tuple(_merged(self.spans))

    def _opaque(self, location: Location) -> bool:
        """Whether a container is kept whole, so that not even its shape shows."""
        return self.assignment.at(location).shape == "hidden"

    def _key(self, location: Location, key: str) -> None:
        if self.own_keys or key in self.known_keys:
            self.spans.append(constant(f"{_json(escape(key))}:"))
            return
        label = Label.at(Locality.HANDLE, self.integrity)
        handle = self.labeller.vault.keep(key, type="key", label=label, origin=self.tool)
        rule = "no rule names this key: handle"
        self.spans.append(Span(clear=_json(escape(key)), masked=('"', handle, '"'), label=label, rule=rule))
        self.spans.append(constant(":"))

    def _leaf(self, location: Location, value: Any) -> None:
        resolution = self.assignment.at(location)
        label = Label.at(resolution.locality, self.integrity)
        if resolution.scan and isinstance(value, str):
            self._scanned_leaf(value, label, resolution)
        elif resolution.scan and self.labeller.scanner.scan(_json(value)):
            self.spans.append(self._kept_leaf(value, Label.at(Locality.HANDLE, self.integrity), resolution))
        elif label.readers is None and label.visible:
            self.spans.append(_clear(_json(value), label, resolution.rule_id, explicit=True))
        else:
            self.spans.append(self._kept_leaf(value, label, resolution))

    def _scanned_leaf(self, value: str, label: Label, resolution: Resolution) -> None:
        self.spans.append(constant('"'))
        for span in self.labeller._scanned(value, label, rule=resolution.rule_id, origin=self.tool):
            self.spans.append(
                Span(
                    clear=_json(span.clear)[1:-1],
                    masked=span.masked,
                    label=span.label,
                    rule=span.rule,
                )
            )
        self.spans.append(constant('"'))

    def _kept_leaf(self, value: Any, label: Label, resolution: Resolution) -> Span:
        clear = escape(_json(value))
        if not label.visible:
            return Span(clear=clear, masked=_HIDDEN, label=label, rule=resolution.rule_id)
        handle = self.labeller.vault.keep(
            value, type=_type_of(value, resolution), label=label, origin=self.tool, link=resolution.link
        )
        return Span(clear=clear, masked=('"', handle, '"'), label=label, rule=resolution.rule_id)


@dataclass(slots=True)
class _ArgumentWriter:
    """Writes a call's arguments: handles stay handles, what the caller wrote is labelled by the rules."""

    labeller: Labeller
    tool: str
    assignment: Assignment
    written: Label
    """The label of text that the caller wrote itself."""
    leaves: dict[Location, LabelledLeaf] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list, repr=False)

    def write(self, arguments: Mapping[str, Any]) -> LabelledText:
        for step in walk(arguments):
            if step.key is not None:
                self.spans.append(constant(f"{_json(escape(step.key))}:"))
            if step.punctuation:
                self.spans.append(constant(step.punctuation))
            else:
                self._leaf(step.location, step.value)
        return tuple(_merged(self.spans))

    def _leaf(self, location: Location, value: Any) -> None:
        resolution = self.assignment.at(location)
        parts = parts_of(value) if isinstance(value, str) else (value,)
        handles = tuple(part for part in parts if isinstance(part, Handle))
        labels = [self.labeller.vault[handle].label for handle in handles]
        model_written = len(handles) < len(parts) or not parts
        self.leaves[location] = LabelledLeaf(
            label=join_all([*labels, self.written] if model_written else labels),
            type=handles[0].type if len(handles) == 1 and not model_written else ANY_TYPE,
            handles=handles,
            model_written=model_written,
        )
        label = self.written.join(Label.at(resolution.locality))
        if not isinstance(value, str):
            self.spans.append(self._written(value, label, resolution))
            return
        self.spans.append(constant('"'))
        for part in parts:
            if isinstance(part, Handle):
                self.spans.append(self.labeller._handle_span(part))
            else:
                self._text(part, label, resolution)
        self.spans.append(constant('"'))

    def _text(self, text: str, label: Label, resolution: Resolution) -> None:
        if label.readers is None and label.visible:
            self.spans.append(
                Span(clear=_json(text)[1:-1], masked=("[withheld]",), label=label, rule=resolution.rule_id)
            )
        else:
            self.spans.append(self._masked(text, _json(text)[1:-1], label, resolution, quote=""))

    def _written(self, value: Any, label: Label, resolution: Resolution) -> Span:
        if label.readers is None and label.visible:
            return Span(clear=_json(value), masked=_HIDDEN, label=label, rule=resolution.rule_id)
        return self._masked(value, _json(value), label, resolution, quote='"')

    def _masked(self, value: Any, clear: str, label: Label, resolution: Resolution, *, quote: str) -> Span:
        """What the caller wrote and a rule keeps from the record that the cloud sees."""
        if not label.visible:
            return Span(
                clear=clear, masked=(f"{quote}[hidden]{quote}",), label=label, rule=resolution.rule_id
            )
        handle = self.labeller.vault.keep(
            value, type=_type_of(value, resolution), label=label, origin=f"arguments of {self.tool}"
        )
        masked: Text = (quote, handle, quote) if quote else (handle,)
        return Span(clear=clear, masked=masked, label=label, rule=resolution.rule_id)


def _merged(spans: list[Span]) -> list[Span]:
    """Neighbouring constants as one span: fewer segments on the wire."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and span.label == last.label == PUBLIC and span.rule == last.rule:
            merged[-1] = constant(last.clear + span.clear, span.rule)
        else:
            merged.append(span)
    return merged

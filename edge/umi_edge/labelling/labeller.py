"""Labelling: instruction, results, arguments and model text become labelled text; what stays goes to the vault.

Keeps I2 (no rule means *stay*), I4 (handle-like text of any input is escaped, and never resolves) and I8.

Covered: every JSON leaf, every object key, text spans found by detectors, text copied out of the vault; where a
rule says `shape: hidden`, or what a result was made of stays, also lengths, keys, JSON types, success and failure.
Not covered: these under `shape: open`, which a policy declares by not saying `hidden`: `shapes` counts what they tell.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.labelling.declassification import Declassifications
from umi_edge.labelling.json_writer import (
    HIDDEN,
    WITHHELD,
    ArgumentWriter,
    JsonWriter,
    clear_span,
    compact_json,
    escaped_json,
    type_of,
    whole,
)
from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.private_spans import private_spans
from umi_edge.labelling.shape_budget import Shapes
from umi_edge.labelling.text import LabelledText, Span, constant
from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy import LabelledLeaf, Location, Policy, Resolution, Scanner, ToolPolicy
from umi_edge.policy.document import Instruction
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.tools.families import BUILT_IN
from umi_edge.tools.runner import DETAIL_CHARACTERS
from umi_shared.handles import Handle, Text, escape, parts_of
from umi_shared.labels import PUBLIC, Integrity, Label, Locality, join_all
from umi_shared.well_formed import well_formed

__all__ = ["LabelledArguments", "Labeller"]


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
            return (clear_span(well_formed(text), label, rule),)
        return self.scanned_text(well_formed(text), label, rule=rule, origin="instruction")

    def card(self, tool: str, text: str) -> LabelledText:
        """A tool's description, as the catalogue tells it to the cloud."""
        text, rule = well_formed(text), f"catalogue card of {tool}"
        if self.sources.get(tool) == BUILT_IN or self.tool_policy(tool).card == "cloud":
            return (constant(escape(text), rule),)
        return self.scanned_text(text, Label.at(Locality.CLOUD, Integrity.UNTRUSTED), rule=rule, origin=tool)

    def model_text(self, text: str, shown: Label) -> LabelledText:
        """Text that the cloud wrote: its handles stay handles, the rest carries the join of all it was shown."""
        label = shown.with_integrity(Integrity.UNTRUSTED)
        return tuple(self._model_part(part, label) for part in parts_of(text))

    def _model_part(self, part: str | Handle, label: Label) -> Span:
        if isinstance(part, Handle) and part in self.vault and self.vault[part].label.visible:
            return self.handle_span(part)
        text = escape(str(part)) if isinstance(part, Handle) else part
        return Span(clear=text, masked=WITHHELD, label=label, rule="written by a model")

    def handle_span(self, handle: Handle) -> Span:
        """A handle that stands in text; only a caller on the device that may see values sees another thing."""
        value = self.vault[handle].value
        clear = escape(value if isinstance(value, str) else compact_json(value))
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
        writer = JsonWriter(
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
        writer = JsonWriter(
            labeller=self,
            tool=tool,
            assignment=self.policy.results(tool, None),
            known_keys=frozenset(),
            own_keys=False,
            integrity=Integrity.UNTRUSTED,
        )
        text = well_formed(detail)
        return writer.write_leaf(text, rule)

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
        writer = ArgumentWriter(self, tool, rules, written, names, leaves_only=unseen)
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
        named = type_of({}, resolution) if hidden or resolution.type != ANY_TYPE else ""
        link = resolution.link and not hidden

        def conceal(value: Any) -> Span:
            vault.conceal(value, label=label, origin=origin)
            return Span(escaped_json(value), HIDDEN, label, rule)

        def keep(value: Any) -> Span:
            word = named or type_of(value, resolution)
            handle = vault.keep(value, type=word, label=label, origin=origin, link=link)
            fact = f" ({self.declassified.fact(show, handle, value).text})" if show else ""
            return Span(escaped_json(value), ('"', handle, fact + '"'), label, rule, False, fact)

        return keep if label.visible else conceal

    def scanned_text(
        self, text: str, label: Label, *, rule: str, origin: str, link: bool = True
    ) -> LabelledText:
        """Text that may leave except for what the detectors, or the vault, know to be private."""
        spans: list[Span] = []
        end = 0
        for found in private_spans(text, self.scanner, self.known):
            if found.start > end:
                spans.append(clear_span(text[end : found.start], label, rule))
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
            spans.append(clear_span(text[end:], label, rule))
        return tuple(spans)

    def _handle_again(self, kept: Kept) -> Handle:
        """The value's handle; a fresh one where equality must not show."""
        if kept.linked:
            return kept.handle
        return self.vault.keep(
            kept.value, type=kept.handle.type, label=kept.label, origin=kept.origin, link=False
        )

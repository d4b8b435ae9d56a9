"""Labelling: instruction, results, arguments and model text become labelled text; what stays goes to the vault.

Keeps I2 (no rule means *stay*), I4 (handle-like text of any input is escaped, and never resolves) and I8.

Covered: every JSON leaf, every object key, text spans found by detectors, text copied out of the vault; where a
rule says `shape: hidden`, or what a result was made of stays, also lengths, keys, JSON types, success and failure.
Not covered: these under `shape: open`, which a policy declares by not saying `hidden`: `shapes` counts what they tell.

I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.labelling.json_text import WITHHELD, staying, whole
from umi_edge.labelling.json_writer import ArgumentWriter, JsonWriter
from umi_edge.labelling.keeper import ENDS, Keeper, PartLabel, as_the_whole
from umi_edge.labelling.reading import Reading, reading_of
from umi_edge.labelling.scan_remainder import ScanRemainder
from umi_edge.labelling.shape_budget import Shapes
from umi_edge.labelling.text import LabelledText, Span, constant
from umi_edge.labelling.vault import INSTRUCTION, Origin, Source, Vault
from umi_edge.policy import LabelledLeaf, Location, Policy, Resolution, Scanner, ToolPolicy
from umi_edge.policy.document import Instruction
from umi_edge.policy.families import BUILT_IN
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.tools.outcome import FailureKind
from umi_edge.tools.record import NO_DOUBTS, Doubt, Doubts
from umi_edge.tools.runner import DETAIL_CHARACTERS
from umi_edge.values.json_walk import scalars, walk
from umi_shared.bars import NO_BARS, Bar
from umi_shared.handles import Handle, escape, parts_of
from umi_shared.labels import PUBLIC, Integrity, Label, Locality, join_all
from umi_shared.well_formed import well_formed

__all__ = ["LabelledArguments", "Labeller", "own_words", "values_seen"]

_ECHOED = "a reply that repeats the planner's question"
"""The rule of such a reply."""
_ECHO = Doubt("in a question of the planner's", True, "type it in an instruction of your own")
_CHARACTERISTIC = re.compile(r"\S*[@\d]\S*")
"""Words that name one thing: addresses, numbers, accounts."""
_VALUES_SEEN = "the caller has seen values"
"""The rule of what such a caller wrote."""


def own_words(typed: LabelledText) -> str:
    """What the user typed, without what they repeat of a model's words."""
    return "".join(span.clear if span.label.trusted else "\n" for span in typed)


def values_seen(call: LabelledText) -> bool:
    """Whether what a call says was written by a caller that had seen values that stay."""
    return any(span.rule == _VALUES_SEEN for span in call)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledArguments:
    """The arguments of a call: labelled text for the views, a label for each leaf for the checks."""

    text: LabelledText
    leaves: Mapping[Location, LabelledLeaf] = field(repr=False)  # member names may be private

    @property
    def label(self) -> Label:
        """The label of a text that is made from all of these leaves."""
        return join_all(leaf.label for leaf in self.leaves.values())


@dataclass(slots=True)
class Labeller:
    """Labels what enters a session, by the policy; what stays goes to its keeper."""

    policy: Policy
    keeper: Keeper
    sources: Mapping[str, str]
    """Where each tool of the catalogue comes from, by its name."""
    result_names: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    """The member names in each tool's results that are the tool's words, as the cloud may read them."""
    mends_words: bool = False
    """Whether mistyped words of the user's are mended."""
    shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        self.shapes = Shapes(self.policy.limits.shape_bits)

    @classmethod
    def fresh(
        cls,
        policy: Policy,
        scanner: Scanner,
        sources: Mapping[str, str],
        *,
        hash_key: bytes = b"",
        vault: Vault | None = None,
        mends_words: bool = False,
    ) -> "Labeller":
        """A labeller with an empty vault; without a `hash_key`, `show: hash` differs from session to session."""
        keeper = Keeper(
            scanner,
            Vault() if vault is None else vault,
            declassified_bits=policy.limits.declassified_bits,
            hash_key=hash_key or secrets.token_bytes(32),
        )
        return cls(policy, keeper, sources, mends_words=mends_words)

    @property
    def vault(self) -> Vault:
        """The values that this session keeps."""
        return self.keeper.vault

    def tool_policy(self, tool: str) -> ToolPolicy:
        """What the policy says of a tool of the catalogue."""
        return self.policy.tool(tool, source=self.sources.get(tool, ""))

    def read(self, text: str) -> Reading:
        """What the user typed, with mistyped words mended; as it is where the policy lets all of it out."""
        text = well_formed(text)
        if not self.mends_words or self.policy.defaults.instruction is Instruction.CLOUD:
            return Reading(text)
        return reading_of(text, self.keeper.scanner, self.keeper.known)

    def instruction(self, said: str | Reading, part: PartLabel = as_the_whole) -> LabelledText:
        """What the user asked for; spans that the detectors find stay (docs/design.md#one-step).

        `part` says the label of what in it is not their own.
        """
        read = said if isinstance(said, Reading) else self.read(said)
        label, word = Label.at(Locality.CLOUD, Integrity.TRUSTED), self.policy.defaults.instruction
        rule = f"{self.policy.file or 'built in'} defaults.instruction: {word}"
        if word is Instruction.CLOUD:
            return self.keeper.clear_text(read.text, label, rule=rule, origin=INSTRUCTION, part=part)
        return self.keeper.scanned_text(
            read.text, label, rule=rule, origin=INSTRUCTION, part=part, also=read.stays
        )

    def reply(
        self,
        said: str | Reading,
        question: str,
        bars: frozenset[Bar] = NO_BARS,
        part: PartLabel = as_the_whole,
    ) -> LabelledText:
        """What the user replied to a planner's question, which they were shown.

        Where it repeats an address or a number of the question, the planner put that into their mouth: it is then not
        the user's own word, and nothing in it becomes so; and what bars the question bars it.
        """
        read, asked = said if isinstance(said, Reading) else self.read(said), question.casefold()
        if not any(word.strip(ENDS) in asked for word in _CHARACTERISTIC.findall(read.text.casefold())):
            return self.instruction(read, part)
        label = Label.at(Locality.CLOUD, Integrity.UNTRUSTED).with_bars(bars)
        origin = Origin(Source.RESULT, "the planner's question", _ECHO)
        return self.keeper.scanned_text(read.text, label, rule=_ECHOED, origin=origin, also=read.stays)

    def past_answer(self, text: str) -> LabelledText:
        """An answer of a session that is gone, with real values in it: nothing tells which, so all of it stays.

        Nor from which tools they came: it is barred as anything is that the policy bars.
        """
        label = Label.at(Locality.HANDLE, Integrity.UNTRUSTED).with_bars(self.policy.bars)
        origin = Origin(Source.RESULT, "an earlier chat")
        handle = self.vault.keep(well_formed(text), type="text", label=label, origin=origin)
        return (self.keeper.handle_span(handle),)

    def card(self, tool: str, text: str) -> LabelledText:
        """A tool's description, as the catalogue tells it to the cloud."""
        text, rule = well_formed(text), f"catalogue card of {tool}"
        if self.sources.get(tool) == BUILT_IN:
            return (constant(escape(text), rule),)
        origin = Origin(Source.RESULT, tool)
        if self.tool_policy(tool).card == "cloud":
            return self.keeper.clear_text(text, PUBLIC, rule=rule, origin=origin)
        label = Label.at(Locality.CLOUD, Integrity.UNTRUSTED)
        return self.keeper.scanned_text(text, label, rule=rule, origin=origin)

    def model_text(self, text: str, shown: Label) -> LabelledText:
        """Text that the cloud wrote: its handles stay handles, the rest carries the join of all it was shown."""
        label = shown.with_integrity(Integrity.UNTRUSTED)
        return tuple(self._model_part(part, label) for part in parts_of(text))

    def _model_part(self, part: str | Handle, label: Label) -> Span:
        if isinstance(part, Handle) and part in self.vault and self.vault[part].label.visible:
            return self.keeper.handle_span(part)
        text = escape(str(part)) if isinstance(part, Handle) else part
        return Span(clear=text, masked=WITHHELD, label=label, rule="written by a model")

    def result(
        self,
        tool: str,
        value: Any,
        *,
        made_of: Label = PUBLIC,
        type: str = "",  # noqa: A002
        doubts: Doubts = NO_DOUBTS,
    ) -> LabelledText:
        """The result of a call, as compact JSON text with a label for each leaf and key.

        `made_of` is the label of what decided it, where that is more than the tool's own data: the arguments of an
        operator, or all that a caller has seen. What bars it bars the result. Where it stays, the result stays, as one
        handle of no shape.
        `type` is what an operator's handle is called, unless a rule says. `doubts` says what of it is not
        the user's own. Raises `DeclassifiedError` and
        `ShapeLimitError`, the latter before anything is kept: no handle's number tells of what was refused.
        """
        hidden = self._hidden_root(tool, made_of, type)
        if hidden is not None:
            doubt = next(iter(doubts.records.values()), None)
            self.shapes.compared(tool, [any(doubts.compared)] if doubts.compared else [])
            own = Integrity.UNTRUSTED if doubt else self.tool_policy(tool).integrity
            label = Label.at(hidden.locality, own).join(made_of).with_bars(hidden.bars)
            source = Source.RESULT if made_of.public else Source.MADE
            return (self.keeper.kept(value, label, hidden, origin=Origin(source, tool, doubt)),)
        rules, own_names = self.policy.results(tool, value), self.sources.get(tool) == BUILT_IN
        spelled = rules.names | self.result_names.get(tool, frozenset())
        names = frozenset(name for name in spelled if not self.keeper.never_leaves(name))
        self.shapes.succeeded(tool, value, rules, own_names=own_names, names=names)
        self.shapes.compared(tool, doubts.compared)
        writer = JsonWriter(
            keeper=self.keeper,
            tool=tool,
            assignment=rules,
            known_keys=names,
            own_keys=own_names,
            integrity=Label(integrity=self.tool_policy(tool).integrity).join(made_of).integrity,
            root_type=type,
            bars=made_of.bars,
            doubts=doubts,
        )
        return writer.write(value)

    def leaves(self, tool: str, value: Any) -> Iterator[tuple[Location, Any, LabelledText]]:
        """Each leaf of a result with where it is and its own text; the whole of one whose shape is hidden.

        For the user's eyes. Raises `DeclassifiedError` and `ShapeLimitError`.
        """
        text = self.result(tool, value)
        if self.hides_shape(tool):
            yield (), value, text
            return
        rules = self.policy.results(tool, value)
        integrity = self.tool_policy(tool).integrity
        for step in walk(value):
            if not step.punctuation:
                writer = JsonWriter(
                    keeper=self.keeper,
                    tool=tool,
                    assignment=rules,
                    known_keys=frozenset(),
                    own_keys=False,
                    integrity=integrity,
                )
                yield step.location, step.value, writer.write_leaf(step.value, rules.at(step.location))

    def failure(
        self,
        tool: str,
        kind: str,
        detail: str | None = None,
        *,
        made_of: Label = PUBLIC,
        type: str = "",  # noqa: A002
        told: bool = False,
    ) -> tuple[str, LabelledText]:
        """What is said of a failed call: its kind, and of the tool's own words (`detail`) what a rule lets out.

        Where the shape of the result is hidden, not even the kind: a failure then looks like any result. Where it is
        `told` that nothing was found (`tells_found`), that and no other kind. Raises `ShapeLimitError`.
        """
        if told:
            return str(FailureKind.NOT_FOUND), ()
        if self._hidden_root(tool, made_of, "") is not None:
            return "", self.result(tool, None, made_of=made_of, type=type)
        self.shapes.failed(tool, kind)
        rule = self.tool_policy(tool).errors
        if rule is None or detail is None:
            return kind, ()
        bars = rule.bars | self.tool_policy(tool).bars | made_of.bars
        return kind, self._error_text(tool, detail, replace(rule, bars=bars))

    def _error_text(self, tool: str, detail: str, rule: Resolution) -> LabelledText:
        """A tool's own words on its failure, as JSON text; whoever wrote them, they are not trusted."""
        if (rule.scan or self.keeper.scanner.never) and len(detail) >= DETAIL_CHARACTERS:
            # The cut may have gone through a private span, of which no detector knows the first half.
            rule = staying(rule)
        writer = JsonWriter(
            keeper=self.keeper,
            tool=tool,
            assignment=self.policy.results(tool, None),
            known_keys=frozenset(),
            own_keys=False,
            integrity=Integrity.UNTRUSTED,
        )
        text = well_formed(detail)
        return writer.write_leaf(text, rule)

    def tells_found(self, tool: str, made_of: Label, read: Collection[Handle]) -> bool:
        """Whether it may show if a tool found an answer in what it `read`; where that stays, it is charged.

        No, where it is no reader, and where the policy hides the tool's shape, or that of what is read: then an answer
        and none look alike. Raises `DeclassifiedError`.
        """
        if made_of.public:
            return False  # then all is told
        open_shapes = all(self.vault[handle].linked for handle in read)
        if not read or not made_of.visible or not open_shapes or self.hides_shape(tool):
            return False
        self.keeper.declassified.found(min(read))
        return True

    def hides_shape(self, tool: str) -> bool:
        """Whether not even a failure of the tool may show."""
        return self._hidden_root(tool, PUBLIC, "") is not None

    def _hidden_root(self, tool: str, made_of: Label, type: str) -> Resolution | None:  # noqa: A002
        """How a result is kept of which not even the shape may show; None where it may.

        Depends on the policy and on labels alone, so that a failure is kept as a success would be.
        """
        rules = self.policy.results(tool, None)
        root, below = rules.at(()), rules.bars_below(())
        if root.type == ANY_TYPE and type:
            root = replace(root, type=type)
        if made_of.public:
            return whole(root, below) if root.shape == Shape.HIDDEN else None
        return whole(replace(root, rule_id="what it was made of stays"), below)

    def arguments(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        shown: Label,
        *,
        names: Collection[str] = (),
        values_seen: bool = False,
        drafted: Collection[str] = (),
    ) -> LabelledArguments:
        """The arguments that the caller wrote, or the planner (`drafted`), handles unresolved.

        `names` are the member names that the tool's schema declares; others are the caller's own words. A caller
        that has seen values (`values_seen`) may tell of them by what it writes at all, so its arguments stay
        whole. Raises `UnknownHandleError` for a handle that this session never issued.
        """
        written = shown.with_integrity(Integrity.UNTRUSTED)
        unseen = values_seen and written != Label.at(Locality.CLOUD)
        names = frozenset(names) | self.policy.table(tool, "arguments").names
        rules = self.policy.arguments(tool, arguments)
        writer = ArgumentWriter(self.keeper, tool, rules, written, names, leaves_only=unseen, drafted=drafted)
        text = writer.write(arguments)
        if unseen:
            text = self.unseen(tool, arguments, written)
        return LabelledArguments(text=text, leaves=writer.leaves)

    def remainder(self, arguments: Mapping[str, Any], labelled: LabelledArguments) -> ScanRemainder:
        """What the detectors leave of a call's arguments, for the check of what is stored."""
        return ScanRemainder(
            arguments=arguments, leaves=labelled.leaves, vault=self.vault, scanner=self.keeper.scanner
        )

    def quoted(self, arguments: Any) -> Label:
        """The label of a text that may quote the values of a call's arguments: it stays, and is barred as they are."""
        texts = (one for one in scalars(arguments) if isinstance(one, str))
        handles = [part for text in texts for part in parts_of(text) if isinstance(part, Handle)]
        return join_all(self.vault[one].label for one in handles if one in self.vault).join(Label())

    def unseen(self, tool: str, arguments: Any, written: Label) -> LabelledText:
        """What a caller that has seen values wrote, or failed to write, as one handle of no shape."""
        rule = Resolution(shape=Shape.HIDDEN, rule_id=_VALUES_SEEN)
        return (self.keeper.kept(arguments, written, rule, origin=Origin(Source.ARGUMENTS, tool)),)

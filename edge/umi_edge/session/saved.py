"""A session as bytes and back: its vault, its transcript with all labels, and what it has declassified.

The bytes hold private values; `sealed_store` is where they go. A session is restored under the policy and the
catalogue that it was saved with and no others: its labels are theirs.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.labelling.text import LabelledEntry, Span
from umi_edge.labelling.vault import Kept, Origin, Source
from umi_edge.session.events import Action
from umi_edge.session.sealed_store import SealedStore, SealingKey
from umi_edge.session.session import Session
from umi_edge.session.snapshot import Snapshot
from umi_edge.tools import Catalogue, Doubt
from umi_shared.bars import Bar
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle, Text, parts_of
from umi_shared.labels import Integrity, Label
from umi_shared.transcript import (
    Answer,
    Call,
    Clock,
    DraftUse,
    Entry,
    Instruction,
    Next,
    Observation,
    Plan,
    Relation,
)

__all__ = ["SavedChat", "fingerprint", "restore", "saved"]

_VERSION = 6


@dataclass(frozen=True, slots=True)
class SavedChat:
    """A conversation that is saved under a name; without a name, one that is not saved."""

    name: str = field(default="", repr=False)
    store: SealedStore | None = None
    policy_text: str = field(default="", repr=False)
    content: bytes = field(default=b"", repr=False)
    """The saved session to go on with; empty for a new one."""

    @classmethod
    def open(
        cls, name: str, folder: Path, policy_text: str, sealing: Callable[[], SealingKey], *, resume: bool
    ) -> "SavedChat":
        """Find the conversation to go on with, or make sure that a new one takes nobody's place.

        `folder` is where saved conversations lie; they go on under this very policy text. Raises `ConfigError`
        before anything is started.
        """
        if not name:
            return cls()
        store = SealedStore(folder, sealing())
        if resume:
            return cls(name, store, policy_text, store.load(name))
        if store.path(name).exists():
            raise ConfigError(
                f"there is a conversation called {name} already",
                fix=f"go on with it: `umi chat --resume {name}`; or choose another name",
            )
        return cls(name, store, policy_text)

    def restore(self, session: Session) -> None:
        """Bring a fresh session to where the saved one was, if there is one."""
        if self.content:
            restore(session, self.content, fingerprint(self.policy_text, session.catalogue))

    def keep(self, session: Session) -> None:
        """Save the session as it is now."""
        if self.store is not None:
            self.store.save(self.name, saved(session, fingerprint(self.policy_text, session.catalogue)))


def fingerprint(policy_text: str, catalogue: Catalogue) -> str:
    """What a saved session depends on, as one word."""
    tools = [[tool.name, tool.description, dict(tool.input_schema), tool.source] for tool in catalogue]
    return hashlib.sha256(f"{policy_text}\n{json.dumps(tools, sort_keys=True)}".encode()).hexdigest()


def saved(session: Session, depends_on: str) -> bytes:
    """The session between two instructions."""
    now = session.snapshot()
    state = {
        "version": _VERSION,
        "depends_on": depends_on,
        "vault": [
            [str(kept.handle), kept.value, _label(kept.label), list(kept.origin), kept.linked]
            for kept in now.kept
        ],
        "entries": [_entry(entry) for entry in now.entries],
        "read_by": now.read_by,
        "declassified": [[str(handle), show, bits] for (handle, show), bits in now.declassified.items()],
        "shapes": [[what, tool, bits] for (what, tool), bits in now.shapes.items()],
        "lost_at": len(now.entries) - 1 if now.waiting is not None else now.lost_at,
        "record": [
            [one.tool, dict(one.arguments), one.result, one.detail, one.seconds] for one in now.record
        ],
    }
    return json.dumps(state, ensure_ascii=False).encode()


def restore(session: Session, content: bytes, depends_on: str) -> None:
    """Bring a fresh session to where a saved one was. Raises `ConfigError` where that cannot be."""
    try:
        unfit = _restore(session, json.loads(content), depends_on)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        unfit = "the saved session is not one that this version of umi can read"
    if unfit:  # outside of the handler, whose error may quote values (I8)
        raise ConfigError(unfit, fix="start a new one")


def _restore(session: Session, state: Mapping[str, Any], depends_on: str) -> str:
    """Do it, or say why not."""
    if state["version"] != _VERSION:
        return f"the session was saved by another version of umi ({_VERSION} is this one's)"
    if state["depends_on"] != depends_on:
        return "the session was saved under another policy, or with other tools: its labels are theirs"
    session.resume(
        Snapshot(
            kept=tuple(_read_kept(*kept) for kept in state["vault"]),
            entries=tuple(_read_entry(entry) for entry in state["entries"]),
            read_by={str(sink): int(count) for sink, count in state["read_by"].items()},
            declassified={
                (_handle(handle), str(show)): int(bits) for handle, show, bits in state["declassified"]
            },
            shapes={(str(what), str(tool)): float(bits) for what, tool, bits in state["shapes"]},
            lost_at=int(state.get("lost_at", -1)),
            record=tuple(
                Action(tool=tool, arguments=arguments, result=result, detail=detail, seconds=seconds)
                for tool, arguments, result, detail, seconds in state["record"]
            ),
        )
    )
    return ""


def _read_kept(handle: str, value: Any, label: list[Any], origin: list[Any], linked: bool) -> Kept:
    source, tool, doubt = origin
    known = Doubt(*doubt) if doubt is not None else None
    return Kept(_handle(handle), value, _read_label(label), Origin(Source(source), tool, known), linked)


def _handle(text: str) -> Handle:
    (handle,) = parts_of(text)
    if not isinstance(handle, Handle):
        raise TypeError("no handle")
    return handle


def _label(label: Label) -> list[Any]:
    readers = None if label.readers is None else sorted(label.readers)
    bars = [[bar.rule, list(bar.tools), bar.only] for bar in sorted(label.bars)]
    return [readers, label.visible, label.integrity.value, bars]


def _read_label(label: list[Any]) -> Label:
    readers, visible, integrity, bars = label
    return Label(
        readers=None if readers is None else frozenset(readers),
        visible=bool(visible),
        integrity=Integrity(integrity),
        bars=frozenset(Bar(str(rule), tuple(map(str, tools)), bool(only)) for rule, tools, only in bars),
    )


def _entry(entry: LabelledEntry) -> dict[str, Any]:
    return {"template": _template(entry.template), "text": [_span(span) for span in entry.text]}


def _read_entry(entry: Mapping[str, Any]) -> LabelledEntry:
    return LabelledEntry(
        _read_template(*entry["template"]), tuple(_read_span(span) for span in entry["text"])
    )


def _template(entry: Entry) -> list[str]:
    match entry:
        case Clock():
            return ["clock"]
        case Instruction():
            return ["instruction"]
        case Plan(_, next_, tool):
            return ["plan", next_.value, tool]
        case Call(tool, _, draft):
            return ["call", tool, draft.value]
        case Observation(tool, _, failure, relations):
            return ["observation", tool, failure, *(str(one) for pair in relations for one in pair)]
        case Answer():
            return ["answer"]


def _read_template(kind: str, *words: str) -> Entry:
    match kind, words:
        case "clock", ():
            return Clock(())
        case "instruction", ():
            return Instruction(())
        case "plan", (next_, tool):
            return Plan((), Next(next_), tool)
        case "call", (tool, draft):
            return Call(tool, (), DraftUse(draft))
        case "observation", (tool, failure, *told):
            pairs = zip(told[::2], told[1::2], strict=True)
            relations = tuple(Relation(_handle(whole), _handle(part)) for whole, part in pairs)
            return Observation(tool, (), failure, relations)
        case "answer", ():
            return Answer(())
    raise ValueError("no entry")


def _span(span: Span) -> dict[str, Any]:
    return {
        "clear": span.clear,
        "masked": [{"handle": str(part)} if isinstance(part, Handle) else part for part in span.masked],
        "label": _label(span.label),
        "rule": span.rule,
        "explicit": span.explicit,
        "fact": span.fact,
    }


def _read_span(span: Mapping[str, Any]) -> Span:
    masked: Text = tuple(
        _handle(part["handle"]) if isinstance(part, dict) else str(part) for part in span["masked"]
    )
    return Span(
        clear=str(span["clear"]),
        masked=masked,
        label=_read_label(span["label"]),
        rule=str(span["rule"]),
        explicit=bool(span["explicit"]),
        fact=str(span["fact"]),
    )

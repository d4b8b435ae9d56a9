"""Where the values of a call came from, by labels and by the vault: what consent tells beside each value.

A handle carries its value's origin. What a model wrote is the user's own where they typed these very words; else it is
the model's, and a stranger's as soon as the model has read untrusted text in clear: no label can tell then whose idea
it was. A handle that it was shown is no such text: it holds nothing that could have persuaded it.

I2: docs/design.md#i2-fail-closed
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from umi_edge.labelling.labeller import values_seen
from umi_edge.labelling.text import DEVICE, LabelledEntry
from umi_edge.labelling.vault import Kept, Source, Vault
from umi_edge.policy import LabelledLeaf, Location
from umi_edge.session.consent import DecidedBy, Provenance
from umi_edge.session.own_words import stands_in, typed_words
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER
from umi_shared.transcript import Call, Observation

__all__ = ["provenance_of", "strangers_read"]


def strangers_read(entries: Sequence[LabelledEntry]) -> tuple[str, ...]:
    """The tools whose untrusted text a model of this session was shown in clear, in order and each once.

    The planner reads what is released to it; a caller that sees values has read all that came before its call.
    """
    calls = [at for at, entry in enumerate(entries) if isinstance(entry.template, Call)]
    by_caller = max((at for at in calls if values_seen(entries[at].text)), default=0)
    return tuple(
        dict.fromkeys(
            entry.template.tool
            for at, entry in enumerate(entries)
            if isinstance(entry.template, Observation)
            and not entry.shown_to(DEVICE if at < by_caller else PLANNER).trusted
        )
    )


def provenance_of(
    arguments: Mapping[str, Any],
    leaves: Mapping[Location, LabelledLeaf],
    *,
    vault: Vault,
    entries: Sequence[LabelledEntry],
    read: tuple[str, ...],
) -> dict[str, Provenance]:
    """Where each argument came from, as it was written with its handles unresolved.

    `read` are the tools of `strangers_read`.
    """
    typed = typed_words(entries)
    return {name: _of(name, value, leaves, vault, typed, read) for name, value in arguments.items()}


def _of(
    name: str,
    value: Any,
    leaves: Mapping[Location, LabelledLeaf],
    vault: Vault,
    typed: Sequence[str],
    read: tuple[str, ...],
) -> Provenance:
    handles = [handle for at, leaf in leaves.items() if at[:1] == (name,) for handle in leaf.handles]
    parts = [_kept(vault[handle], read) for handle in dict.fromkeys(handles) if handle in vault]
    parts += [_written(text, typed, read) for text in _texts(value)]
    if not parts:  # an empty list, an empty text: somebody chose even that
        parts = [_by_model(read)]
    return Provenance(
        decided_by=max((who for who, _ in parts), key=lambda who: who.doubt),
        said=tuple(dict.fromkeys(said for _, said in parts)),
    )


def _kept(kept: Kept, read: tuple[str, ...]) -> tuple[DecidedBy, str]:
    match kept.origin.source:
        case Source.INSTRUCTION:
            return DecidedBy.YOU, "typed by you"
        case Source.RESULT if kept.label.trusted:
            return DecidedBy.YOUR_DATA, f"your data: {kept.origin.tool}"
        case Source.RESULT if kept.origin.doubt is not None:
            doubt, store = kept.origin.doubt, kept.origin.tool.partition(".")[0]
            decided_by = DecidedBy.STRANGER if doubt.by_stranger else DecidedBy.MODEL
            return decided_by, f"from your {store}, {doubt.said}"
        case Source.RESULT:
            return DecidedBy.STRANGER, f"somebody else's text: {kept.origin.tool}"
        case Source.MADE if kept.label.trusted:
            return DecidedBy.YOUR_DATA, f"made of your data by {kept.origin.tool}"
        case Source.MADE:
            return DecidedBy.STRANGER, f"made by {kept.origin.tool} of what is not yours alone"
        case Source.ARGUMENTS:
            return _by_model(read)


def _written(text: str, typed: Sequence[str], read: tuple[str, ...]) -> tuple[DecidedBy, str]:
    if any(stands_in(text, one) for one in typed):
        return DecidedBy.YOU, "typed by you"
    return _by_model(read)


def _by_model(read: tuple[str, ...]) -> tuple[DecidedBy, str]:
    if read:
        return DecidedBy.STRANGER, f"written by a model after it had read {', '.join(read)}"
    return DecidedBy.MODEL, "written by a model, not typed by you"


def _texts(node: Any) -> Iterable[str]:
    """What a model wrote of a value, without the handles in it; names of members, too."""
    if isinstance(node, dict):
        yield from node
        for child in node.values():
            yield from _texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _texts(child)
    elif isinstance(node, str):
        parts = parts_of(node)
        yield from (part for part in parts if not isinstance(part, Handle) and part.strip(" ,.;:"))
    else:
        yield json.dumps(node)

"""Unknown names: those in a labelled text that no detector knows and that are about to leave.

I1: docs/design.md#i1-release-only
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Collection, Iterator

from umi_edge.labelling.json_text import WITHHELD
from umi_edge.labelling.text import LabelledText, Span
from umi_edge.labelling.vault import Origin, Vault
from umi_edge.policy.excepted import is_exception
from umi_edge.policy.person_names.unknown import KEPT, unknown_names
from umi_edge.session.consent import ConsentRequest, DecidedBy, Provenance
from umi_shared.handles import escape
from umi_shared.labels import PLANNER, Label, Locality, Sink

__all__ = ["about_to_leave", "question_of", "with_names_kept"]

_TYPE = "person"
_RULE = "you let it stay"


def about_to_leave(text: LabelledText, reader: Sink) -> tuple[str, ...]:
    """The unknown names in what detectors have left of scanned texts, each once."""
    leaving = "".join(span.clear if _is_scanned(span, reader) else KEPT for span in text)
    return tuple(dict.fromkeys(leaving[start:end] for start, end in unknown_names(leaving)))


def with_names_kept(
    text: LabelledText, names: Collection[str], vault: Vault, origin: Origin, reader: Sink
) -> LabelledText:
    """The same text with handles in the place of some names."""
    longest = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, longest))})(?![^\W_])")
    return tuple(part for span in text for part in _parted(span, pattern, vault, origin, reader))


def question_of(names: Collection[str], reader: Sink, *, instruction: bool) -> ConsentRequest:
    """What the user is asked before unknown names leave."""
    who = "the planner" if reader == PLANNER else reader
    said = "you typed it" if instruction else "a tool's result has it"
    by = Provenance(decided_by=DecidedBy.YOU if instruction else DecidedBy.YOUR_DATA, said=(said,))
    arguments = {f"name {number}": name for number, name in enumerate(names, 1)}
    consequence = "Without your yes nothing is sent" if instruction else "Without your yes they stay"
    return ConsentRequest(
        tool=who,
        question=f"May {who} read these names?",
        arguments=arguments,
        reasons=(f"no detector knows them (`unknown_names: ask`). {consequence}",),
        leaves_device=True,
        provenance=dict.fromkeys(arguments, by),
    )


def _is_scanned(span: Span, reader: Sink) -> bool:
    if span.masked != WITHHELD or span.explicit or is_exception(span.rule):
        return False
    return span.label.may_read(reader)


def _parted(
    span: Span, pattern: re.Pattern[str], vault: Vault, origin: Origin, reader: Sink
) -> Iterator[Span]:
    if not _is_scanned(span, reader) or not pattern.search(span.clear):
        yield span
        return
    for number, piece in enumerate(pattern.split(span.clear)):
        if number % 2 == 0:
            if piece:
                yield span._replace(clear=piece)
            continue
        label = Label.at(Locality.HANDLE, span.label.integrity).with_bars(span.label.bars)
        handle = vault.keep(piece, type=_TYPE, label=label, origin=origin)
        yield Span(clear=escape(piece), masked=(handle,), label=label, rule=_RULE)

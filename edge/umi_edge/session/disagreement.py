"""Two rules that disagree on a value, found in a session: where it stands, who keeps it and who lets it out.

The guard knows bytes and values; which rules they come from is in the transcript. Values are looked for here, and never
told.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterator, Sequence

from umi_edge.egress.guard import GuardedError
from umi_edge.labelling.text import LabelledEntry, Span
from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy.projection import projected
from umi_edge.values.json_walk import scalars
from umi_shared.errors import PrivacyError
from umi_shared.labels import Sink
from umi_shared.transcript import Answer, Call, Entry, Instruction, Observation, Plan

__all__ = ["explained"]


def explained(error: GuardedError, entries: Sequence[LabelledEntry], vault: Vault) -> PrivacyError:
    """The guard's error with the two rules and the place; as it is, where no rule lets the value out."""
    kept = next(one for one in vault if one.handle == error.handle)
    place = next(_let_out(kept, error.sink, entries), None)
    if place is None:
        return error
    entry, span = place
    if isinstance(entry, Plan | Answer):
        return PrivacyError(
            f"a model wrote what {kept.handle} (from {kept.origin}) stands for, which stays on this device; "
            "nothing more was sent",
            fix="start a new session: what the model wrote would be sent again with every message of this one",
        )
    keeps = _keeps(kept, entries)
    return PrivacyError(
        f"two rules disagree, so nothing more was sent: {kept.handle} (from {kept.origin}) stays on this device"
        f"{f' by {keeps}' if keeps else ''}, and it stands in {_named(entry)}, which {span.rule} lets the {error.sink} "
        "read",
        fix=f"say `scan-{error.sink}` in the second rule: what is kept then stays out of the text; "
        "or let both rules say the same",
    )


def _let_out(kept: Kept, sink: Sink, entries: Sequence[LabelledEntry]) -> Iterator[tuple[Entry, Span]]:
    """Where the value stands in what a sink is shown in clear, the latest place first."""
    wanted = [word for word in map(_plain, map(str, scalars(kept.value))) if word]
    for entry in reversed(entries):
        for span in entry.text:
            if (
                span.label.may_read(sink)
                and not span.explicit
                and any(word in _plain(span.clear) for word in wanted)
            ):
                yield entry.template, span


def _keeps(kept: Kept, entries: Sequence[LabelledEntry]) -> str:
    """The rule that keeps the value; empty where it stands in no entry, as a name that is only looked for."""
    for entry in entries:
        for span in entry.text:
            whole = not kept.label.visible and _plain(span.clear.strip('"')) == _plain(str(kept.value))
            if kept.handle in span.masked or (whole and not span.label.visible):
                return span.rule
    return ""


def _named(entry: Entry) -> str:
    match entry:
        case Observation(tool):
            return f"what {tool} gave"
        case Call(tool):
            return f"the arguments of {tool}"
        case Instruction():
            return "what you typed"
    return "the clock"


def _plain(text: str) -> str:
    return projected(text).strip()

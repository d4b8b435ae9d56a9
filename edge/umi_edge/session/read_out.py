"""Where an answer was read out of: what consent tells of a span that a tool found in a text that stays."""

from collections.abc import Sequence

from umi_edge.labelling.labeller import LabelledArguments
from umi_edge.labelling.vault import Kept, Vault
from umi_edge.tools.outcome import Succeeded
from umi_edge.tools.record import Doubt

__all__ = ["read_from", "read_out"]

_UNSURE = "it may not be what was asked for"


def read_from(argument: str, labelled: LabelledArguments, vault: Vault) -> tuple[Kept, ...]:
    """The values that one argument of a call refers to, in order and each once."""
    handles = (
        handle for at, leaf in labelled.leaves.items() if at[:1] == (argument,) for handle in leaf.handles
    )
    return tuple(vault[handle] for handle in dict.fromkeys(handles))


def read_out(tool: str, read: Sequence[Kept], outcome: Succeeded) -> Doubt:
    """Why an answer is not the user's own word: a model asked for it, and the text may be a stranger's."""
    by_stranger = not all(one.label.trusted for one in read)
    of = ", ".join(dict.fromkeys(str(one.origin) for one in read))
    whose = "somebody else's text" if by_stranger else "your data"
    maybe = f"; {_UNSURE}" if any(one.unsure for one in outcome.records or ()) else ""
    return Doubt(
        said=f"read by {tool} out of {whose} ({of}){maybe}",
        by_stranger=by_stranger,
        mend="type the value yourself",
    )

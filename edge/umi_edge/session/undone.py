"""What was not done: changes that were tried for an instruction and failed, which no model is left to tell of.

A small planner says that the event is created after its call has failed, and the summarizer tells the user so. The
device says before the answer what was not done, whatever the answer says.

Covered: calls that may change something and failed or were refused, without a later one of the same kind that
succeeded. Not covered: what no call was made for.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterable

from umi_edge.policy.checks import may_write
from umi_edge.policy.families import BUILT_IN
from umi_edge.session.events import Action
from umi_edge.session.unclear_choice import reads
from umi_edge.tools import Catalogue, FailureKind

__all__ = ["undone", "undone_note"]

_SAME = (
    frozenset({"mail.send", "mail.reply", "mail.forward"}),
    frozenset({"calendar.create", "calendar.repeat"}),
    frozenset({"notes.append", "notes.create", "notes.edit"}),
)
"""Tools of umi's own of which one may do what another could not."""
_WHY = {
    FailureKind.INVALID_ARGUMENTS: "what it was given is not valid",
    FailureKind.NOT_FOUND: "what it was to change is not there",
    FailureKind.UNAVAILABLE: "it is not available",
    FailureKind.TOO_LARGE: "it would be too large",
    FailureKind.DECLINED: "you did not say yes",
    "denied": "the policy does not allow it",
    "invalid-call": "no call that it takes was written",
    "unknown-handle": "no call that it takes was written",
}
_UNSURE = frozenset({FailureKind.TIMEOUT, "interrupted"})


def undone(record: Iterable[Action], catalogue: Catalogue) -> tuple[Action, ...]:
    """The last failure of each tool that may change something, where nothing of its kind succeeded since."""
    failed: dict[str, Action] = {}
    for action in record:
        if action.tool not in catalogue or not _changes(action.tool, catalogue):
            continue
        failed.pop(action.tool, None)
        if not action.done:
            failed[action.tool] = action
            continue
        for other in next((kind for kind in _SAME if action.tool in kind), ()):
            failed.pop(other, None)
    return tuple(failed.values())


def undone_note(actions: Iterable[Action], catalogue: Catalogue) -> str:
    """What the user is told of these, a line each; empty where there is nothing to tell."""
    return "\n".join(_line(one, own=catalogue[one.tool].source == BUILT_IN) for one in actions)


def _line(action: Action, *, own: bool) -> str:
    if action.result in _UNSURE:
        return f"It is not certain that {action.tool} was done: it did not end in time."
    why = _WHY.get(action.result, "it failed")
    detail = f" ({action.detail})" if own and action.detail else ""  # a stranger's words are not umi's to say
    return f"Not done: {action.tool}, since {why}{detail}."


def _changes(tool: str, catalogue: Catalogue) -> bool:
    one = catalogue[tool]
    return may_write(one.hints, one.source) and (one.source == BUILT_IN or not reads(tool))

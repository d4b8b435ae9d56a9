"""The user's own: which arguments of a call are, and what is kept of those that are not (`umi_edge.records`).

A value is the user's own where it is a trusted value that stays, whole and alone; or where they typed these very
words. All else a model wrote, or somebody else.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from umi_edge.labelling.labeller import own_words
from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy import LabelledLeaf, Location
from umi_edge.policy.names import stands_alone
from umi_edge.records import Marked, Records
from umi_edge.session.consent import Provenance
from umi_edge.values.json_walk import scalars
from umi_shared.labels import PLANNER
from umi_shared.transcript import Instruction

__all__ = ["not_the_users_own", "seen_text", "seen_words", "stands_in", "typed_words"]

_FEWEST_DIGITS = 5
"""A shorter number is no phone number, and no other number that somebody could be reached by."""


def typed_words(entries: Iterable[LabelledEntry]) -> list[str]:
    """What the user has typed in this session."""
    return [own_words(one.text) for one in entries if isinstance(one.template, Instruction)]


def seen_words(entries: Iterable[LabelledEntry]) -> list[str]:
    """The same as the planner sees it."""
    return [seen_text(one) for one in entries if isinstance(one.template, Instruction)]


def seen_text(entry: LabelledEntry) -> str:
    """The text of an entry as the planner sees it."""
    return "".join(str(part) for span in entry.text for part in span.seen_by(PLANNER))


def not_the_users_own(
    resolved: Mapping[str, Any],
    leaves: Mapping[Location, LabelledLeaf],
    provenance: Mapping[str, Provenance],
    typed: Sequence[str],
    records: Records,
) -> dict[str, Marked]:
    """What is kept of each argument that is not wholly the user's own; `resolved` are the values that the tool gets."""
    texts: dict[str, list[str]] = {}
    for at, leaf in leaves.items():
        if at and not (leaf.label.trusted and not leaf.model_written):
            texts.setdefault(str(at[0]), []).extend(
                text for text in _texts(_value_at(resolved, at)) if not _is_typed(text, typed)
            )
            # A name that the caller made up may say as much as the value under it.
            texts[str(at[0])] += [str(key) for key in at[1:] if isinstance(key, str)]
    found = {}
    for name, written in texts.items():
        known = provenance.get(name)
        marks = records.marks(written)
        if marks:
            found[name] = Marked(
                by_stranger=known is None or known.decided_by.by_stranger,
                said=known.said if known is not None else (),
                marks=marks,
            )
    return found


def stands_in(text: str, typed: str) -> bool:
    """Whether somebody typed a text, as it is and not as a part of a longer word."""
    text = text.strip()
    at = typed.find(text)
    while text and at >= 0:
        if stands_alone(typed, at, at + len(text)):
            return True
        at = typed.find(text, at + 1)
    return False


def _is_typed(text: str, typed: Sequence[str]) -> bool:
    return any(stands_in(text.casefold(), one.casefold()) for one in typed)


def _value_at(resolved: Any, at: Location) -> Any:
    for key in at:
        try:
            resolved = resolved[key]
        except (KeyError, IndexError, TypeError):  # left out by the policy
            return None
    return resolved


def _texts(value: Any) -> list[str]:
    """The texts in a value, and the numbers that may reach somebody."""
    found = [one for one in scalars(value) if isinstance(one, str | int) and not isinstance(one, bool)]
    return [str(one) for one in found if isinstance(one, str) or len(str(abs(one))) >= _FEWEST_DIGITS]

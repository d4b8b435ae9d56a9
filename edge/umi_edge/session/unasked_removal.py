"""Unasked removals: a plan cancels or deletes something, and nothing that the user said names it, or a removal.

"Which one do you mean?" over five events of a day is no question for somebody who asked when the water is off.

Covered: English, German, French and Spanish words for a removal. Not covered: a thing that is named in passing, of
which consent asks.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.item_evidence import Said, strength
from umi_edge.session.listed_items import listings, marks, taken_by

__all__ = ["UnaskedRemovalError", "asks_for_removal", "is_named", "removal_of"]

_TOOL = re.compile(r"(?:.*[._/-])?(?P<removes>cancel|delete|remove)(?:[._-].*|[A-Z].*)?")
_DONE = {"cancel": "cancelled", "delete": "deleted", "remove": "removed"}
_REMOVES = re.compile(
    r"\b(?:cancel\w*|delet\w*|remov\w*|drop\w*|scrap\w*|skip\w*|scratch|kill|clear|erase|undo|bin|ditch|get rid|"
    r"throw\w*|call(?:ed|ing)? (?:\S+ ){0,5}off|tak(?:e|ing) (?:\S+ ){0,5}(?:off|out)|not (?:going|coming|happening)|"
    r"isn'?t happening|can'?t (?:make|come|go)|cannot (?:make|come|go)|won'?t (?:make|come|go|be)|"
    r"no longer|don'?t (?:need|want)|"
    r"abgesagt|absag\w*|sag\w* (?:\S+ ){0,5}ab|streich\w*|gestrichen|l[oö]sch\w*|gel[oö]scht|entfern\w*|storni\w*|"
    r"f[aä]llt (?:\S+ ){0,5}aus|nimm (?:\S+ ){0,5}raus|annul\w*|supprim\w*|effac\w*|enl[eè]v\w*|retir\w*|"
    r"borr\w*|elimin\w*|quit\w*|anul\w*|suspend\w*)\b",
    re.IGNORECASE,
)


class UnaskedRemovalError(Exception):
    """A call that removes something, although nobody asked for it."""


def removal_of(tool: str) -> UnaskedRemovalError | None:
    """The question to ask where nobody asked for what a tool does; None for a tool that removes nothing.

    >>> str(removal_of("calendar.cancel")), removal_of("calendar.create"), str(removal_of("files.deleteFile"))
    ('Do you want something cancelled?', None, 'Do you want something deleted?')
    """
    found = _TOOL.fullmatch(tool)
    return UnaskedRemovalError(f"Do you want something {_DONE[found['removes']]}?") if found else None


def asks_for_removal(words: str) -> bool:
    """Whether words say that something is to go."""
    return _REMOVES.search(words) is not None


def is_named(arguments: Mapping[str, Any], entries: Sequence[LabelledEntry], said: Said) -> bool:
    """Whether any word that was said is of what a call takes; its day and its time name nothing."""
    taken = set(taken_by(arguments))
    things = (
        item.known
        for result in listings(entries)
        for items in result.lists
        for item in items
        if marks(item) & taken
    )
    return any(any(one[:-1]) for one in strength(said, list(things)))

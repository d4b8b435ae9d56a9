"""Gaps in the result of a tool that a detector reads: signs that it is not all, or not what the detector expects.

Covered: a page of several, by the words that people use for that; a total above what is there; a text where data
should be, such as an error that is not called one; members that are gone; values that are no text.
Not covered: a tool that gives less than there is and says nothing of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jsonpath_rfc9535.selectors import NameSelector

from umi_edge.policy import GazetteerSource
from umi_edge.tools import Lost

__all__ = ["gaps_of"]

_MORE = re.compile(
    r"(has|is)?(more|next|nextpage|moreavailable|truncated|incomplete|partial)|next(cursor|token|pagetoken|link|offset)"
)
"""Members that say, by being there and true, that this is not all; without case, `_` and `-`."""
_TOTALS = frozenset({"total", "totalcount", "totalresults", "totalitems"})
_ABOUT = frozenset({"pagination", "paging", "page", "pageinfo", "meta", "metadata", "links"})
"""Members that speak of the result."""
_WHERE = "its answer"


def gaps_of(result: Any, sources: Sequence[GazetteerSource], texts: int) -> tuple[Lost, ...]:
    """Why a result may have fewer names than there are; `texts` is how many the detectors found in it."""
    return (
        *_further_pages(result),
        *(gap for source in sources for gap in _misfits(result, source)),
        *_strange(result, sources, texts),
    )


def _further_pages(result: Any) -> Iterator[Lost]:
    fix = "let it give all at once when it is called without arguments"
    if not isinstance(result, dict):
        return
    lengths = [len(value) for value in result.values() if isinstance(value, list)]
    about = [value for key, value in result.items() if _plain(key) in _ABOUT and isinstance(value, dict)]
    for members in (result, *about):
        for key, value in members.items():
            if _MORE.fullmatch(_plain(key)) and value not in (None, False, "", 0, [], {}):
                yield Lost(_WHERE, f"it says by `{_shown(key)}` that there is more", fix)
            counted = isinstance(value, int) and not isinstance(value, bool) and lengths
            if _plain(key) in _TOTALS and counted and value > max(lengths):
                yield Lost(_WHERE, f"it says by `{_shown(key)}` that there is more", fix)


def _misfits(result: Any, source: GazetteerSource) -> Iterator[Lost]:
    """Where the path leads to nothing that could hold a name."""
    fix = f"correct the path of {source.rule_id}, or mend the tool"
    place = result
    for name in _beginning(source):
        if not isinstance(place, dict) or name not in place:
            yield Lost(_WHERE, f"it has nothing at the beginning of `{source.path.shown}`", fix)
            return
        place = place[name]
    goes_on = len(_beginning(source)) < len(source.path.segments)
    if goes_on and not isinstance(place, dict | list) and not (place is None and _beginning(source)):
        yield Lost(_WHERE, f"it has no list where `{source.path.shown}` looks for one", fix)
    if any(isinstance(value, dict | list) for value in source.selected(result)):
        yield Lost(_WHERE, f"`{source.path.shown}` selects what is no text", fix)


def _strange(result: Any, sources: Iterable[GazetteerSource], texts: int) -> Iterator[Lost]:
    """Entries in none of which any of the detectors finds a name."""
    if texts:
        return
    for source in sources:
        place = result
        for name in _beginning(source):
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, list) and place:
            why = f"it has {len(place)} entries, and no detector finds a name in any of them"
            yield Lost(_WHERE, why, f"correct the path of {source.rule_id}, or mend the tool")
            return


def _beginning(source: GazetteerSource) -> list[str]:
    """The names at the beginning of a path, before the first list."""
    names: list[str] = []
    for segment in source.path.segments:
        if segment.descendant or len(segment.selectors) != 1:
            break
        selector = segment.selectors[0]
        if not isinstance(selector, NameSelector):
            break
        names.append(selector.name)
    return names


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _shown(key: str) -> str:
    return key[:32]

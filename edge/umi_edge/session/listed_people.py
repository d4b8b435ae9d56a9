"""Listed people: a question for the people of a company is answered by all whom the search found, a correction by whom
it left.

The embedded planner takes several matches for a name that is ambiguous, and its summarizer asks which one is meant;
corrected, it tells the number of before. What is listed, and whether, depends on what the planner sees alone.

I1: docs/design.md#i1-release-only
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.item_line import described
from umi_edge.session.listed_items import Item, listings
from umi_edge.session.narrowed_search import SEARCH, Request
from umi_edge.values.word_lists import word_lists
from umi_shared.transcript import Instruction, Observation

__all__ = ["asks_for_people", "is_undecided", "list_of_people", "person_meant"]

_MOST = 20
_REACHED_BY = ("phone", "email")
_RESULT_OR_REQUEST = (Observation, Instruction)
_AMBIGUOUS = re.compile(r"\bambiguous\b", re.IGNORECASE)


def asks_for_people(request: str) -> bool:
    """Whether a request, as the planner sees it, asks who all there are.

    >>> asks_for_people("What people I have from <company:1>?"), asks_for_people("what is <person:1>'s number")
    (True, False)
    """
    return _patterns()["people"].search(request) is not None


def is_undecided(rationale: str) -> bool:
    """Whether a plan that ends says that it does not know which of several is meant."""
    return _AMBIGUOUS.search(rationale) is not None


def list_of_people(entries: Sequence[LabelledEntry], request: str) -> str | None:
    """All whom the last call found, in handles, where it was a search in the contacts that found several."""
    people = _found_last(entries)
    if len(people) < 2:
        return None
    lines = [_line(one, [*_details(request), "role"]) for one in people[:_MOST]]
    more = f" and {len(people) - _MOST} more" if len(people) > _MOST else ""
    return f"I found {len(people)} contacts: {_joined(lines, more)}."


def person_meant(entries: Sequence[LabelledEntry], request: Request) -> str | None:
    """The one whom a search found after "no, the other one", in handles, with what they are reached by."""
    people = _found_last(entries)
    if len(people) != 1 or not request.corrects or not request.says_who or "?" in request.seen:
        return None
    return f"I found {_line(people[0], _details(request.seen) or _REACHED_BY)}."


def _found_last(entries: Sequence[LabelledEntry]) -> tuple[Item, ...]:
    """Whom the last call of this request found, where it was a search in the contacts."""
    found = listings(entries)
    newest = (
        at for at in reversed(range(len(entries))) if isinstance(entries[at].template, _RESULT_OR_REQUEST)
    )
    last = next(newest, -1)
    template = entries[last].template if last >= 0 else None
    if not isinstance(template, Observation) or template.tool != SEARCH or not found or found[-1].at != last:
        return ()
    return max(found[-1].lists, key=len, default=())


def _details(request: str) -> list[str]:
    return [name for name in _REACHED_BY if _patterns()[name].search(request)]


@cache
def _patterns() -> Mapping[str, "re.Pattern[str]"]:
    one = word_lists("umi_edge.session.words", "listed_people.yaml").any_of
    who = (
        rf"^\W*(?:{one('openings')}\W*)*(?:{one('tell_me')}\s+)?{one('who')}\b(?!'?s {one('details')})|"
        rf"\b{one('people')}\b"
    )
    patterns = {"people": who} | {name: rf"\b{one(name)}\b" for name in _REACHED_BY}
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}


def _line(person: Item, told: Sequence[str]) -> str:
    return described(Item(person.seen, person.seen), told)


def _joined(lines: Sequence[str], more: str) -> str:
    if more:
        return f"{', '.join(lines)}{more}"
    return f"{', '.join(lines[:-1])} and {lines[-1]}"

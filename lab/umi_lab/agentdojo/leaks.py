"""Private text on the wire: what the tools gave and no rule released, looked for in the bytes that left.

It asks the policy where each leaf may go and the suite's own results what it was; vault, labels and release have no
say in it, so that a fault of theirs shows.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from umi_edge.guard import encodings
from umi_edge.json_walk import walk
from umi_edge.policy import Policy
from umi_shared.labels import Locality

__all__ = ["leaks", "private_texts"]

_MIN_CHARACTERS, _MIN_NUMBER = 4, 5


def private_texts(policy: Policy, results: Iterable[tuple[str, Any]], public: str) -> frozenset[str]:
    """Every leaf that stays, as text; shorter ones, and those that public text holds anyway, are left out."""
    known = public.casefold()
    return frozenset(text for text in _kept(policy, results) if text.casefold() not in known)


def _kept(policy: Policy, results: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for tool, value in results:
        assignment = policy.results(tool, value)
        for step in walk(value):
            if step.punctuation or assignment.at(step.location).locality is Locality.CLOUD:
                continue
            if isinstance(step.value, str) and len(step.value) >= _MIN_CHARACTERS:
                yield step.value
            elif isinstance(step.value, float) and len(str(step.value)) >= _MIN_NUMBER:
                yield str(step.value)


def leaks(texts: Iterable[str], sent: bytes) -> list[str]:
    """The private texts that are in the bytes, as they are, in lower case or encoded."""
    lowered = sent.lower()
    return [
        text
        for text in texts
        if text.encode() in sent
        or text.lower().encode() in lowered
        or any(needle in sent or needle in lowered for needle in encodings(text))
    ]

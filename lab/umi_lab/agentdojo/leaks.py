"""Private text on the wire: what the tools gave and no rule released, looked for in the bytes that left.

It asks the policy where each leaf may go and the suite's own results what it was; vault, labels and release have no
say in it, so that a fault of theirs shows.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from umi_edge.policy import Policy
from umi_edge.values.json_walk import walk
from umi_shared.labels import Locality

__all__ = ["leaks", "private_texts"]

_MIN_CHARACTERS, _MIN_NUMBER, _MIN_BASE64 = 4, 5, 8


def private_texts(policy: Policy, results: Iterable[tuple[str, Any]], public: str) -> frozenset[str]:
    """Every leaf that stays, as text; shorter ones, and those that public text holds anyway, are left out.

    Public is also what a rule releases in another leaf: an address that the agency lists may be where a meeting is.
    """
    leaves = list(_leaves(policy, results))
    known = "\n".join([public, *(text for text, stays in leaves if not stays)]).casefold()
    return frozenset(text for text, stays in leaves if stays and text.casefold() not in known)


def _leaves(policy: Policy, results: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Each leaf that is long enough, as text, and whether it stays."""
    for tool, value in results:
        assignment = policy.results(tool, value)
        for step in walk(value):
            if step.punctuation:
                continue
            stays = assignment.at(step.location).locality is not Locality.CLOUD
            if isinstance(step.value, str) and len(step.value) >= _MIN_CHARACTERS:
                yield step.value, stays
            elif isinstance(step.value, float) and len(str(step.value)) >= _MIN_NUMBER:
                yield str(step.value), stays


def leaks(texts: Iterable[str], sent: bytes) -> list[str]:
    """The private texts that the bytes hold, as they are, in lower case, or encoded."""
    lowered = sent.lower()
    return [
        text
        for text in texts
        if any(needle in sent or needle in lowered for needle in _spellings(text.encode(), text))
    ]


def _spellings(raw: bytes, text: str) -> set[bytes]:
    """The text as it is, in lower case, in hex, percent-encoded, with JSON's escapes, and in base64 at any offset."""
    found = {raw, raw.lower(), raw.hex().encode(), json.dumps(text)[1:-1].lower().encode()}
    found.add(quote(text, safe="").lower().encode())
    for shift in range(3 if len(raw) >= _MIN_BASE64 else 0):
        body = raw[(3 - shift) % 3 :]
        whole = body[: len(body) // 3 * 3]
        found |= {base64.b64encode(whole), base64.urlsafe_b64encode(whole)}
    return found

"""`value.extract`: a model on this device reads a text that stays, and copies out what is asked for."""

import json
import re
from collections.abc import Mapping
from typing import Protocol

from umi_edge.policy.detector import Detector, DetectorKind
from umi_edge.policy.detectors import Scanner
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.policy.projection import projected
from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.operator import AS, operator
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool

__all__ = ["Reader", "extract_tool"]

MAX_TEXT = 256 * 1024
WINDOW = 3000
"""How many characters the reader is shown; of a longer text, the part that has most of the words asked for."""


class Reader(Protocol):
    """Whatever reads a text on this device."""

    async def read(self, text: str, what: str, choices: tuple[str, ...]) -> str:
        """The span of the text that answers; one of `choices` where there are some. Empty for none."""
        ...


def extract_tool(reader: Reader) -> Tool:
    """The tool; the session has put the values in before it runs.

    Covered: what comes back is a piece of the text, word for word; nothing is made up, whatever the text tells the
    reader to do. Not covered: which piece; a text can talk the reader into the wrong one.
    """

    async def extract(arguments: Mapping[str, JSON]) -> JSON:
        text, what, kind = _text(arguments["from"]), arguments["what"], arguments.get("as", "")
        choices = _choices(text, kind)
        if len(choices) == 1:
            return choices[0]
        part = text if len(text) <= WINDOW else _part_about(text, f"{what} {kind}")
        answer = (await reader.read(part, what, choices)).strip()
        if not answer or answer not in text:
            raise ToolFailure(FailureKind.NOT_FOUND, "the reader found nothing")
        return answer

    return operator(
        "value.extract",
        "Read a text that you cannot see and copy out of it; gives a handle for what was found.",
        {
            "from": {"type": ["string", "object", "array"], "description": "The text, as a handle."},
            "what": {"type": "string", "minLength": 1, "maxLength": 300, "description": "What to look for."},
            "as": AS,
        },
        ["from", "what"],
        extract,
    )


def _text(value: JSON) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=0)
    if len(text) > MAX_TEXT:
        raise ToolFailure(FailureKind.TOO_LARGE, f"a text of more than {MAX_TEXT} characters")
    return text


def _choices(text: str, kind: str) -> tuple[str, ...]:
    """Every span that is of the kind, where patterns can tell; a kind that has none in the text ends it here."""
    if kind not in BUILTIN_PATTERNS:
        return ()
    detector = Detector(type=kind, kind=DetectorKind.BUILTIN, pattern=kind, rule_id="value.extract", line=0)
    spans = (text[span.start : span.end] for span in Scanner([detector]).scan(text))
    found = tuple(dict.fromkeys(spans))
    if not found:
        raise ToolFailure(FailureKind.NOT_FOUND, f"nothing that is a {kind}")
    return found


def _part_about(text: str, what: str) -> str:
    """The window of a long text with most of the words that are asked about; the first of equals."""
    parts = [text[start : start + WINDOW] for start in range(0, len(text), WINDOW // 2)]
    wanted = _words(what)
    return max(parts, key=lambda part: len(wanted & _words(part)))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", projected(text)))

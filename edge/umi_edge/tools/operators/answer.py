"""`value.answer`: a question is answered out of a text that stays, by a span of it."""

import asyncio
import json
from collections.abc import Mapping

from umi_edge.policy.detector import Detector, DetectorKind
from umi_edge.policy.detectors import Scanner
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.reading import Reading
from umi_edge.reading.grounds import Grounds
from umi_edge.reading.question import Question
from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.operator import AS, operator
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool

__all__ = ["answer_tool"]

MAX_TEXT = 256 * 1024


def answer_tool(reading: Reading) -> Tool:
    """The tool; the session has put the values in before it runs.

    Covered: what comes back is a piece of the text, word for word; nothing is made up, whatever the text tells the
    reader to do; and no piece that speaks of something else ("boiler model" is no door code). Where words of the
    question do not stand by it, the result is marked as unsure. Not covered: which piece; a text can talk the reader
    into the wrong one.
    """

    async def answer(arguments: Mapping[str, JSON]) -> Sourced:
        text, question, kind = _text(arguments["text"]), arguments["question"], arguments.get("as", "")
        if kind in BUILTIN_PATTERNS:
            return await _one_of(reading, text, question, kind)
        found = await reading.answer(text, question, kind)
        if found is None:
            raise ToolFailure(FailureKind.NOT_FOUND, "the text does not say")
        grounds = await asyncio.to_thread(
            Grounds.of, text, Question.of(question, kind), found.start, found.end
        )
        return _answered(text[found.start : found.end], grounds)

    return operator(
        "value.answer",
        "Read a text that you cannot see and answer a question about it; gives a handle for the words that answer.",
        {
            "text": {"type": ["string", "object", "array"], "description": "The text, as a handle."},
            "question": {"type": "string", "minLength": 1, "maxLength": 300},
            "as": AS,
        },
        ["text", "question"],
        answer,
        reads="text",
    )


async def _one_of(reading: Reading, text: str, question: str, kind: str) -> Sourced:
    """A span of a kind that patterns can tell: the only one, or else the one in the passage that answers best."""
    detector = Detector(type=kind, kind=DetectorKind.BUILTIN, pattern=kind, rule_id="value.answer", line=0)
    spans = [(span.start, span.end) for span in Scanner([detector]).scan(text)]
    if not spans:
        raise ToolFailure(FailureKind.NOT_FOUND, f"nothing that is a {kind}")
    if len({text[start:end] for start, end in spans}) > 1:
        best = await reading.nearest(text, question, spans)
        if best is None:
            raise ToolFailure(FailureKind.NOT_FOUND, "the text has several, and does not say which")
        spans = [best]
    start, end = spans[0]
    asked = Question.of(question)
    grounds = await asyncio.to_thread(Grounds.of, text, asked, start, end)
    # The only address there is may be "the sender's": who asks for an address by that word is given it, with a doubt.
    if grounds.silent and asked.kind is not Question.of("", kind).kind:
        raise ToolFailure(FailureKind.NOT_FOUND, "the text speaks of something else")
    return _answered(text[start:end], grounds)


def _answered(span: str, grounds: Grounds) -> Sourced:
    """The answer, with the doubt that is left. Raises `ToolFailure` where its place speaks of something else."""
    if grounds.misses:
        raise ToolFailure(FailureKind.NOT_FOUND, "the text speaks of something else")
    return Sourced(span, (Record(at=(), texts=(span,), unsure=grounds.partial),))


def _text(value: JSON) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=0)
    if len(text) > MAX_TEXT:
        raise ToolFailure(FailureKind.TOO_LARGE, f"a text of more than {MAX_TEXT} characters")
    return text

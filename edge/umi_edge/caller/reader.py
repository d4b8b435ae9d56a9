"""The caller's model as a reader: it copies words out of a text and can write nothing else."""

import json

from umi_edge.caller.caller import Caller
from umi_shared.engine import ChatPrompt, Generation, Lark, Message

__all__ = ["CallerReader", "copying"]

_SYSTEM = "You copy out of a text what is asked for: a few words, exactly as they stand there."
_EXAMPLE = (
    "Hi Bob, the parcel comes on Monday at noon. It weighs 3 kg. Ring Eva Stone at the gate. Yours, Leo"
)
_EXAMPLES = (("the weight of the parcel", "3 kg"), ("whom to ring", "Eva Stone"))
_MAX_TOKENS = 48


class CallerReader:
    """Reads for `value.extract`, on this device.

    Covered: decoding is constrained to words of the text that follow each other there, so that nothing is made up.
    Not covered: which words; how long it takes, which depends on the text.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def read(self, text: str, what: str, choices: tuple[str, ...]) -> str:
        """The words of the text that answer; one of `choices` where there are some. Raises `ModelError`."""
        generation = Generation(
            prompt=_prompt(text, what), constraint=copying(text, choices), max_tokens=_MAX_TOKENS
        )
        answer = await self._caller.read(generation)
        return answer if choices else _whole_words(answer, text)


def copying(text: str, choices: tuple[str, ...] = ()) -> Lark:
    """The grammar of one of the choices, or else of any run of words of the text.

    >>> copying("", ("Ann", "Bob")).grammar
    'start: "Ann" | "Bob"'
    """
    if choices:
        return Lark("start: " + " | ".join(json.dumps(choice) for choice in choices))
    return Lark("start: %regex " + json.dumps({"substring_words": text}))


def _prompt(text: str, what: str) -> ChatPrompt:
    turns = [Message("system", _SYSTEM)]
    for asked, answer in _EXAMPLES:
        turns += [Message("user", _question(_EXAMPLE, asked)), Message("assistant", answer)]
    return ChatPrompt((*turns, Message("user", _question(text, what))))


def _question(text: str, what: str) -> str:
    return f"Text:\n{text}\n\nFind: {what}"


def _whole_words(answer: str, text: str) -> str:
    """The answer without a last word that the limit cut off.

    >>> _whole_words("to paul@ac", "write to paul@acme.example")
    'to'
    """
    end = text.find(answer) + len(answer)
    if end >= len(text) or text[end].isspace() or not (answer[-1:].isalnum() and text[end].isalnum()):
        return answer
    return answer.rpartition(" ")[0]

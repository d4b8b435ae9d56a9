"""The caller's model as a reader: it copies spans out of a text and can write nothing else."""

import json

from umi_edge.caller.caller import Caller
from umi_shared.engine import ChatPrompt, Generation, Lark, Message

__all__ = ["CallerReader", "copying"]

_SYSTEM = (
    "You find things in a text. Answer with the words of the text that were asked for, copied exactly, and with "
    "nothing else."
)
_MAX_TOKENS = 64


class CallerReader:
    """Reads for `value.extract`, on this device.

    Covered: decoding is constrained to the words of the text, in their order, so that nothing is made up.
    Not covered: which words; how long it takes depends on the text.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def read(self, text: str, what: str, choices: tuple[str, ...]) -> str:
        """The span of the text that answers; one of `choices` where there are some. Raises `ModelError`."""
        asked = f"Text:\n{text}\n\nWhat to find: {what}"
        prompt = ChatPrompt((Message("system", _SYSTEM), Message("user", asked)))
        return await self._caller.read(
            Generation(prompt=prompt, constraint=copying(text, choices), max_tokens=_MAX_TOKENS)
        )


def copying(text: str, choices: tuple[str, ...] = ()) -> Lark:
    """The grammar of one of the choices, or else of any run of words of the text.

    >>> copying("", ("Ann", "Bob")).grammar
    'start: "Ann" | "Bob"'
    """
    if choices:
        return Lark("start: " + " | ".join(json.dumps(choice) for choice in choices))
    return Lark("start: %regex " + json.dumps({"substring_words": text}))

"""Composed names and descriptions of tools: a word for what is done, a word for what it is done to, drawn apart.

A dozen whole names teach a model a dozen names. What it must learn is to read: that whatever looks people up looks
people up, in words that it has not seen together. Names that are held out can come of it: `tool_aliases` draws again.
"""

from dataclasses import dataclass

from umi_lab.synthesis.data_file import read_data, texts, texts_by_key
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch
from umi_lab.synthesis.tokenizer_words import known_word

__all__ = ["composed_description", "composed_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The words of one tool: a name has one of `does` and one of `what`, a description one of each of the others."""

    does: tuple[str, ...]
    what: tuple[str, ...]
    says: tuple[str, ...]
    of: tuple[str, ...]
    more: tuple[str, ...]


_DATA = read_data("composed_aliases")
_WORDS = {tool: _Words(**texts_by_key(parts)) for tool, parts in _DATA["tools"].items()}
_FORMS = texts(_DATA["forms"])
_AROUND = texts(_DATA["around"])
"""Words around a description that mean little."""


def composed_name(draw: Draw, tool: str) -> str:
    """A name for one of the built-in tools, such as `query_phonebook`; the tool's own where it has no words.

    With `need_phrased` one of the two words at times says nothing (`anchor_phonebook`), so that the description must be
    read.
    """
    words = _WORDS.get(tool)
    if words is None:
        return tool
    does, what = draw.rng.choice(words.does), draw.rng.choice(words.what)
    if draw.has(Switch.NEED_PHRASED) and draw.chance(0.4):
        does, what = (known_word(draw), what) if draw.chance(0.6) else (does, known_word(draw))
    first = does.replace("_", " ").title().replace(" ", "")
    second = what.replace("_", " ").title().replace(" ", "")
    camel = first[0].lower() + first[1:] + second
    return draw.rng.choice(_FORMS).format(a=does, b=what, A=first, B=second, aB=camel)


def composed_description(draw: Draw, tool: str) -> str:
    """A description for one of the built-in tools; empty where it has no words."""
    words = _WORDS.get(tool)
    if words is None:
        return ""
    text = f"{draw.rng.choice(words.says)} {draw.rng.choice(words.of)}{draw.rng.choice(words.more)}"
    return (
        draw.rng.choice(_AROUND).format(text)
        if draw.has(Switch.NEED_PHRASED) and draw.chance(0.3)
        else f"{text}."
    )

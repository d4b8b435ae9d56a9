"""Combined phrases ask for what their family asks for, and never in words that are kept for the evaluation."""

import random
import re

import pytest

from umi_lab.synthesis.phrases import PHRASES, combined_phrase
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch, all_until

DRAW = Draw(random.Random(1), held_out=False, switches=all_until(Switch.COMBINED_PHRASES))
KEPT = Draw(random.Random(1), held_out=True)


def slots(text: str) -> set[str]:
    return set(re.findall(r"\{(\w)\}", text))


@pytest.mark.parametrize("family", [family for family in PHRASES if combined_phrase(DRAW, family)])
def test_a_phrase_names_all_that_the_family_needs_and_is_none_that_is_held_out(family: str):
    held_out = {text.rstrip(".?!") for text in KEPT.part(PHRASES[family])}
    needed = set.intersection(*(slots(text) for text in PHRASES[family]))
    made = {combined_phrase(DRAW, family) for _ in range(500)}
    assert len(made) > 50
    assert all(needed <= slots(text) for text in made)
    assert not {text.rstrip(".?!") for text in made} & held_out


def test_a_family_without_parts_has_no_combined_phrase():
    assert combined_phrase(DRAW, "file_mail") == ""

"""The phrasings that people wrote out: that each can be used, and that none is another one again."""

import random
import re
from collections import Counter

from umi_lab.synthesis.phrases import PHRASES
from umi_lab.synthesis.phrasings import SLOTS, personas, phrasings_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.wording import phrase

PLAYED = [family for family in SLOTS if family in PHRASES]
EVERY = [(family, text) for family in SLOTS for text in phrasings_of(family)]


def test_every_played_family_has_phrasings_of_several_personas():
    assert set(PLAYED) == set(PHRASES)
    for family in PLAYED:
        assert sum(family in persona.phrasings for persona in personas()) >= 2, family


def test_no_phrasing_is_written_twice():
    seen = Counter((family, re.sub(r"\W+", " ", text.casefold()).strip()) for family, text in EVERY)
    assert [one for one, count in seen.items() if count > 1] == []


def test_a_phrasing_says_what_its_task_needs():
    """A request without its message, its address or its day cannot be carried out."""
    for family, text in EVERY:
        for slot in SLOTS[family] & {"m", "e", "p"}:
            assert f"{{{slot}}}" in text, (family, text)


def test_training_draws_phrasings_where_it_is_told_to_and_held_out_episodes_never_do():
    slots = dict.fromkeys("nmxdtep", "Zoe")
    switches = all_until(Switch.PEOPLES_WORDS)
    told = {
        phrase(
            Draw(random.Random(n), held_out=False, switches=switches),
            "contact_phone",
            **slots,
        )
        for n in range(200)
    }
    kept = {
        phrase(
            Draw(random.Random(n), held_out=True, switches=switches),
            "contact_phone",
            **slots,
        )
        for n in range(200)
    }
    written = {text.format(**slots).casefold() for text in phrasings_of("contact_phone")}
    assert any(text.casefold() in written for text in told)
    assert not any(text.casefold() in written for text in kept - told)

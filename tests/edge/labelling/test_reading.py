"""The reading of what the user typed: mends stop at what is private, and depend on nothing that is."""

import json

from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller
from umi_edge.policy import load_policy
from umi_shared.labels import PLANNER


def labeller(names=(), policy="", *, mends_words=True):
    """A labeller with these names."""
    listed = f"detect: [{{type: person, values: {json.dumps(list(names))}, parts: true}}]\n" if names else ""
    rules = load_policy(f"version: 1\nname: test\n{listed}{policy}", "test.yaml")
    return Labeller.fresh(rules, scanner_without_lists(rules), {}, mends_words=mends_words)


def shown(made, typed):
    """What the planner sees of it."""
    return "".join(str(part) for span in made.instruction(typed) for part in span.seen_by(PLANNER))


def test_the_planner_reads_what_was_meant():
    assert shown(labeller(), "cancle it on mnoday") == "cancel it on monday"


def test_a_private_word_stays_as_it_was_typed():
    made = labeller(["Wehn"])
    assert shown(made, "write wehn taht i am late") == "write <person:1> that i am late"
    assert [kept.value for kept in made.vault] == ["wehn"]


def test_a_word_that_is_private_once_it_is_mended_stays():
    assert shown(labeller(["Monday"]), "write mnoday taht i am late") == "write <person:1> that i am late"


def test_what_is_private_before_a_mend_is_private_after_it():
    """A detector that knows a value by the mistyped word beside it finds it no more in the mended text."""
    policy = "detect: [{type: pin, pattern: 'wehn 1234'}, {type: code, pattern: 'emial \\d+'}]"
    made = labeller(policy=policy)
    assert shown(made, "say taht is emial 77 adn wehn 1234 is it") == "say that is <code:1> and <pin:1> is it"


def test_a_mend_shows_a_private_span_that_was_none():
    made = labeller(policy="detect: [{type: pin, pattern: 'number \\d+'}]")
    assert shown(made, "save my nubmer 4711 please") == "save my <pin:1> please"


def test_an_instruction_that_leaves_whole_is_not_mended():
    assert shown(labeller(policy="defaults: {instruction: cloud}"), "cancle it") == "cancle it"


def test_nothing_is_mended_where_that_is_off():
    assert shown(labeller(mends_words=False), "cancle it") == "cancle it"


def test_the_user_is_told_each_word_and_a_repr_tells_none():
    read = labeller(["Zoe"]).read("tell zoe taht, cancle it")
    assert [str(one) for one in read.read_as] == ['I read "taht" as "that".', 'I read "cancle" as "cancel".']
    assert "cancel" not in repr(read) + repr(read.read_as)
    assert "cancle" not in repr(read) + repr(read.read_as)


WORDS = st.sampled_from(
    ["cancle", "teh", "mnoday", "le", '"', "called", ".", "WEHN", "x", "wehn", "NAME", "termni"]
)
NAMES = st.sampled_from(
    [
        "der die",
        "que la",
        "Zoe",
        "zwonk quorl",
        "DR. Q",
        'no" x',
        "est vous",
        "ist das, nicht",
        "called Rowan",
    ]
)


@example(["NAME", "NAME", "cancle"], "der die", "que la")
@given(st.lists(WORDS, min_size=1, max_size=9), NAMES, NAMES)
def test_what_is_mended_does_not_depend_on_what_stays(words, one, other):
    """Two laptops that differ in a name, and in what is typed for it: the planner sees the same (I3)."""

    def seen(name, *, mends_words):
        made = labeller([name], mends_words=mends_words)
        return shown(made, "say " + " ".join(words).replace("NAME", name))

    assume(seen(one, mends_words=False) == seen(other, mends_words=False))
    assert seen(one, mends_words=True) == seen(other, mends_words=True)

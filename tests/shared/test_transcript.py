"""The transcript as a sink sees it."""

import pytest

from umi_shared.handles import Handle
from umi_shared.transcript import (
    Answer,
    Call,
    Instruction,
    Next,
    Observation,
    Plan,
    ToolCard,
    Usage,
    View,
    text_of,
    with_text,
)

TEXT = ("see ", Handle("email", 1))
ENTRIES = [
    Instruction(TEXT),
    Plan(TEXT, Next.CALLER, "a.b"),
    Call("a.b", TEXT),
    Observation("a.b", TEXT, "timeout"),
    Answer(TEXT),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entrys_text_can_be_taken_and_exchanged_and_the_rest_stays(entry):
    assert text_of(entry) == TEXT
    changed = with_text(entry, ("other",))
    assert text_of(changed) == ("other",)
    assert with_text(changed, TEXT) == entry


def test_a_view_tells_its_handles_and_its_texts_in_order():
    card = ToolCard(name="a.b", description=(Handle("person", 2),), input_schema={})
    view = View(catalogue=(card,), entries=tuple(ENTRIES))
    assert view.handles() == {Handle("person", 2), Handle("email", 1)}
    assert view.texts() == ((Handle("person", 2),), *[TEXT] * 5)


def test_a_views_repr_shows_no_entry():
    assert "secret" not in repr(View(catalogue=(), entries=(Instruction(("secret",)),)))


def test_usage_adds_up():
    one = Usage(prompt_tokens=1, cached_tokens=2, completion_tokens=3)
    assert one + one == Usage(prompt_tokens=2, cached_tokens=4, completion_tokens=6)

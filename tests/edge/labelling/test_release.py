"""Release: what a sink may read in clear, handles and constants for the rest, and the reason for each clear byte."""

from hypothesis import given
from hypothesis import strategies as st

from umi_edge.labelling.release import release, seen_by
from umi_edge.labelling.text import DEVICE, LabelledEntry, Span, constant, handles_in
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Locality
from umi_shared.transcript import Instruction, ToolCard

SINKS = (PLANNER, SUMMARIZER)
LABELS = st.builds(Label.at, st.sampled_from(Locality), st.sampled_from(Integrity))
SPANS = st.builds(
    lambda clear, label, number: Span(
        clear=clear, masked=(Handle("x", number),), label=label, rule=f"r{number}"
    ),
    st.lists(st.sampled_from(["<", ">", ":", "\\", "x", "1", "secret"]), max_size=6).map("".join),
    LABELS,
    st.integers(1, 9),
)


@given(st.lists(SPANS, max_size=6), st.sampled_from(SINKS))
def test_a_sink_sees_only_what_it_may_read(spans, sink):
    """Exchanging what it may not read changes nothing."""
    other = [
        span
        if span.label.may_read(sink)
        else Span(clear="other", masked=span.masked, label=span.label, rule=span.rule)
        for span in spans
    ]
    one, two = (release((), [LabelledEntry(Instruction(()), tuple(text))], sink) for text in (spans, other))
    assert one == two


@given(st.lists(SPANS, max_size=6), st.sampled_from((*SINKS, DEVICE)))
def test_no_clear_text_holds_a_handle_however_its_pieces_join(spans, sink):
    for part in seen_by(tuple(spans), sink):
        if isinstance(part, str):
            assert not [piece for piece in parts_of(part) if isinstance(piece, Handle)]


@given(st.lists(SPANS, max_size=6), st.sampled_from(SINKS))
def test_every_clear_byte_has_its_reason(spans, sink):
    released = release((), [LabelledEntry(Instruction(()), tuple(spans))], sink)
    wanted: dict[str, int] = {}
    for span in spans:
        if span.label.may_read(sink):
            wanted[span.rule] = wanted.get(span.rule, 0) + len(span.clear.encode())
    assert {clearance.rule: clearance.clear_bytes for clearance in released.disclosures} == wanted


def test_neighbouring_clear_pieces_are_one_segment():
    text = (constant("a"), constant(""), constant("b"))
    assert seen_by(text, PLANNER) == ("ab",)


def test_the_device_sees_everything_and_the_card_goes_with_its_text():
    card = ToolCard(name="t", description=(), input_schema={"type": "object"})
    hidden = Span(clear="secret", masked=("[hidden]",), label=Label.at(Locality.HIDDEN), rule="r")
    for sink, seen in ((DEVICE, "secret"), (PLANNER, "[hidden]")):
        view = release([(card, (hidden,))], (), sink).payload
        assert view.catalogue[0].description == (seen,)


def test_what_a_sink_was_shown_is_the_join_of_what_it_read():
    label = Label.at(Locality.PLANNER)
    entry = LabelledEntry(Instruction(()), (Span(clear="a", masked=(), label=label, rule="r"), constant("b")))
    assert entry.shown_to(PLANNER).readers == frozenset({PLANNER})
    assert entry.shown_to(SUMMARIZER).readers is None
    assert entry.shown_to(DEVICE).readers == frozenset({PLANNER})


def test_reprs_show_no_clear_text():
    span = Span(clear="secret", masked=(Handle("x", 1),), label=Label(), rule="r")
    released = release((), [LabelledEntry(Instruction(()), (span,))], DEVICE)
    assert "secret" not in repr(span) + repr(released)
    assert handles_in((span,)) == {Handle("x", 1)}

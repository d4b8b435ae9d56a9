"""Labels are a lattice: joining only ever takes readers, visibility and trust away."""

from hypothesis import given
from hypothesis import strategies as st

from umi_shared.bars import Bar
from umi_shared.labels import (
    PLANNER,
    PUBLIC,
    SUMMARIZER,
    Integrity,
    Label,
    Locality,
    join_all,
    tool_sink,
)

SINKS = (PLANNER, SUMMARIZER, tool_sink("web"))
BARS = (
    Bar("p:1", ("mail.send",)),
    Bar("p:2", ("web.*",)),
    Bar("p:3", ("files.write", "mail.send"), only=True),
)
LABELS = st.builds(
    Label,
    readers=st.none() | st.frozensets(st.sampled_from(SINKS)),
    visible=st.booleans(),
    integrity=st.sampled_from(Integrity),
    bars=st.frozensets(st.sampled_from(BARS)),
)


@given(LABELS, LABELS, LABELS)
def test_join_is_a_semilattice(a, b, c):
    assert a.join(a) == a
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(PUBLIC) == a


@given(LABELS, LABELS, st.sampled_from(SINKS))
def test_who_reads_the_whole_reads_every_part(a, b, sink):
    whole = a.join(b)
    assert not whole.may_read(sink) or (a.may_read(sink) and b.may_read(sink))
    assert not whole.trusted or (a.trusted and b.trusted)
    assert not whole.visible or (a.visible and b.visible)


@given(LABELS, LABELS, st.sampled_from(["mail.send", "web.search", "files.write", "notes.create"]))
def test_what_a_part_is_barred_from_the_whole_is_barred_from_too(a, b, tool):
    def admitted(label):
        return all(bar.admits(tool) for bar in label.bars)

    assert admitted(a.join(b)) == (admitted(a) and admitted(b))
    assert admitted(a.with_integrity(Integrity.TRUSTED)) == admitted(a)
    assert a.with_bars(b.bars).bars == a.join(b).bars


def test_a_missing_label_stays_and_is_not_trusted():
    assert not any(Label().may_read(sink) for sink in SINKS)
    assert not Label().trusted


def test_hidden_is_read_by_nobody_even_with_readers():
    assert not Label(readers=None, visible=False).may_read(PLANNER)


@given(st.sampled_from(Locality))
def test_a_localitys_label_reads_back_as_it(locality):
    assert Label.at(locality).locality is locality


def test_of_nothing_the_join_is_a_constants():
    assert join_all(()) == PUBLIC

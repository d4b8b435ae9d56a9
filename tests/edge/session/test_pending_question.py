"""The question that a transcript ends with."""

import pytest

from umi_edge.labelling.text import LabelledEntry, Span, constant
from umi_edge.session.pending_question import ASKED_BY_DEVICE, pending_question
from umi_shared.handles import Handle
from umi_shared.labels import Label
from umi_shared.transcript import Answer, Instruction, Next, Plan

HANDLE = Span(clear="Ann Berg", masked=(Handle("person", 1),), label=Label(), rule="handle")
TEXT = (constant("Do you mean "), HANDLE, constant("?"))
PLANNED = LabelledEntry(Plan((), Next.ASK_USER, ""), ())


def test_a_planners_question_is_told_with_its_values_and_no_repr_has_them():
    found = pending_question([PLANNED, LabelledEntry(Answer(()), TEXT)])
    assert found is not None
    assert (found.text, found.by_planner) == ("Do you mean Ann Berg?", True)
    assert "Ann" not in repr(found)


def test_this_devices_own_question_is_known_by_its_rule():
    own = LabelledEntry(Answer(()), (constant("Which day?", ASKED_BY_DEVICE),))
    found = pending_question([LabelledEntry(Plan((), Next.CALLER, "x"), ()), own])
    assert found is not None
    assert not found.by_planner


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [PLANNED],
        [LabelledEntry(Answer(()), TEXT)],
        [LabelledEntry(Plan((), Next.SUMMARIZER, ""), ()), LabelledEntry(Answer(()), TEXT)],
        [PLANNED, LabelledEntry(Answer(()), TEXT), LabelledEntry(Instruction(()), ())],
    ],
)
def test_where_something_was_said_since_or_nothing_was_asked_there_is_none(entries):
    assert pending_question(entries) is None

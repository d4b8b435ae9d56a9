"""The egress guard: what it stops, what it lets through, and what that costs. The matrix is in end_to_end/canaries."""

import time

import pytest

from umi_edge.egress.guard import EgressGuard, GuardedError, UnsafeNoGuard
from umi_edge.labelling.vault import Origin, Source, Vault
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER, SUMMARIZER, Label, Locality


def guard_of(*values, locality=Locality.HANDLE, kind=EgressGuard):
    vault = Vault()
    for value in values:
        vault.keep(value, type="text", label=Label.at(locality), origin=Origin(Source.RESULT, "notes.read"))
    return kind(vault)


def message(*texts: str, request_id: str = "r1") -> bytes:
    text = pb.Text(segments=[pb.Segment(clear=text) for text in texts])
    view = pb.View(entries=[pb.Entry(instruction=pb.Instruction(text=text))])
    return pb.PlanRequest(request_id=request_id, view=view).SerializeToString()


def stops(guard, *texts, sink=PLANNER) -> bool:
    try:
        guard.check(message(*texts), sink)
    except GuardedError:
        return True
    return False


def test_the_error_names_handle_and_origin_and_never_the_value():
    with pytest.raises(GuardedError) as caught:
        guard_of("Kept-4711").check(message("see kept-4711"), PLANNER)
    assert caught.value.handle == Handle("text", 1)
    assert "<text:1>" in str(caught.value)
    assert "notes.read" in str(caught.value)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["Moreau", "a@b.c", "4471", "Kept-4711", 48151623, 12345.5, {"a": ["Kept-4711"]}, ["Moreau"]]
)
def test_values_of_every_kind_are_looked_for(value):
    text = str(value) if isinstance(value, str | int | float) else "Kept-4711 Moreau"
    assert stops(guard_of(value), f"see {text} now")


@pytest.mark.parametrize("value", ["", "abc", "lunch", "a-1", 7, 1234, True, None, [], {}, "   "])
def test_values_that_chance_would_find_are_not(value):
    assert not stops(guard_of(value), f"abc lunch a-1 7 1234 True true null {value}")


def test_a_note_may_be_called_as_a_type_of_handles_is():
    """Each message that has a handle has the name of its type."""
    vault = Vault()
    for value, type_ in (("person", "note"), ("Kept-4711", "person")):
        vault.keep(
            value, type=type_, label=Label.at(Locality.HANDLE), origin=Origin(Source.RESULT, "notes.read")
        )
    handle = pb.Segment(handle=pb.Handle(type="person", number=1))
    text = pb.Text(segments=[pb.Segment(clear="about "), handle])
    view = pb.View(entries=[pb.Entry(instruction=pb.Instruction(text=text))])
    EgressGuard(vault).check(pb.PlanRequest(view=view).SerializeToString(), PLANNER)
    assert stops(EgressGuard(vault), "kept-4711")
    assert stops(guard_of("person"), "about a person")


@pytest.mark.parametrize("text", ["moreaux", "Amoreau", "a4471b", "144710", "f00d4471cafe"])
def test_a_short_value_within_a_longer_word_is_chance(text):
    assert not stops(guard_of("Moreau", "4471"), f"see {text} now")


@pytest.mark.parametrize("length", range(90, 130))
def test_a_words_length_prefix_is_no_letter_before_it(length):
    """A segment of 97 to 122 bytes has a small letter as its length, right before its text."""
    assert stops(guard_of("Moreau"), "Moreau".ljust(length, "."))


def test_a_request_id_is_no_leak_by_chance():
    guard_of("4471").check(message("nothing", request_id="a9f4471b02c4d7e1"), PLANNER)


def test_bytes_that_are_no_request_are_scanned_too():
    with pytest.raises(GuardedError):
        guard_of("Kept-4711").check(b"\xff\xff Kept-4711", PLANNER)


def test_what_was_public_before_is_no_leak():
    guard = guard_of("Lake House", "Kept-4711")
    guard.allow("Meet at the Lake House on Friday")
    assert not stops(guard, "the lake house it is")
    assert stops(guard, "kept-4711")


@pytest.mark.parametrize("public", ["Moreaux", "Le moreaud"])
def test_a_public_word_that_merely_holds_the_value_does_not_make_it_public(public):
    guard = guard_of("Moreau")
    guard.allow(public)
    assert stops(guard, "Moreau")


def test_public_text_that_comes_later_counts_too():
    guard = guard_of("Kept-4711")
    assert stops(guard, "Kept-4711")
    guard.allow("Kept-4711 is known")
    assert not stops(guard, "Kept-4711")


def test_what_one_sink_was_sent_is_public_for_it_alone():
    guard = guard_of("Kept-4711")
    guard.allow("see Kept-4711", PLANNER)
    assert not stops(guard, "Kept-4711", sink=PLANNER)
    assert stops(guard, "Kept-4711", sink=SUMMARIZER)


def test_a_value_that_is_marked_up_as_json_is_public_where_it_is_public_as_json():
    guard = guard_of('say "so"\\now')
    guard.allow('"say \\"so\\"\\\\now"')
    assert not stops(guard, 'say \\"so\\"\\\\now')


def test_a_value_is_stopped_only_for_sinks_that_may_not_read_it():
    guard = guard_of("Kept-4711", locality=Locality.PLANNER)
    assert not stops(guard, "Kept-4711", sink=PLANNER)
    assert stops(guard, "Kept-4711", sink=SUMMARIZER)


def test_values_kept_later_are_looked_for():
    vault = Vault()
    guard = EgressGuard(vault)
    assert not stops(guard, "Kept-4711")
    vault.keep("Kept-4711", type="text", label=Label(), origin=Origin(Source.RESULT, "t"))
    assert stops(guard, "Kept-4711")


@pytest.mark.parametrize("value", ["Kept-4711", {"a": ["Kept-4711"]}, {"Kept-4711": 1}])
def test_what_is_hidden_and_has_no_handle_is_looked_for_too(value):
    vault = Vault()
    vault.conceal(value, label=Label.at(Locality.HIDDEN), origin=Origin(Source.RESULT, "t"))
    with pytest.raises(GuardedError, match=r"<hidden:1> \(from t\)"):
        EgressGuard(vault).check(message("see Kept-4711"), PLANNER)


def test_the_unsafe_guard_lets_all_through_and_says_so_in_its_name():
    assert not stops(guard_of("Kept-4711", kind=UnsafeNoGuard), "Kept-4711")


def test_a_repr_shows_no_value():
    guard = guard_of("Kept-4711")
    guard.allow("Kept-4711")
    assert not stops(guard, "Kept-4711")
    assert "4711" not in repr(guard)


def test_many_values_one_by_one_cost_no_new_automaton_each():
    vault = Vault()
    guard = EgressGuard(vault)
    raw = message("nothing of it")
    started = time.process_time()
    for number in range(1500):
        vault.keep(f"Kept-{number:08}", type="text", label=Label(), origin=Origin(Source.RESULT, "t"))
        guard.check(raw, PLANNER)
    assert time.process_time() - started < 10


@pytest.mark.timeout(60)
def test_a_long_value_that_repeats_itself_is_looked_for_too():
    value = "lunch dinner boiler " * 10_000
    assert stops(guard_of(value), f"it is {value}")


def test_public_words_in_a_row_are_no_sign_of_a_value_that_is_them_without_punctuation():
    """AgentDojo's password is `new_password`, and the tool's own description says "new password"."""
    guard = guard_of("new_password")
    guard.allow("Set a new password for the user.")
    assert not stops(guard, "Set a new password for the user.")
    assert stops(guard, "it is new_password")

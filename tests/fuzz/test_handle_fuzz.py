"""Handle-like text near the corpus: in results, arguments, answers and names, none of it resolves."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import FUZZ, near_text, replayed, texts
from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledEntry
from umi_edge.labelling.vault import Origin, Source, UnknownHandleError
from umi_edge.policy import load_policy
from umi_edge.session.rehydration import Rehydrator, resolve
from umi_edge.session.written_arguments import read_arguments
from umi_shared.errors import MalformedError
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER, SUMMARIZER, Label, Locality
from umi_shared.transcript import Observation, text_of

SECRET = "Kept-4711-secret"
POLICY = load_policy(
    """
version: 1
name: fuzz
detect: [{type: email, pattern: builtin}]
tools: {t: {runs: device, results: {"$.clear": cloud, "$.scanned": scan}, arguments: {a: cloud}}}
"""
)


def labeller() -> Labeller:
    """One whose vault has a value behind the handles that the corpus forges."""
    made = Labeller.fresh(POLICY, scanner_without_lists(POLICY), {"t": "python"})
    for type_ in ("email", "person", "a"):
        made.vault.keep(
            SECRET, type=type_, label=Label.at(Locality.HANDLE), origin=Origin(Source.RESULT, "before")
        )
    return made


def check_input(text: str) -> None:
    """Text of a tool, in every place that a result has: no handle of it in what a sink reads, none resolves."""
    one = labeller()
    issued = set(one.vault._kept)
    labelled = one.result("t", {"clear": text, "scanned": text, text: [text], "list": [text]})
    for sink in (PLANNER, SUMMARIZER):
        view = release((), [LabelledEntry(Observation("t", (), ""), labelled)], sink).payload
        clear = [part for part in text_of(view.entries[0]) if isinstance(part, str)]
        assert not any(isinstance(part, Handle) for piece in clear for part in parts_of(piece))
        assert not view.handles() & issued
        assert SECRET not in repr(clear)


def check_arguments(text: str) -> None:
    """Arguments as any caller may write them: read or refused; only handles that were issued resolve."""
    one = labeller()
    try:
        arguments = read_arguments(text)
        one.arguments("t", arguments, Label.at(Locality.CLOUD), names=("a", "to"))
        resolve(arguments, one.vault)
    except (MalformedError, UnknownHandleError):
        pass
    with contextlib.suppress(MalformedError):
        unseen = read_arguments(text, handles=False)
        assert SECRET not in json.dumps(resolve(unseen, one.vault))


def check_answer(pieces: list[str]) -> None:
    """An answer reads the same however it is cut; handles that nobody issued stay as they are."""
    vault = labeller().vault
    whole, cut = Rehydrator(vault), Rehydrator(vault)
    at_once = whole.feed("".join(pieces)) + whole.finish()
    assert "".join(map(cut.feed, pieces)) + cut.finish() == at_once


def check_side_by_side(left: str, right: str) -> None:
    """Each is escaped by itself; what they are together is looked at again."""
    one = labeller()
    issued = set(one.vault._kept)
    text = one.instruction(left) + one.instruction(right)
    view = release((), [LabelledEntry(Observation("t", (), ""), text)], PLANNER).payload
    assert not view.handles() & issued
    for part in text_of(view.entries[0]):
        assert isinstance(part, Handle) or not any(isinstance(piece, Handle) for piece in parts_of(part))


@replayed("handles")
def test_every_text_of_the_corpus_is_harmless(raw):
    text = raw.decode()
    check_input(text)
    check_arguments(text)
    check_arguments(json.dumps({"a": text, text: text}))
    check_answer(list(text))


@given(near_text("handles"))
@FUZZ
def test_no_text_of_a_tool_becomes_a_handle(text):
    check_input(text)


@given(near_text("handles"))
@FUZZ
def test_arguments_are_read_or_refused(text):
    check_arguments(text)


@given(st.lists(near_text("handles") | st.sampled_from(texts("handles")) | st.text(max_size=3), max_size=6))
@FUZZ
def test_an_answer_reads_the_same_however_it_is_cut(pieces):
    check_answer(pieces)


@replayed("handles")
def test_two_inputs_side_by_side_do_not_add_up_to_a_reference(raw):
    text = raw.decode()
    for at in range(len(text)):
        check_side_by_side(text[:at], text[at:])


@given(near_text("handles"), st.integers(0, 60))
@FUZZ
def test_nor_do_two_that_are_near_the_corpus(text, at):
    check_side_by_side(text[:at], text[at:])

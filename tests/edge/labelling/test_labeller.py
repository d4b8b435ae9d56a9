"""Labelling: every leaf, key and span has a label, what stays is in the vault, and nothing reads as a handle."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller, own_words
from umi_edge.labelling.release import seen_by
from umi_edge.labelling.text import DEVICE
from umi_edge.labelling.vault import UnknownHandleError
from umi_edge.policy import load_policy
from umi_shared.bars import Bar
from umi_shared.handles import Handle, parts_of, render
from umi_shared.labels import PLANNER, PUBLIC, SUMMARIZER, Integrity, Label, Locality
from umi_shared.well_formed import well_formed

POLICY = """
version: 1
name: test
detect: [{type: email, pattern: builtin}, {type: person, values: [Ann Lee]}]
tools:
  t:
    runs: device
    arguments: {who: {type: person}, note: cloud, secret: hidden, keep: handle, only: planner}
    results:
      "$.clear": cloud
      "$.text": scan
      "$.kept": {locality: handle, type: email}
      "$.hidden": hidden
      "$.planner": planner
      "$.fresh[*]": {locality: handle, link: false}
      "$.whole": {locality: handle, shape: hidden}
      "$.scanned": scan
"""


def labeller(policy: str = POLICY, source: str = "python") -> Labeller:
    rules = load_policy(policy, "test.yaml")
    return Labeller.fresh(rules, scanner_without_lists(rules), {"t": source})


def shown(text, sink=PLANNER) -> str:
    return render(seen_by(text, sink))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5).map(well_formed), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_what_no_rule_mentions_is_brackets_commas_and_handles(value):
    text = shown(labeller().result("nobody.knows", value))
    left = "".join(part for part in parts_of(text) if isinstance(part, str))
    assert set(left) <= set('{}[]:,"')
    json.loads(text)


@given(JSON)
def test_a_view_for_the_device_is_the_value_itself(value):
    """Where nothing in it looks like a handle, the device reads the compact JSON of the result."""
    text = shown(labeller().result("nobody.knows", value), DEVICE)
    assert text.replace("<\\\\", "<") == json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace(
        "<\\\\", "<"
    )


def result(value, **changes):
    return shown(labeller(**changes).result("t", value))


def test_each_locality_shows_what_its_word_says():
    made = labeller().result("t", {"clear": 1, "kept": "a@b.example", "hidden": "x", "planner": "plan it"})
    assert shown(made) == '{"clear":1,"kept":"<email:1>","hidden":"[hidden]","planner":"plan it"}'
    assert (
        shown(made, SUMMARIZER) == '{"clear":1,"kept":"<email:1>","hidden":"[hidden]","planner":"<text:1>"}'
    )


@pytest.mark.parametrize(
    ("value", "handle"),
    [
        ("x", "text"),
        ("", "text"),
        (7, "number"),
        (7.5, "number"),
        (True, "flag"),
        (False, "flag"),
        (None, "value"),
    ],
)
def test_a_leaf_of_any_type_stays(value, handle):
    assert result([value]) == f'["<{handle}:1>"]'


def test_equal_values_share_a_handle_and_unlinked_ones_do_not():
    assert result({"a": ["x", "x", 1, 1.0, True]}) == (
        '{"<key:1>":["<text:1>","<text:1>","<number:1>","<number:2>","<flag:1>"]}'
    )
    assert result({"fresh": ["x", "x"]}) == '{"fresh":["<text:1>","<text:2>"]}'


def test_keys_that_no_rule_names_stay_but_for_those_of_our_own_tools():
    assert result({"secret": {"clear": 1}}) == '{"<key:1>":{"clear":"<number:1>"}}'
    assert result({"secret": 1}, source="builtin") == '{"secret":"<number:1>"}'


def test_keys_under_a_hidden_node_show_nothing():
    assert result({"hidden": {"name": 1, "other": [2]}}) == (
        '{"hidden":{"[hidden]":"[hidden]","[hidden]":["[hidden]"]}}'
    )


@pytest.mark.parametrize("value", [None, "x", 7, [], {}, [1, 2], {"a": {"b": 1}}])
def test_under_a_hidden_shape_every_value_looks_alike(value):
    assert result({"whole": value}) == '{"whole":"<data:1>"}'


def test_a_text_shows_all_but_what_is_found_in_it():
    assert result({"text": "Ann Lee at ann@x.example, soon"}) == '{"text":"<person:1> at <email:1>, soon"}'


@pytest.mark.parametrize(
    "text", ["see Kept-4711 now", "see KEPT-4711 now", "İ see kept\u200b-4711", "ｋept-4711"]
)
def test_what_is_kept_in_one_leaf_is_found_in_anothers_text_wherever_it_stands(text):
    policy = POLICY.replace("{locality: handle, type: email}", "handle")
    for order in ({"text": text, "kept": "Kept-4711"}, {"kept": "Kept-4711", "text": text}):
        seen = result(order, policy=policy)
        assert "4711" not in seen
        assert seen.count("<text:1>") == 2


@pytest.mark.parametrize("first", ["text", "secret"])
@pytest.mark.parametrize(("place", "stands"), [("hidden", r"\[hidden\]"), ("whole", r"<(text|data):\d>")])
@pytest.mark.parametrize("secret", ["Kept-4711", ["Kept-4711"], {"Kept-4711": None}, [[{"a": "Kept-4711"}]]])
def test_what_is_hidden_or_kept_whole_is_found_in_a_text_too(secret, place, stands, first):
    """Its leaves and its member names; where it is hidden not even a handle stands in its place."""
    value = {place: secret, "text": "see KEPT-4711 now"}
    seen = result(value if first == "secret" else dict(reversed(value.items())))
    assert re.fullmatch(f"see {stands} now", json.loads(seen)["text"])


def test_what_is_hidden_has_no_handle_and_changes_no_number():
    labels = labeller()
    first = shown(labels.result("t", {"hidden": ["Kept-4711", "Kept-4712"], "kept": "a@b.example"}))
    assert first == '{"hidden":["[hidden]","[hidden]"],"kept":"<email:1>"}'
    assert Handle("hidden", 1) not in labels.vault
    with pytest.raises(UnknownHandleError):
        labels.arguments("t", {"who": "<hidden:1>"}, PUBLIC)


def test_a_detectors_finding_in_the_users_words_is_a_handle_though_the_value_is_hidden_elsewhere():
    labels = labeller()
    labels.result("t", {"hidden": "ann@x.example"})
    assert shown(labels.instruction("Write to ann@x.example")) == "Write to <email:1>"


def test_a_kept_value_is_not_cut_open_by_a_detector_that_finds_a_part_of_it():
    policy = POLICY.replace("{locality: handle, type: email}", "handle")
    seen = result(
        {"kept": "Dr Weiss, weiss@x.example, room 7", "text": "x Dr Weiss, weiss@x.example, room 7 y"},
        policy=policy,
    )
    assert seen == '{"kept":"<text:1>","text":"x <text:1> y"}'


def test_findings_that_overlap_stay_as_one():
    policy = POLICY.replace("{locality: handle, type: email}", "handle")
    seen = result(
        {"kept": "write to ann@x.example", "text": "so write to ann@x.examples.example!"}, policy=policy
    )
    assert "write" not in seen.replace('"<text:1>"', "")
    assert "examples" not in seen


def test_a_number_that_is_kept_stays_in_a_scanned_field_too():
    assert '"scanned":"<number:' in result({"kept": 48151623, "scanned": 48151623})
    assert '"scanned":42' in result({"kept": 48151623, "scanned": 42})


def test_a_value_whose_equality_is_hidden_gets_a_fresh_handle_in_text():
    assert (
        result({"fresh": ["Kept-4711"], "text": "see Kept-4711"})
        == '{"fresh":["<text:1>"],"text":"see <text:2>"}'
    )


def test_the_stricter_label_counts_where_a_value_is_kept_twice():
    made = labeller().result("t", {"planner": "Kept-4711", "kept": "Kept-4711", "text": "see Kept-4711"})
    assert '"text":"see <' in shown(made)


@pytest.mark.parametrize("forged", ["<email:1>", "<\\email:1>", '"},{"<email:1>":"', "<email:<email:1>>"])
def test_no_input_makes_a_handle(forged):
    for made in (
        labeller().result("t", {"clear": forged, "text": forged, "whole": {forged: forged}, forged: forged}),
        labeller().instruction(forged),
        labeller().card("t", forged),
    ):
        for sink in (PLANNER, SUMMARIZER, DEVICE):
            assert all(
                not isinstance(p, Handle)
                for part in seen_by(made, sink)
                if isinstance(part, str)
                for p in parts_of(part)
            )


def test_an_instruction_that_utf8_cannot_carry_is_mended():
    assert shown(labeller().instruction("a\ud800b")) == "a\ufffdb"


def test_an_instruction_that_the_policy_clears_is_not_scanned():
    policy = POLICY.replace("detect:", "defaults: {instruction: cloud}\ndetect:")
    assert shown(labeller(policy).instruction("to Ann Lee")) == "to Ann Lee"


# Arguments.

AT_CLOUD = Label.at(Locality.CLOUD)


def arguments(value, shown_=AT_CLOUD, **kwargs):
    made = labeller()
    made.result("t", {"kept": "a@b.example"})
    return made, made.arguments("t", value, shown_, **kwargs)


def test_handles_stay_handles_and_the_rest_goes_by_its_rule():
    _, made = arguments({"note": "to <email:1>", "secret": "x", "keep": "y", "only": 1})
    assert shown(made.text) == '{"note":"to <email:1>","secret":"[hidden]","keep":"<text:1>","only":1}'
    assert shown(made.text, SUMMARIZER).endswith('"only":"<number:1>"}')


def test_a_handle_that_was_never_issued_is_an_error_that_names_it():
    with pytest.raises(UnknownHandleError, match="<email:9>"):
        arguments({"note": "<email:9>"})


def test_what_the_planner_alone_read_does_not_reach_the_summarizer_in_what_is_written_after_it():
    read = Label.at(Locality.PLANNER)
    _, made = arguments({"note": "plan", "made up": {"by the caller": 1}}, read)
    assert shown(made.text) == '{"note":"plan","made up":{"by the caller":"<number:1>"}}'
    assert shown(made.text, SUMMARIZER) == '{"note":"<text:1>","<key:1>":{"<key:2>":"<number:1>"}}'


def test_only_one_whole_handle_is_no_models_writing():
    _, made = arguments({"note": ["<email:1>", "<email:1><email:1>", " <email:1>", "", 7]}, names=["note"])
    assert [made.leaves["note", at].model_written for at in range(5)] == [False, True, True, True, True]
    assert made.leaves["note", 1].type == "value"


def test_a_name_of_the_callers_own_taints_what_stands_under_it():
    read = Label.at(Locality.PLANNER)
    _, made = arguments({"secretly": "<email:1>"}, read)
    assert made.leaves[("secretly",)].label.readers == frozenset()
    assert not made.leaves[("secretly",)].label.trusted
    _, declared = arguments({"secretly": "<email:1>"}, read, names=["secretly"])
    assert declared.leaves[("secretly",)].model_written is False


@pytest.mark.parametrize("empty", [[], {}])
def test_that_something_is_empty_is_the_callers_choice(empty):
    _, made = arguments({"note": empty, "keep": [empty]})
    assert made.leaves[("note",)].model_written
    assert made.leaves["keep", 0].model_written
    assert () not in made.leaves


@pytest.mark.parametrize("value", [{}, {"note": "x"}, {"a name": [1, 2, {"b": None}]}])
def test_what_a_caller_that_saw_values_writes_is_one_handle(value):
    seen = Label.at(Locality.HANDLE)
    _, made = arguments(value, seen, values_seen=True)
    assert shown(made.text) == '"<data:1>"'


def test_no_text_tells_which_words_a_caller_that_saw_values_chose():
    made, _ = arguments({"note": ["Kept-4711"]}, Label.at(Locality.HANDLE), values_seen=True)
    made.result("t", {"echo": "Kept-4712"}, made_of=Label.at(Locality.HANDLE))
    text = "Kept-4710 Kept-4711 Kept-4712"
    assert shown(made.result("t", {"text": text})) == f'{{"text":"{text}"}}'


def test_what_it_writes_before_it_saw_any_is_as_anyones():
    _, made = arguments({"note": "x"}, AT_CLOUD, values_seen=True)
    assert shown(made.text) == '{"note":"x"}'


# Text of models.


def test_model_text_carries_what_the_model_was_shown():
    made = labeller()
    made.result("t", {"kept": "a@b.example"})
    spans = made.model_text("so <email:1> and <email:9>", Label.at(Locality.PLANNER))
    assert shown(spans) == "so <email:1> and <\\email:9>"
    assert shown(spans, SUMMARIZER) == "[withheld]<email:1>[withheld][withheld]"
    assert all(not span.label.trusted for span in spans)
    assert spans[0].label.readers == frozenset({PLANNER})
    assert made.model_text("x", PUBLIC)[0].label.integrity is Integrity.UNTRUSTED


def test_a_failure_says_its_kind_unless_the_shape_is_hidden():
    assert labeller().failure("t", "timeout") == ("timeout", ())
    hidden = labeller(POLICY + '      "$": {locality: handle, shape: hidden}\n')
    kind, text = hidden.failure("t", "timeout")
    assert (kind, shown(text)) == ("", '"<data:1>"')
    assert shown(hidden.result("t", {"a": 1})) == '"<data:2>"'


BARRED = """
version: 1
detect: [{type: email, pattern: builtin}, {type: person, values: [Ann Lee]}]
tools:
  t:
    runs: device
    results:
      "$": cloud
      "$.box": {locality: handle, shape: hidden}
      "$.box.secret": {never_to: [post]}
      "$.list[*]": {locality: handle, shape: hidden}
      "$..[?@.private].text": {never_to: [post]}
      "$.other": {locality: handle, never_to: [mail.send]}
  whole:
    runs: device
    results: {"$": {locality: handle, shape: hidden}, "$..secret": {never_to: [post]}}
"""


def bars_of(text) -> set[str]:
    return {str(bar) for span in text for bar in span.label.bars}


@pytest.mark.parametrize(
    ("tool", "value", "bars"),
    [
        ("t", {"box": {"secret": "x"}}, {"never_to: post"}),
        (
            "t",
            {"box": {"open": "x"}},
            {"never_to: post"},
        ),  # what stands in it must not decide what may be seen of it
        ("t", {"list": [{"private": True, "text": "x"}]}, {"never_to: post"}),
        ("t", {"far": {"open": "x"}}, set()),
        ("whole", {"a": {"secret": "x"}}, {"never_to: post"}),
    ],
)
def test_what_is_kept_whole_is_barred_as_all_that_may_be_in_it(tool, value, bars):
    text = labeller(BARRED).result(tool, value)
    assert bars_of(text) == bars


def test_a_result_that_is_kept_whole_for_what_it_was_made_of_is_barred_as_its_parts():
    made = labeller(BARRED)
    text = made.result("t", {"other": "x"}, made_of=Label())
    assert bars_of(text) == {"never_to: post", "never_to: mail.send"}
    assert {str(bar) for kept in made.vault for bar in kept.label.bars} == bars_of(text)


@pytest.mark.parametrize(
    ("reply", "barred"),
    [("yes, ann@example.org", True), ("no, to bob@example.org", False), ("yes, please", False)],
)
def test_a_reply_is_barred_as_the_question_that_it_repeats(reply, barred):
    text = labeller(BARRED).reply(
        reply, "Post ann@example.org, for Ann Lee?", frozenset({Bar("r", ("post",))})
    )
    assert bars_of(text) == ({"never_to: post"} if barred else set())
    assert own_words(text).strip() == ("" if barred else reply)


def test_a_part_that_is_not_the_users_own_has_its_own_label_and_the_rest_is_theirs():
    made = labeller(BARRED)
    strange = Label.at(Locality.CLOUD)

    def part(word, label):
        return strange if word in ("ann@example.org", "AB123456") else label

    for word in ("ann@example.org", "AB123456"):
        text = made.instruction(f"Write {word}, to Ann Lee", part)
        assert "".join(span.clear for span in text) == f"Write {word}, to Ann Lee"
        assert word not in own_words(text)
        assert own_words(text).startswith("Write ")
        assert own_words(text).endswith("to Ann Lee")
    assert {kept.value: kept.label.trusted for kept in made.vault} == {
        "ann@example.org": False,
        "Ann Lee": True,
    }


@pytest.mark.parametrize(
    ("typed", "own"),
    [
        ("pay 1234 5678 now", "pay \n now"),
        ("pay 1234 5678 250 euro", "pay \n 250 euro"),
        ("pay 250 1234 5678, please", "pay 250 \n please"),
        ("pay 2\n1234\u00a05678", "pay 2\n\n"),
        ("pay 1234 and 5678", "pay 1234 and 5678"),
        ("", ""),
    ],
)
def test_a_number_that_is_set_with_blanks_is_one_part_whatever_stands_beside_it(typed, own):
    def part(word, label):
        return Label.at(Locality.CLOUD) if "".join(word.split()) == "12345678" else label

    text = labeller(BARRED).instruction(typed, part)
    assert "".join(span.clear for span in text) == typed
    assert own_words(text) == own


def test_an_answer_of_a_chat_that_is_gone_is_barred_as_all_that_the_policy_bars():
    made = labeller(BARRED)
    text = made.past_answer("It says x.")
    assert bars_of(text) == {"never_to: post", "never_to: mail.send"}
    assert {str(bar) for kept in made.vault for bar in kept.label.bars} == bars_of(text)


def test_a_handle_in_a_text_bars_who_reads_its_value():
    made = labeller(BARRED)
    made.result("t", {"other": "x"})
    (span,) = made.model_text("<text:1>", PUBLIC)
    assert bars_of((span,)) == {"never_to: mail.send"}


def test_reprs_show_no_value():
    made, labelled = arguments({"note": "to <email:1>", "keep": "Kept-4711", "Kept-4712": "x"})
    for one in (made, labelled, made.vault, list(made.vault), made.keeper.known, labelled.text):
        assert "Kept-471" not in repr(one)
        assert "a@b.example" not in repr(one)

"""The step metrics, rule by rule."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_cloud.evaluation import Prediction, StaticMetrics, read_predictions, static_metrics
from umi_cloud.evaluation.step import Step, read_step

GIVE_UP = "assistant: I cannot. Next: give up."


def call(action, arguments="{}", plan="I look."):
    return f"assistant: {plan} Next: caller.</s>caller: Action: {action}\nAction Input: {arguments}</s>"


def answer(text):
    return f"assistant: I know. Next: conclusion.</s>conclusion: {text}</s>"


def score(*pairs, tools=("weather", "mail")) -> StaticMetrics:
    return static_metrics(
        Prediction(tools=frozenset(tools), reference=reference, prediction=prediction)
        for reference, prediction in pairs
    )


def test_the_papers_scorer_is_reproduced(toolbench):
    """Every number that it prints for the published rows, to 1e-9, and no other number."""
    expected = json.loads((toolbench / "static_metrics_dev.json").read_text(encoding="utf-8"))
    ours = asdict(static_metrics(read_predictions(toolbench / "static_predictions_dev.json")))
    assert ours == pytest.approx(expected, abs=1e-9, rel=0)


def test_plans_are_compared_over_all_rows():
    """Call, finish and give up are the plans."""
    metrics = score((GIVE_UP, GIVE_UP), (GIVE_UP, answer("Rain.")), (answer("Rain."), answer("Sun.")))
    assert metrics.plan_em == pytest.approx(2 / 3)


def test_actions_are_compared_where_the_reference_is_a_call():
    """Another plan than a call is a wrong action there, and no action elsewhere."""
    metrics = score(
        (call("weather"), call("weather")),
        (call("weather"), call("mail")),
        (call("weather"), GIVE_UP),
        (GIVE_UP, call("weather")),
    )
    assert metrics.action_em == pytest.approx(1 / 3)


def test_hallucinations_count_over_all_rows():
    """An action that no tool has, whatever the reference is; a missing action is none."""
    metrics = score(
        (GIVE_UP, call("wipe")), (call("weather"), call("mail")), (GIVE_UP, "Next: caller.</s>caller:")
    )
    assert metrics.hallu_rate == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("reference", "predicted", "f1"),
    [
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', 1.0),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.75),
        ('{"a": 1, "b": 2}', '{"a": 1}', 2 / 3),
        ('{"a": 1}', '{"a": 1, "b": 2}', 2 / 3),
        ('{"a": 1}', '{"b": 1}', 0.0),
        ('{"a": 1}', "{}", 0.0),
        ('{"a": 1}', '{"a": 1', 0.0),
        ('{"a": 1}', "[1]", 0.0),
        ("[1]", "[1]", 0.0),
        ('{"a": 1}', '{"a": ' + "[" * 100_000, 0.0),
    ],
    ids=range(10),
)
def test_arguments_score_by_name_and_half_by_value(reference, predicted, f1):
    """A right name with a wrong value counts half; what does not parse counts nothing."""
    metrics = score((call("weather", reference), call("weather", predicted)))
    assert metrics.f1 == pytest.approx(f1)
    assert metrics.hard_f1 == pytest.approx(f1)
    assert metrics.easy_f1 == 0


@pytest.mark.parametrize(("predicted", "f1"), [("{}", 1.0), ('{"a": 1}', 0.0), ("{", 0.0), ("[]", 0.0)])
def test_no_arguments_are_right_or_wrong(predicted, f1):
    """Empty reference arguments count 1 or 0, among the easy calls."""
    metrics = score((call("weather"), call("weather", predicted)))
    assert metrics.easy_f1 == metrics.f1 == f1
    assert metrics.hard_f1 == 0


def test_a_wrong_action_counts_among_easy_and_hard_calls():
    """The scorer puts its 0 into every mean."""
    right, wrong = (call("weather"), call("weather")), (call("weather"), call("mail"))
    hard = (call("weather", '{"a": 1}'), call("weather", '{"a": 1}'))
    metrics = score(right, wrong, hard)
    assert (metrics.easy_f1, metrics.hard_f1) == (0.5, 0.5)
    assert metrics.f1 == pytest.approx(2 / 3)


def test_a_reference_that_does_not_parse_is_left_out_of_f1():
    """It still counts for the action."""
    metrics = score((call("weather", "{"), call("weather", "{")), (call("weather"), call("weather")))
    assert (metrics.f1, metrics.action_em) == (1.0, 1.0)


def test_rouge_is_over_rows_whose_reference_is_a_conclusion():
    """A missing answer is the word none; an answer of full stops is one too."""
    assert score((answer("It rains."), answer("It rains."))).rouge == pytest.approx(1)
    assert score((answer("It rains."), GIVE_UP), (GIVE_UP, answer("It rains."))).rouge == 0
    assert score((answer("none"), GIVE_UP)).rouge == pytest.approx(1)
    assert score((answer("It rains."), answer("..."))).rouge == 0


def test_rouge_of_a_sentence_without_end():
    """The package recurses once a word; 3,000 words without a full stop still get a score."""
    words = " ".join(f"word{i}" for i in range(1500))
    assert score((answer(words), answer(words))).rouge == pytest.approx(1)


def test_metrics_without_rows_are_zero():
    """Nothing to compare is no error."""
    assert set(asdict(score((GIVE_UP, GIVE_UP))).values()) == {1.0, 0.0}
    assert score((GIVE_UP, GIVE_UP)).plan_em == 1


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (GIVE_UP, Step(plan="give up")),
        (answer("a conclusion: b"), Step(plan="finish", answer="b")),
        ("I know. Next: conclusion.", Step(plan="finish", answer="I know. Next: conclusion.")),
        (call("mail", '{"a": "x"} '), Step(plan="call", action="mail", arguments='{"a": "x"}')),
        ("Next: caller.</s>caller: Action: mail", Step(plan="call", action="mail")),
        ("Next: caller.</s>caller: Action Input: {", Step(plan="call", arguments="{")),
        ("I wonder.", Step(plan="call")),
        ("", Step(plan="call")),
    ],
)
def test_steps_are_read_out_of_text(text, step):
    """By the scorer's rules; what decides nothing is a call of nothing."""
    assert read_step(text) == step


@given(st.text(), st.text())
def test_no_text_breaks_the_scorer(reference, prediction):
    """Models write anything; each metric stays a fraction."""
    metrics = asdict(score((reference, prediction), (answer(reference), answer(prediction))))
    assert all(0 <= value <= 1 for value in metrics.values())

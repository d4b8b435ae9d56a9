"""The score of a tiny labelled text is what a hand comes to, and a detector that is bad scores badly."""

import pytest

from umi_lab.detectors.corpus import LabelledSpan, Sentence
from umi_lab.detectors.score import (
    Found,
    by_class,
    by_group,
    by_language,
    in_clean,
    misses,
    precision,
    score,
)


def sentence(text, *spans, kind="x", language="en"):
    labelled = tuple(
        LabelledSpan(start=text.index(word), end=text.index(word) + len(word), type=of, known=known)
        for word, of, known in spans
    )
    return Sentence(text=text, spans=labelled, kind=kind, language=language)


ANN = sentence("call Ann Lee now", ("Ann Lee", "person", True), kind="name")
BOTH = sentence("Bo has 1234-5678", ("Bo", "person", True), ("1234-5678", "card", False), kind="number")
STRANGER = sentence("Cy ails", ("Cy", "person", False), ("ails", "health", False), kind="name")
CLEAN = sentence("Will it rain on May 5?", kind="clean")
FOUND = {
    ANN.text: [Found(5, 12, "person")],
    BOTH.text: [Found(0, 2, "text"), Found(7, 11, "card"), Found(3, 6, "card")],
    STRANGER.text: [],
    CLEAN.text: [Found(0, 4, "person"), Found(16, 21, "date_of_birth")],
}
ALL = [ANN, BOTH, STRANGER, CLEAN]


def scored():
    return [score(one, FOUND[one.text]) for one in ALL]


def shares(figure):
    return [(share.part, share.whole) for share in (figure.found, figure.partial, figure.typed)]


def test_the_goals_figures():
    figures = {figure.name: shares(figure) for figure in by_group(scored())}
    assert figures == {
        "names the device has": [(2, 2), (0, 2), (1, 2)],
        "typed values": [(0, 1), (1, 1), (0, 0)],
        "other kinds": [(0, 1), (0, 1), (0, 0)],
        "names it does not have": [(0, 1), (0, 1), (0, 0)],
    }


def test_the_figures_of_classes_and_languages_have_precision():
    name, number = by_class(scored())
    assert shares(name) == [(1, 3), (0, 3), (1, 1)]
    assert (name.precision.part, name.precision.whole) == (1, 1)
    assert (number.precision.part, number.precision.whole) == (2, 3)
    (english,) = by_language(scored())
    assert english.found.whole == 5
    assert (english.precision.part, english.precision.whole) == (3, 6)
    assert precision(scored()) == english.precision


def test_false_finds_are_counted_in_clean_sentences():
    every, plain, tempting = in_clean([*scored(), score(sentence("no", kind="clean-x"), [])])
    assert (every.name, every.finds, every.in_a_hundred) == ("all clean sentences", 2, 100.0)
    assert (every.touched.part, every.touched.whole) == (1, 2)
    assert (plain.name, plain.finds, plain.touched.whole) == ("clean", 2, 1)
    assert (tempting.name, tempting.finds, tempting.in_a_hundred) == ("clean-x", 0, 0.0)


def test_what_is_missed_is_named():
    found = [(one.what, one.sentence.text[one.start : one.end]) for one in misses(scored())]
    assert found == [
        ("partial", "1234-5678"),
        ("false", "has"),
        ("missed", "ails"),
        ("false", "Will"),
        ("false", "May 5"),
    ]


def test_a_detector_that_finds_nothing_has_no_recall():
    figures = by_group(score(one, []) for one in ALL)
    assert all(figure.found.part == 0 and figure.partial.part == 0 for figure in figures)


def test_one_that_finds_everything_has_recall_and_false_finds():
    everything = [score(one, [Found(0, len(one.text), "person")]) for one in ALL]
    assert all(figure.found.value == 1 for figure in by_group(everything))
    assert in_clean(everything)[0].in_a_hundred == 100


@pytest.mark.parametrize(
    ("text", "kind", "found", "whole"),
    [
        ("Ann, Lee", "person", [(0, 3), (5, 8)], True),
        ("Ann, Lee", "person", [(0, 3), (5, 7)], False),
        ("(503) 555", "phone", [(1, 4), (6, 9)], True),
        ("4471#", "secret", [(0, 4)], False),
        ("a b", "secret", [(0, 1), (2, 3)], True),
        ("a.b@c.de", "email", [(0, 3), (4, 8)], False),
        ("सुनीता", "person", [(0, 5)], False),
    ],
)
def test_all_of_a_span_is_each_character_that_means_something(text, kind, found, whole):
    (verdict,) = score(
        sentence(text, (text, kind, False)), [Found(start, end, kind) for start, end in found]
    ).verdicts
    assert verdict.found is whole
    assert verdict.partial is not whole

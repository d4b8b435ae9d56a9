"""How probable a text is after another one: what is read, and how the logits are counted; no model is loaded."""

import math

import numpy as np
import pytest

from umi_shared.cancellation import Cancellation
from umi_shared.llama import likelihood
from umi_shared.llama.likelihood import Continuation, Likelihoods

VOCABULARY = 8


class Letters:
    """Weights whose tokens are the numbers in a text; a start token is 0."""

    def tokenize(self, text, *, special, start=False):
        assert not special
        return [0] * start + [int(character) for character in text]


class FakeContext:
    """Finds the token that is one more than the last three times as likely as all others."""

    def __init__(self, weights, **sizes):
        self.sizes, self.batches, self.forgotten, self.fails = sizes, [], [], False
        self.closed = 0

    def decode(self, parts, cancelled):
        self.batches.append([(part.sequence, list(part.tokens)) for part in parts])
        if self.fails:
            raise RuntimeError
        found = []
        for part in parts:
            rows = np.zeros((part.rows, VOCABULARY), np.float32)
            for row, token in zip(rows, part.tokens[-part.rows :], strict=True):
                row[(token + 1) % VOCABULARY] = math.log(3)
            found.append(rows)
        return found

    def forget(self, sequence, start):
        self.forgotten.append(sequence)

    def close(self):
        self.closed += 1


@pytest.fixture
def scorer(monkeypatch):
    monkeypatch.setattr(likelihood, "Context", FakeContext)
    return Likelihoods(Letters(), before_tokens=3, text_tokens=2)


LIKELY, UNLIKELY = math.log(3 / (VOCABULARY + 2)), math.log(1 / (VOCABULARY + 2))


@pytest.mark.parametrize(
    ("before", "text", "found"),
    [("1", "2", LIKELY), ("1", "23", 2 * LIKELY), ("1", "3", UNLIKELY), ("1", "24", LIKELY + UNLIKELY)],
)
def test_the_logarithms_of_the_tokens_add_up(scorer, before, text, found):
    assert scorer.of([Continuation(before, text)]) == [pytest.approx(found)]


def test_the_end_of_what_comes_before_and_the_start_of_the_text_are_read(scorer):
    scorer.of([Continuation("12345", "6712")])
    assert scorer._context.batches == [[(0, [3, 4, 5, 6])]]


def test_four_are_read_at_a_time_in_order_and_nothing_is_kept(scorer):
    found = scorer.of([Continuation("1", "2" if number % 2 else "3") for number in range(6)])
    assert found == [pytest.approx(LIKELY if number % 2 else UNLIKELY) for number in range(6)]
    assert [len(batch) for batch in scorer._context.batches] == [4, 2]
    assert scorer._context.forgotten == [0, 1, 2, 3, 0, 1]


def test_nothing_is_kept_after_a_failure_either(scorer):
    scorer._context.fails = True
    with pytest.raises(RuntimeError):
        scorer.of([Continuation("1", "2")], Cancellation())
    assert scorer._context.forgotten == [0]


def test_no_text_shows_in_a_repr():
    assert "12" not in repr(Continuation("12", "12"))

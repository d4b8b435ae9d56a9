"""The KV cache's state: put back, it is as good as read; refused, it leaves nothing behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from umi_shared.llama import Cancelled, Sequence, Weights

pytestmark = pytest.mark.model

PREFIX = "Tools:\n" + "".join(f"tool{number}.find(name): Find a person.\n" for number in range(12))
REST = "Find Ada."


@pytest.fixture(scope="module")
def weights(smollm2: Path) -> Iterator[Weights]:
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


@pytest.fixture
def sequence(weights: Weights) -> Iterator[Callable[..., Sequence]]:
    made: list[Sequence] = []

    def make(context_tokens: int = 512) -> Sequence:
        made.append(Sequence(weights, context_tokens=context_tokens, threads=1))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_restored_state_gives_the_logits_of_a_sequence_that_read_it(weights, sequence) -> None:
    prefix = weights.tokenize(PREFIX, special=True)
    whole = prefix + weights.tokenize(REST, special=True)
    cold, warm = sequence(), sequence()
    cold.read(prefix)
    assert warm.restore(prefix, cold.state())
    assert warm.read(whole) == cold.read(whole) == len(prefix)
    assert np.array_equal(warm.logits(), cold.logits())


def test_what_was_read_before_is_not_in_the_state(weights, sequence) -> None:
    prefix, other = (weights.tokenize(text, special=True) for text in (PREFIX, "CANARY " * 60))
    used, fresh = sequence(), sequence()
    used.read(other)
    used.read(prefix)
    fresh.read(prefix)
    assert used.state() == fresh.state()


@pytest.mark.parametrize(
    "damage", [lambda state: state[: len(state) // 2], lambda _: b"", lambda _: b"junk" * 50]
)
def test_a_state_that_llamacpp_refuses_leaves_an_empty_cache(weights, sequence, damage) -> None:
    prefix = weights.tokenize(PREFIX, special=True)
    cold, warm = sequence(), sequence()
    cold.read(prefix)
    assert not warm.restore(prefix, damage(cold.state()))
    assert warm.tokens == []
    assert warm.read(prefix) == 0
    assert np.array_equal(warm.logits(), cold.logits())


def test_a_state_that_does_not_fit_the_context_is_refused(weights, sequence) -> None:
    prefix = weights.tokenize(PREFIX, special=True)
    cold, small = sequence(), sequence(context_tokens=64)
    cold.read(prefix)
    assert not small.restore(prefix, cold.state())


def test_a_reading_that_was_cancelled_leaves_what_was_held_before_it(weights, sequence) -> None:
    """Cancelled in the middle of a decode, so that some layers have seen the tokens and others have not."""
    prefix = weights.tokenize(PREFIX, special=True)
    wrong, right = (prefix + weights.tokenize(text * 20, special=True) for text in ("Bob is here. ", REST))
    cold, branched = sequence(), sequence()
    for one in (cold, branched):
        one.read(prefix)
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        branched.read(wrong, lambda: next(asked) > 50)
    assert branched.tokens == prefix
    assert branched.read(right) == cold.read(right) == len(prefix)
    assert np.array_equal(branched.logits(), cold.logits())


def test_a_branch_that_was_read_in_vain_leaves_no_trace(weights, sequence) -> None:
    prefix = weights.tokenize(PREFIX, special=True)
    cold, branched = sequence(), sequence()
    for one in (cold, branched):
        one.read(prefix)
    branched.read(prefix + weights.tokenize("\nBob is here.", special=True))
    right = prefix + weights.tokenize(REST, special=True)
    assert branched.read(right) == cold.read(right) == len(prefix)
    assert np.array_equal(branched.logits(), cold.logits())

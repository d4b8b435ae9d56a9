"""Which conversation is put back, which goes first, and that nothing is lost nor mixed up on the way."""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from umi_shared.cancellation import Cancellation
from umi_shared.llama import Cancelled, Sequence, Weights
from umi_shared.llama.kept_states import LEAST, KeptState, KeptStates

SHARED = list(range(1000))


def conversation(number: int, length: int = 100) -> list[int]:
    return [*SHARED, *range(number * 10_000, number * 10_000 + length)]


def kept(tokens: list[int], start: int = len(SHARED)) -> KeptState:
    return KeptState(tokens=tokens, start=start, state=(ctypes.c_uint8 * 1)())


def test_a_prompt_gets_the_conversation_that_it_continues() -> None:
    states = KeptStates(1000)
    for number in (1, 2, 3):
        states.keep(kept(conversation(number)))
    found = states.best([*conversation(2), 7, 7], conversation(4))
    assert found is not None
    assert found.tokens == conversation(2)
    assert found.is_used_up([*conversation(2), 7, 7])
    assert states.best(conversation(9), conversation(4)) is None


def test_what_was_used_longest_ago_goes_first_and_memory_is_bounded() -> None:
    states = KeptStates(250)
    for number in (1, 2):
        states.keep(kept(conversation(number)))
    assert states.best(conversation(1), SHARED) is not None
    states.keep(kept(conversation(3)))
    assert states.held() == [conversation(1), conversation(3)]
    states.keep(kept(conversation(4, 251)))
    assert states.held() == [conversation(1), conversation(3)], "too large by itself"


def test_a_conversation_that_only_begins_alike_leaves_the_other_one_where_it_is() -> None:
    state = kept(conversation(1, 300))
    other = [*conversation(1, 200), 5]
    assert state.saves(other, SHARED) == 200
    assert not state.is_used_up(other)


def test_what_is_missing_before_a_state_counts_against_it() -> None:
    state = kept(conversation(1, 300))
    assert state.saves(conversation(1, 300), SHARED[:900]) == 300
    assert state.saves(conversation(1, 300), conversation(1, 300)) == 0
    assert state.saves(SHARED, SHARED[:10]) == 0


# With a model.


@pytest.fixture(scope="module")
def weights(smollm2: Path) -> Iterator[Weights]:
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


@pytest.fixture
def sequence(weights: Weights) -> Iterator[Callable[..., Sequence]]:
    made: list[Sequence] = []

    def make(kept_tokens: int = 2000) -> Sequence:
        made.append(Sequence(weights, context_tokens=512, threads=1, kept_tokens=kept_tokens))
        return made[-1]

    yield make
    for one in made:
        one.close()


def texts(weights: Weights) -> list[list[int]]:
    """Four conversations over one beginning."""
    tools = "Tools: " + "find a person; " * 10
    said = ("the sea is calm. ", "a red boat. ", "no news today. ", "bread and salt. ")
    return [weights.tokenize(tools + words * (LEAST // 2), special=True)[:170] for words in said]


@pytest.mark.model
def test_four_conversations_in_turn_read_only_what_is_new(weights, sequence) -> None:
    one, prompts = sequence(), texts(weights)
    for prompt in prompts:
        one.read(prompt)
    for turn in (5, 10):
        for prompt in prompts:
            longer = [*prompt, *prompt[1 : 1 + turn]]
            assert one.read(longer) >= len(prompt)
    assert sum(len(held) for held in one.held()[1:]) < 4 * 180


@pytest.mark.model
def test_a_state_that_is_put_back_is_what_it_was_to_the_bit(weights, sequence) -> None:
    one, still = sequence(), sequence(0)
    first, second, *_ = texts(weights)
    one.read(first)
    still.read(first)
    one.read(second)
    longer = [*first, *first[1:9]]
    assert one.read(longer) == still.read(longer) == len(first)
    assert np.array_equal(one.logits(), still.logits())


@pytest.mark.model
def test_without_room_beside_it_is_as_it_was(weights, sequence) -> None:
    one, prompts = sequence(0), texts(weights)
    one.read(prompts[0])
    one.read(prompts[1])
    assert one.held() == [prompts[1]]


@pytest.mark.model
def test_cancelled_on_the_way_back_nothing_is_lost(weights, sequence) -> None:
    one = sequence()
    first, second, *_ = texts(weights)
    one.read(first)
    one.read(second)
    one.read(weights.tokenize("Something else altogether, said at some length. " * 9, special=True))
    stop = Cancellation()
    stop.set()
    with pytest.raises(Cancelled):
        one.read([*first, 5], stop)
    assert one.read([*first, 5]) == len(first)
    assert one.read([*second, 5]) == len(second)

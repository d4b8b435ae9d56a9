"""Which sequence reads the next prompt, and what is forgotten for it."""

from umi_cloud.engines.sequence_pool import SequencePool


def use(pool, session, tokens, needs=100):
    """One generation from start to end; returns its sequence."""
    slot = pool.take(session, needs)
    slot.tokens = tokens
    pool.give(slot)
    return slot


def test_a_session_returns_to_its_own_sequence():
    pool = SequencePool(2, 1000)
    a = use(pool, "a", [1, 2, 3])
    b = use(pool, "b", [1, 2, 9])
    assert a is not b
    assert use(pool, "a", [1, 2, 3, 4]) is a
    assert use(pool, "b", [1, 2, 9, 4]) is b


def test_a_new_session_takes_the_sequence_that_rests_the_longest():
    pool = SequencePool(2, 1000)
    use(pool, "a", [1])
    b = use(pool, "b", [2])
    use(pool, "a", [1, 1])
    assert use(pool, "c", [3]) is b


def test_all_sequences_are_busy_at_some_point():
    pool = SequencePool(2, 1000)
    first = pool.take("a", 10)
    assert pool.take("b", 10) is not None
    assert pool.take("c", 10) is None
    pool.give(first)
    assert pool.take("c", 10) is first


def test_no_generation_starts_that_might_find_no_cell():
    pool = SequencePool(4, 1000)
    first = pool.take("a", 600)
    assert pool.take("b", 500) is None
    assert pool.take("b", 400) is not None
    pool.give(first)
    assert pool.take("c", 600) is not None


def test_what_rests_the_longest_is_forgotten_first_and_no_more_than_must_be():
    pool = SequencePool(4, 1000)
    old = use(pool, "old", [1] * 300)
    new = use(pool, "new", [2] * 300)
    pool.take("a", 500)
    assert pool.surplus() == [old]
    old.tokens = []
    assert pool.surplus() == []
    pool.take("b", 400)
    assert pool.surplus() == [new]


def test_a_prompt_is_copied_from_the_sequence_that_holds_most_of_it():
    pool = SequencePool(3, 1000)
    use(pool, "a", [1] * 100)
    b = use(pool, "b", [1] * 200)
    slot = pool.take("c", 300)
    assert pool.donor(slot, [1] * 150 + [5]) == (b, 150)
    assert pool.donor(slot, [1] * 100) == (pool.slots[0], 99)


def test_a_few_tokens_in_common_are_not_copied():
    pool = SequencePool(2, 1000)
    use(pool, "a", [1] * 100)
    slot = pool.take("b", 300)
    slot.tokens = [1] * 60
    assert pool.donor(slot, [1] * 200) is None
    assert SequencePool(1, 100).donor(slot, [1]) is None

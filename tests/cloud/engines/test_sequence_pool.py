"""Which sequence reads the next prompt, whose cache it may use, and what is forgotten for it."""

import pytest

from umi_cloud.engines.sequence_pool import Reader, SequencePool


def take(pool, session, needs=100, tokens=(0, 0), namespace="", common=0):
    """A sequence, without what it may keep; None where there is none."""
    taken = pool.take(Reader(list(tokens), namespace, common), session, needs)
    return taken and taken[0]


def use(pool, session, tokens, needs=100, namespace="", common=0):
    """One generation from start to end; returns its sequence."""
    slot = take(pool, session, needs, tokens, namespace, common)
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
    first = take(pool, "a", 10)
    assert take(pool, "b", 10) is not None
    assert take(pool, "c", 10) is None
    pool.give(first)
    assert take(pool, "c", 10) is first


def test_no_generation_starts_that_might_find_no_cell():
    pool = SequencePool(4, 1000)
    first = take(pool, "a", 600)
    assert take(pool, "b", 500) is None
    assert take(pool, "b", 400) is not None
    pool.give(first)
    assert take(pool, "c", 600) is not None


def test_what_rests_the_longest_is_forgotten_first_and_no_more_than_must_be():
    pool = SequencePool(4, 1000)
    old = use(pool, "old", [1] * 300)
    new = use(pool, "new", [2] * 300)
    take(pool, "a", 500)
    assert pool.surplus() == [old]
    old.tokens = []
    assert pool.surplus() == []
    take(pool, "b", 400)
    assert pool.surplus() == [new]


def test_a_prompt_is_copied_from_the_sequence_that_holds_most_of_it():
    pool = SequencePool(3, 1000)
    use(pool, "a", [1] * 100)
    b = use(pool, "b", [1] * 200)
    slot = take(pool, "c", 300)
    assert pool.donor(slot, Reader([1] * 150 + [5])) == (b, 150)
    assert pool.donor(slot, Reader([1] * 100)) == (pool.slots[0], 99)


def test_a_few_tokens_in_common_are_not_copied():
    pool = SequencePool(2, 1000)
    use(pool, "a", [1] * 100)
    slot = take(pool, "b", 300)
    slot.tokens = [1] * 60
    assert pool.donor(slot, Reader([1] * 200)) is None
    assert SequencePool(1, 100).donor(slot, Reader([1])) is None


class TestNamespaces:
    """Nothing that was read for one namespace is reused for another."""

    @pytest.mark.parametrize(("namespace", "kept"), [("alice", 99), ("bob", 0)])
    def test_a_sequence_that_changes_hands_is_emptied(self, namespace, kept):
        pool = SequencePool(1, 1000)
        use(pool, "s", [1] * 100, namespace="alice")
        assert pool.take(Reader([1] * 100, namespace), "s", 100) == (pool.slots[0], kept)

    def test_a_session_of_the_same_name_in_another_namespace_is_another_session(self):
        pool = SequencePool(2, 1000)
        use(pool, "s", [1] * 100, namespace="alice")
        assert take(pool, "s", namespace="bob") is pool.slots[1]

    def test_no_other_namespace_is_a_donor(self):
        pool = SequencePool(2, 1000)
        use(pool, "a", [1] * 200, namespace="alice")
        slot = take(pool, "b", namespace="bob")
        assert pool.donor(slot, Reader([1] * 200, "bob")) is None
        assert pool.donor(slot, Reader([1] * 200, "alice")) == (pool.slots[0], 199)

    @pytest.mark.parametrize(("theirs", "mine", "shared"), [(80, 200, 80), (200, 80, 80), (80, 80, 80)])
    def test_of_what_is_common_the_smaller_claim_counts(self, theirs, mine, shared):
        """A prompt that calls all of itself common gets no more than the other side gives."""
        pool = SequencePool(2, 1000)
        use(pool, "a", [1] * 200, namespace="alice", common=theirs)
        slot = take(pool, "b", namespace="bob")
        assert pool.donor(slot, Reader([1] * 200, "bob", mine)) == (pool.slots[0], shared)

    def test_a_device_with_many_sessions_loses_its_own_before_anothers_last(self):
        pool = SequencePool(3, 1000)
        alices = use(pool, "a", [1], namespace="alice")
        for session in range(10):
            assert use(pool, str(session), [2], namespace="bob") is not alices

    def test_the_cells_of_whoever_holds_most_are_given_up_first(self):
        pool = SequencePool(4, 1000)
        use(pool, "a", [1] * 200, namespace="alice")
        bobs = [use(pool, session, [2] * 300, namespace="bob") for session in ("b", "c")]
        take(pool, "d", 400, namespace="carol")
        assert pool.surplus() == [bobs[0]]

"""Which KV cache reads the next prompt."""

from umi_cloud.engines.sequence_pool import SequencePool


class FakeSequence:
    """A cache that holds tokens."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.closed = False

    def shared_prefix(self, tokens: list[int]) -> int:
        count = 0
        for ours, theirs in zip(self.tokens, tokens, strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    def close(self) -> None:
        self.closed = True


def use(pool, adapter, session, tokens):
    """One generation from start to end; returns its sequence."""
    slot = pool.take(adapter, session, tokens)
    slot.sequence.tokens = tokens
    pool.give(slot)
    return slot.sequence


def test_a_session_returns_to_its_own_sequence():
    pool = SequencePool(lambda _: FakeSequence(), 2)
    a = use(pool, "p", "a", [1, 2, 3])
    b = use(pool, "p", "b", [1, 2, 9])
    assert a is not b
    assert use(pool, "p", "a", [1, 2, 3, 4]) is a
    assert use(pool, "p", "b", [1, 2, 9, 4]) is b


def test_a_new_session_takes_the_sequence_that_holds_most_of_its_prompt():
    pool = SequencePool(lambda _: FakeSequence(), 2)
    a = use(pool, "p", "a", [1] * 100)
    use(pool, "p", "b", [7, 8])
    assert use(pool, "p", "c", [1] * 90 + [5]) is a


def test_a_few_tokens_in_common_do_not_cost_an_active_session_its_cache():
    pool = SequencePool(lambda _: FakeSequence(), 2)
    old = use(pool, "p", "old", [9, 9])
    use(pool, "p", "active", [1, 2, 3])
    assert use(pool, "p", "new", [1, 2, 5]) is old


def test_a_sequence_that_was_made_before_is_used_before_another_is_made():
    made = []
    pool = SequencePool(lambda adapter: made.append(adapter) or FakeSequence(), 2)
    pool.warm("p")
    use(pool, "p", "a", [1])
    assert made == ["p"]


def test_among_equals_the_longest_unused_goes():
    pool = SequencePool(lambda _: FakeSequence(), 2)
    use(pool, "p", "a", [1])
    b = use(pool, "p", "b", [2])
    use(pool, "p", "a", [1, 1])
    assert use(pool, "p", "c", [3]) is b


def test_adapters_have_sequences_of_their_own():
    made = []
    pool = SequencePool(lambda adapter: made.append(adapter) or FakeSequence(), 1)
    planner = pool.take("planner", "a", [1])
    assert pool.take("planner", "b", [1]) is None
    assert pool.take("summarizer", "a", [1]) is not None
    pool.give(planner)
    assert pool.take("planner", "b", [1]) is planner
    assert made == ["planner", "summarizer"]


def test_a_sequence_that_failed_is_freed_and_replaced():
    pool = SequencePool(lambda _: FakeSequence(), 1)
    slot = pool.take("p", "a", [1])
    pool.drop(slot)
    assert slot.sequence.closed
    assert pool.take("p", "a", [1]).sequence is not slot.sequence


def test_closing_frees_every_sequence():
    pool = SequencePool(lambda _: FakeSequence(), 2)
    sequences = [use(pool, "p", "a", [1]), use(pool, "p", "b", [2])]
    pool.close()
    assert all(sequence.closed for sequence in sequences)

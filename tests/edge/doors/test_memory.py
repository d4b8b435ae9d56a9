"""What is remembered of chats, for how long, and what goes first."""

import pytest

from umi_edge.doors.chat_request import Turn
from umi_edge.doors.memory import Limits, Memory
from umi_edge.labelling.vault import INSTRUCTION, Vault
from umi_edge.session.snapshot import Snapshot
from umi_shared.labels import Label, Locality

KEPT = Label.at(Locality.HANDLE)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def snapshot(*values: str) -> Snapshot:
    vault = Vault()
    for value in values:
        vault.keep(value, type="text", label=KEPT, origin=INSTRUCTION)
    return Snapshot(kept=tuple(vault), entries=(), read_by={}, declassified={}, shapes={}, record=())


def chat(name: str, length: int = 1) -> list[Turn]:
    """So many questions, each with its answer."""
    return [
        turn
        for number in range(length)
        for turn in (Turn("user", f"{name} asks {number}"), Turn("assistant", f"{name} hears {number}"))
    ]


def known(memory: Memory, value: str) -> bool:
    return bool(memory.kept_in([f"What does {value} mean?"]))


def test_a_conversation_goes_on_from_its_last_known_turn():
    memory = Memory()
    first, second = snapshot("blue pot 1"), snapshot("blue pot 1", "red pot 2")
    memory.keep(chat("Ada"), first)
    memory.keep(chat("Ada", 2), second)
    assert memory.recall(chat("Ada", 2)).snapshot is second
    assert memory.recall(chat("Ada")).snapshot is first
    further = memory.recall(chat("Ada", 3))
    assert further.snapshot is second
    assert list(further.rest) == chat("Ada", 3)[4:]
    assert memory.recall(chat("Bob")).snapshot is None
    assert memory.recall([]).snapshot is None


def test_the_conversation_that_was_used_longest_ago_is_forgotten_with_its_values():
    clock = Clock()
    memory = Memory(Limits(conversations=4), clock)
    for number in range(4):
        memory.keep(chat(f"chat {number}"), snapshot(f"the secret {number} of them"))
    assert memory.recall(chat("chat 0")).snapshot is not None
    memory.keep(chat("chat 4"), snapshot("the secret 4 of them"))
    there = [memory.recall(chat(f"chat {number}")).snapshot is not None for number in range(5)]
    assert there == [True, False, False, True, True]
    assert [known(memory, f"the secret {number} of them") for number in range(5)] == there


def test_what_was_not_used_for_long_is_forgotten_without_a_new_chat():
    clock = Clock()
    memory = Memory(Limits(seconds=100), clock)
    memory.keep(chat("old"), snapshot("the old secret"))
    clock.now = 60
    memory.keep(chat("new"), snapshot("the new secret"))
    clock.now = 110
    memory.forget()
    assert memory.recall(chat("old")).snapshot is None
    assert memory.recall(chat("new")).snapshot is not None
    assert not known(memory, "the old secret")
    assert known(memory, "the new secret")


def test_a_value_that_another_conversation_keeps_too_stays_known():
    memory = Memory(Limits(conversations=2))
    for name in ("one", "two", "three"):
        memory.keep(chat(name), snapshot("the common secret"))
    assert memory.recall(chat("one")).snapshot is None
    assert known(memory, "the common secret")


def test_turns_are_bounded_also_of_a_single_chat():
    memory = Memory(Limits(turns=8))
    for length in range(1, 12):
        memory.keep(chat("Ada", length), snapshot())
    assert memory.recall(chat("Ada", 1)).snapshot is None
    assert memory.recall(chat("Ada", 11)).snapshot is not None


@pytest.mark.parametrize("each", [4, 30])
def test_values_are_bounded_and_the_newest_conversations_stay(each):
    memory = Memory(Limits(values=20))
    for number in range(12):
        values = (f"the secret {number}.{place} of them" for place in range(each))
        memory.keep(chat(f"chat {number}"), snapshot(*values))
    assert memory.recall(chat("chat 11")).snapshot is not None
    assert memory.recall(chat("chat 0")).snapshot is None
    assert known(memory, "the secret 11.0 of them")
    assert not known(memory, "the secret 0.0 of them")


def test_a_repr_tells_nothing_of_them():
    memory = Memory()
    memory.keep(chat("Ada"), snapshot("the secret"))
    assert repr(memory) == "<Memory of 1 conversations>"

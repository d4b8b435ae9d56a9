"""Calls that wait for their client to come again: made once, given to its own repetition, and to nobody else."""

import asyncio
from typing import Any

import pytest

from umi_edge.doors.gateway.elicitation import NotShownError, current_elicitation
from umi_edge.doors.gateway.kept_calls import KeptCalls, NotKeptError, ToShow, what_is_called

WHAT = what_is_called("mail_send", {"to": "<email:1>"})
ADDRESS = "http://127.0.0.1:4864/#/approvals"


class Call:
    """A call that has so many things shown, and then does its work."""

    def __init__(self, shows: int = 1) -> None:
        self.shows = shows
        self.actions: list[Any] = []
        self.made = 0
        self.ended = asyncio.Event()

    @property
    def stopped(self) -> bool:
        return self.ended.is_set()

    async def __call__(self) -> dict[str, Any]:
        elicit = current_elicitation()
        assert elicit is not None
        try:
            for number in range(self.shows):
                try:
                    self.actions.append(await elicit(f"see {number}", ADDRESS, "x"))
                except NotShownError:
                    self.actions.append(None)
        except asyncio.CancelledError:
            self.ended.set()
            raise
        self.made += 1
        return {"made": self.made}


async def shown(kept: KeptCalls, call: Call, owner: str = "") -> ToShow:
    """What a call has shown first."""
    first = await kept.begin(WHAT, call, owner=owner)
    assert isinstance(first, ToShow)
    return first


async def test_a_call_that_needs_nothing_is_answered_at_once():
    assert await KeptCalls().begin(WHAT, Call(shows=0)) == {"made": 1}


@pytest.mark.parametrize("action", ["accept", "decline", "cancel", None])
async def test_the_repetition_is_given_what_comes_of_the_call_that_waits(action):
    kept, call = KeptCalls(), Call(shows=2)
    first = await shown(kept, call)
    assert (first.words, first.address) == ("see 0", ADDRESS)
    second = await kept.go_on(first.word, WHAT, action)
    assert isinstance(second, ToShow)
    assert (second.words, second.word) == ("see 1", first.word)
    assert call.made == 0
    assert await kept.go_on(first.word, WHAT, "accept") == {"made": 1}
    assert call.actions == [action, "accept"]


async def test_what_needs_showing_no_more_is_not_shown():
    """It was decided elsewhere at once, and the call is at its work."""

    async def decided_elsewhere() -> dict[str, Any]:
        elicit = current_elicitation()
        assert elicit is not None
        showing = asyncio.create_task(elicit("see", ADDRESS, "x"))
        await asyncio.sleep(0)
        showing.cancel()
        await asyncio.wait([showing])
        await asyncio.sleep(0.01)
        return {"made": 1}

    assert await KeptCalls().begin(WHAT, decided_elsewhere) == {"made": 1}


async def test_what_the_call_raises_is_raised_to_the_repetition():
    async def failing() -> dict[str, Any]:
        elicit = current_elicitation()
        assert elicit is not None
        await elicit("see", ADDRESS, "x")
        raise KeyError("no")

    kept = KeptCalls()
    first = await kept.begin(WHAT, failing)
    assert isinstance(first, ToShow)
    with pytest.raises(KeyError):
        await kept.go_on(first.word, WHAT, "accept")


@pytest.mark.parametrize("other", ["the word", "the tool", "the arguments", "the owner"])
async def test_a_word_is_good_for_its_own_call_only(other):
    kept, call = KeptCalls(), Call()
    first = await shown(kept, call, "pipe-1")
    what = {
        "the tool": what_is_called("notes_write", {"to": "<email:1>"}),
        "the arguments": what_is_called("mail_send", {"to": "<email:2>"}),
    }.get(other, WHAT)
    word = "0" * 32 if other == "the word" else first.word
    with pytest.raises(NotKeptError):
        await kept.go_on(word, what, "accept", owner="pipe-2" if other == "the owner" else "pipe-1")
    assert call.made == 0
    assert await kept.go_on(first.word, WHAT, "accept", owner="pipe-1") == {"made": 1}


async def test_a_call_is_made_once_however_often_it_is_repeated():
    kept, call = KeptCalls(), Call()
    first = await shown(kept, call)
    comings = [kept.go_on(first.word, WHAT, "accept") for _ in range(5)]
    got = await asyncio.gather(*comings, return_exceptions=True)
    assert [one for one in got if one == {"made": 1}] == [{"made": 1}]
    assert sum(isinstance(one, NotKeptError) for one in got) == 4
    with pytest.raises(NotKeptError):
        await kept.go_on(first.word, WHAT, "accept")
    assert call.made == 1


async def test_a_call_whose_client_does_not_come_again_is_stopped():
    kept, call = KeptCalls(seconds=0.01), Call()
    first = await shown(kept, call)
    await asyncio.wait_for(call.ended.wait(), 5)
    with pytest.raises(NotKeptError):
        await kept.go_on(first.word, WHAT, "accept")
    assert call.made == 0


async def test_a_call_whose_client_breaks_off_while_it_waits_is_stopped():
    kept, call = KeptCalls(), Call(shows=0)
    begun = asyncio.Event()

    async def long() -> dict[str, Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            call.ended.set()
            raise
        return {}

    request = asyncio.create_task(kept.begin(WHAT, long))
    await begun.wait()
    request.cancel()
    await asyncio.wait([request])
    assert call.stopped


@pytest.mark.parametrize("way", ["one owner", "all"])
async def test_calls_that_wait_end_with_their_owner_or_the_gateway(way):
    kept, mine, other = KeptCalls(), Call(), Call()
    await shown(kept, mine, "pipe-1")
    last = await shown(kept, other, "pipe-2")
    await (kept.end("pipe-1") if way == "one owner" else kept.end_all())
    assert (mine.stopped, other.stopped) == (True, way == "all")
    if way == "one owner":
        assert await kept.go_on(last.word, WHAT, "accept", owner="pipe-2") == {"made": 1}


async def test_there_is_room_for_a_few():
    kept = KeptCalls()
    while kept.has_room:
        await shown(kept, Call())
    await kept.end_all()
    assert kept.has_room


def test_the_order_of_arguments_makes_no_other_call():
    assert what_is_called("t", {"a": 1, "b": [2]}) == what_is_called("t", {"b": [2], "a": 1})
    assert what_is_called("t", {"a": 1}) != what_is_called("t", {"a": "1"})

"""The bridge of `umi mcp serve` between a program and far ends that a test plays: what is answered, what is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from umi_edge.doors.gateway.bridge import LOST, UNSERVED, Bridge, LostError, NotTakenError, RefusedError
from umi_shared.errors import PolicyError


def request(number: int, method: str = "tools/call", **params: Any) -> JSONRPCRequest:
    return JSONRPCRequest(jsonrpc="2.0", id=number, method=method, params=params)


def note(method: str, **params: Any) -> JSONRPCNotification:
    return JSONRPCNotification(jsonrpc="2.0", method=method, params=params)


def response(number: Any, **result: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=number, result=result)


@dataclass
class End:
    """A far end, and all that it took."""

    took: list[Any] = field(default_factory=list)
    failing: Exception | None = None
    """What the next message meets."""
    silent: bool = False
    """Whether it answers no call."""
    closed: bool = False
    _said: "asyncio.Queue[JSONRPCMessage | None]" = field(default_factory=asyncio.Queue)

    async def send(self, message: JSONRPCMessage) -> None:
        if self.failing is not None:
            failing, self.failing = self.failing, None
            raise failing
        self.took.append(message)
        if isinstance(message, JSONRPCRequest) and not (self.silent and message.method == "tools/call"):
            self._said.put_nowait(response(message.id, by=len(self.took)))

    async def messages(self) -> AsyncIterator[JSONRPCMessage]:
        while (said := await self._said.get()) is not None:
            yield said

    def say(self, message: JSONRPCMessage) -> None:
        self._said.put_nowait(message)

    def end(self) -> None:
        self._said.put_nowait(None)

    @property
    def methods(self) -> list[str]:
        return [getattr(one, "method", "answer") for one in self.took]


@dataclass
class Program:
    """A program, and all that it was told."""

    ends: list[End]
    told: list[Any] = field(default_factory=list)
    connected: int = 0
    refusing: Exception | None = None
    complaints: list[str] = field(default_factory=list)
    bridge: Bridge = field(init=False)

    def __post_init__(self) -> None:
        self.bridge = Bridge(tell=self._tell, connect=self._connect, complain=self.complaints.append)

    async def _tell(self, message: JSONRPCMessage) -> None:
        self.told.append(message)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[End]:
        if self.refusing is not None:
            raise self.refusing
        end = self.ends[self.connected]
        self.connected += 1
        try:
            yield end
        finally:
            end.closed = True

    async def says(self, *messages: JSONRPCMessage) -> None:
        for message in messages:
            await self.bridge.hear(message)
            await settled()

    def answer(self, number: int) -> Any:
        """The only answer to a request: its result, or the words of the error."""
        [one] = [one for one in self.told if getattr(one, "id", None) == number]
        return one.error.message if isinstance(one, JSONRPCError) else one.result


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def program() -> AsyncIterator[Program]:
    one = Program([End(), End(), End()])
    await one.bridge.begin()
    yield one
    await one.bridge.end()
    assert all(end.closed for end in one.ends[: one.connected])


HANDSHAKE = (request(0, "initialize", who="it"), note("notifications/initialized"))


def says(answer: str, words: str) -> bool:
    return answer == f"{words[:1].upper()}{words[1:]}."


async def test_all_is_passed_on_both_ways(program):
    first = program.ends[0]
    await program.says(*HANDSHAKE, request(1, "tools/list"), request(2))
    assert first.methods == ["initialize", "notifications/initialized", "tools/list", "tools/call"]
    assert program.answer(2) == {"by": 4}
    first.say(request(9, "elicitation/create"))
    await settled()
    assert program.told[-1].method == "elicitation/create"
    await program.says(response(9, action="accept"))
    assert first.methods[-1] == "answer"


async def test_what_was_under_way_is_answered_and_not_made_again(program):
    first, second, _ = program.ends
    first.silent = True
    await program.says(*HANDSHAKE, request(1), request(2))
    first.end()
    await settled()
    assert says(program.answer(1), LOST)
    assert says(program.answer(2), LOST)
    await program.says(request(3, "tools/list"))
    assert program.answer(3)
    assert second.methods == ["initialize", "notifications/initialized", "tools/list"]
    assert [one.method for one in second.took if getattr(one, "params", None) == {"who": "it"}] == [
        "initialize"
    ]


async def test_the_next_far_end_has_the_handshake_before_the_first_call(program):
    first, second, _ = program.ends
    await program.says(*HANDSHAKE, request(1))
    first.end()
    await settled()
    await program.says(request(2))
    assert program.answer(2) == {"by": 3}
    assert second.methods == ["initialize", "notifications/initialized", "tools/call"]


async def test_a_request_without_a_handshake_needs_none(program):
    first, second, _ = program.ends
    await program.says(request(1))
    first.end()
    await settled()
    await program.says(request(2))
    assert program.answer(2) == {"by": 1}
    assert second.methods == ["tools/call"]


@pytest.mark.parametrize("ends_first", [True, False])
async def test_a_request_that_was_not_taken_goes_to_the_next(program, ends_first):
    first, second, _ = program.ends
    await program.says(*HANDSHAKE)
    first.failing = NotTakenError()
    if ends_first:
        first.end()
    await program.says(request(1, "tools/list"))
    assert program.answer(1) == {"by": 3}
    assert second.methods[-1] == "tools/list"


async def test_a_request_that_may_have_been_taken_is_not_sent_again(program):
    program.ends[0].failing = LostError()
    await program.says(request(1))
    assert says(program.answer(1), LOST)
    assert program.connected == 1


async def test_what_the_one_before_had_taken_is_answered_where_another_takes_its_place(program):
    first, second, _ = program.ends
    first.silent = True
    await program.says(request(1))
    first.failing = NotTakenError()  # and it says nothing more
    await program.says(request(2, "tools/list"))
    assert says(program.answer(1), LOST)
    assert program.answer(2) == {"by": 1}
    assert second.methods == ["tools/list"]


async def test_a_refusal_is_told_and_the_next_request_is_tried(program):
    program.ends[0].failing = RefusedError("the policy cannot be read", fix="look")
    await program.says(request(1), request(2))
    assert program.answer(1) == "The policy cannot be read; look."
    assert program.answer(2)


async def test_where_nobody_can_be_reached_each_request_is_told_so(program):
    program.ends[0].end()
    await settled()
    program.refusing = RefusedError("nobody", fix="start it")
    await program.says(request(1), request(2), note("notifications/x"))
    assert program.answer(1) == program.answer(2) == "Nobody; start it."
    program.refusing = PolicyError(
        "an unknown tool", file="/home/zqcanary/policy.yaml", line=3, fix="mend it"
    )
    await program.says(request(4))
    assert says(program.answer(4), UNSERVED)
    assert program.complaints == ["/home/zqcanary/policy.yaml:3: an unknown tool; mend it"]
    assert "zqcanary" not in repr(program.told)
    program.refusing = None
    await program.says(request(3))
    assert program.answer(3)


async def test_two_that_end_at_once_leave_a_request_answered(program):
    program.ends[0].failing = program.ends[1].failing = NotTakenError()
    await program.says(request(1))
    assert says(program.answer(1), LOST)


async def test_an_answer_to_one_far_end_is_not_given_to_the_next(program):
    first, second, _ = program.ends
    first.say(request(7, "elicitation/create"))
    await settled()
    first.end()
    await settled()
    await program.says(request(1, "tools/list"), response(7, action="accept"), response(8))
    assert second.methods == ["tools/list"]


async def test_nobody_is_told_of_a_request_that_was_cancelled(program):
    program.ends[0].silent = True
    await program.says(request(1), note("notifications/cancelled", requestId=1))
    program.ends[0].end()
    await settled()
    assert program.told == []

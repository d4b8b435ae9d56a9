"""Reading ahead: the newest that is known, one at a time; stopped at once when it is of no use."""

import asyncio

import pytest

from umi_edge.session.read_ahead import reading_ahead
from umi_shared.transcript import Instruction, View


def known(text: str) -> View:
    return View(catalogue=(), entries=(Instruction((text,)),))


class Reader:
    """Reads when it is let; tells what it has read and what was stopped."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.started = asyncio.Event()
        self.go = asyncio.Event()

    async def begin(self) -> None:
        self.log.append("begin")

    async def read(self, view: View) -> None:
        text = view.entries[0].text[0]
        self.started.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.log.append(f"stopped {text}")
            raise
        self.log.append(text)


async def test_what_was_overtaken_is_not_read():
    reader = Reader()
    async with reading_ahead(reader.begin, reader.read) as ahead:
        ahead.know(known("a"))
        await reader.started.wait()
        for text in ("a b", "a b c"):
            ahead.know(known(text))
        reader.started.clear()
        reader.go.set()
        await reader.started.wait()
        ahead.end()
        await ahead.settled()
    assert reader.log == ["begin", "a", "a b c"]


async def test_when_the_caller_is_next_what_is_being_read_is_read_to_its_end():
    reader = Reader()
    async with reading_ahead(reader.begin, reader.read) as ahead:
        ahead.know(known("a"))
        await reader.started.wait()
        ahead.know(known("a b"))
        ahead.end()
        reader.go.set()
        await ahead.settled()
    assert reader.log == ["begin", "a"]


async def test_when_it_is_not_the_callers_turn_it_stops_at_once():
    reader = Reader()
    async with reading_ahead(reader.begin, reader.read) as ahead:
        ahead.know(known("a"))
        await reader.started.wait()
        ahead.drop()
        await ahead.settled()
    assert reader.log == ["begin", "stopped a"]


async def test_leaving_with_an_error_stops_it_and_a_failure_of_its_own_is_silent(caplog):
    reader = Reader()

    async def broken() -> None:
        raise ValueError("SECRET")

    async def fails() -> None:
        async with reading_ahead(reader.begin, reader.read) as ahead:
            ahead.know(known("a"))
            await reader.started.wait()
            raise KeyError

    with pytest.raises(KeyError):
        await fails()
    async with reading_ahead(broken, reader.read) as ahead:
        ahead.know(known("b"))
        await asyncio.sleep(0)
    assert reader.log == ["begin", "stopped a"]
    assert "SECRET" not in caplog.text


async def test_stopping_twice_still_waits_until_the_reader_has_stopped():
    stopping, stopped = asyncio.Event(), []

    async def read(view: View) -> None:
        del view
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await asyncio.sleep(0.05)
            stopped.append(True)

    async with reading_ahead(Reader().begin, read) as ahead:
        ahead.know(known("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ahead.drop()
        await stopping.wait()
    assert stopped

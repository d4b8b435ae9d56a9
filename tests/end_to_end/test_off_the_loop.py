"""What takes a while on this device is not done in the event loop, which a daemon's other sessions share."""

import asyncio
import threading
from functools import partial

import pytest

from tests.end_to_end.gateway_client import told
from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.labelling import gazetteers
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import Scanner, load_policy
from umi_edge.policy.detectors import GazetteerSource
from umi_edge.session.told_bars import ToldBars
from umi_edge.tools import Catalogue, Hints, runner

POLICY = """
version: 1
detect_also:
  - {type: client, values_from: {tool: crm.list, path: "$[*]"}}
tools:
  "*": {runs: device, confirm: never, stored_as: nowhere}
  diary.read: {results: {"$": cloud}, never_to: [post]}
"""


class Turning:
    """Wraps a function so that it waits for the event loop to turn: it fails where it runs in the loop itself."""

    def __init__(self, does):
        self.loop = asyncio.get_running_loop()
        self.does = does
        self.calls = 0

    def __get__(self, one, _owner=None):
        return self if one is None else partial(self, one)

    def __call__(self, *arguments, **named):
        turned = threading.Event()
        self.loop.call_soon_threadsafe(turned.set)
        assert turned.wait(10), "the event loop stood still"
        self.calls += 1
        return self.does(*arguments, **named)


@pytest.fixture
def policy():
    return load_policy(POLICY, "test.yaml")


def tools(names):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return [
        tool_of("crm.list", lambda _: list(names), hints=Hints(read_only=True)),
        tool_of("diary.read", lambda _: "I sold it", hints=Hints(read_only=True)),
        tool_of("post", lambda _: "ok", schema=schema),
    ]


async def test_a_program_is_told_while_other_sessions_go_on(tmp_path, policy, monkeypatch):
    """The lock of what bars its words may be held by another process, for seconds."""
    add = Turning(ToldBars.add)
    monkeypatch.setattr(ToldBars, "add", add)
    async with told(tmp_path, tools([]), policy) as client:
        assert not (await client.call("diary_read")).is_error
        assert add.calls == 1
        assert (await client.call("post", text="I sold it")).is_error


async def test_names_are_taken_up_while_other_sessions_go_on(tmp_path, policy, monkeypatch):
    """With thousands of contacts, what finds them takes half a second to make."""
    names = ["Kestrelwood"]
    values = Turning(GazetteerSource.values)
    monkeypatch.setattr(GazetteerSource, "values", values)
    async with told(tmp_path, tools(names), policy) as client:
        await client.call("diary_read")
        [session] = client.sessions
        session.read_gazetteers = partial(load_gazetteers, policy, session.catalogue)
        names.append("Blackmere")
        scanner = Turning(Scanner.of)
        monkeypatch.setattr(Scanner, "of", scanner)
        await client.call("diary_read")
        assert (scanner.calls, values.calls) == (1, 2)
        assert session.labeller.keeper.scanner.scan("of Blackmere")


async def test_what_a_tool_gives_is_read_while_other_sessions_go_on(policy, monkeypatch):
    """Of 5,000 contacts that takes 0.3 s, and so does looking for gaps in them."""
    real, gaps = runner.plain_json, Turning(gazetteers.gaps_of)
    plain = Turning(real)

    def plain_json(value, **limits):
        return (plain if isinstance(value, list) else real)(value, **limits)  # arguments are small

    monkeypatch.setattr(runner, "plain_json", plain_json)
    monkeypatch.setattr(gazetteers, "gaps_of", gaps)
    found = await load_gazetteers(policy, Catalogue(tools(["Kestrelwood"])))
    assert ("Kestrelwood",) in found.values.values()
    assert (plain.calls, gaps.calls) == (1, 1)


async def test_an_instruction_takes_them_up_so_too(tmp_path, policy, monkeypatch):
    names = ["Kestrelwood"]
    async with world(
        tmp_path, plans=[plan("Done.", "summarizer"), "It is done."], tools=tools(names), policy=policy
    ) as w:
        w.session.read_gazetteers = partial(load_gazetteers, policy, w.session.catalogue)
        names.append("Blackmere")
        scanner = Turning(Scanner.of)
        monkeypatch.setattr(Scanner, "of", scanner)
        await w.session.ask("What is new of Blackmere?")
    assert scanner.calls == 1
    assert b"Blackmere" not in w.capture.bytes_out

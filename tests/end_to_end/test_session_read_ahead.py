"""The caller reads while the planner speaks: as a caller of handles, and at no cost when it was in vain."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.end_to_end.harness import World, plan, tool_of, world
from umi_edge.caller import Caller, CallerConfig
from umi_edge.egress.cloud_client import Cloud
from umi_edge.egress.guard import EgressGuard
from umi_edge.session.events import Answered, CallWritten, Retrying
from umi_shared.cancellation import Cancellation
from umi_shared.dialects import UmiDialect
from umi_shared.handles import render
from umi_shared.released import Released
from umi_shared.testing import Ending, Reply
from umi_shared.transcript import Plan, RationaleDelta, View, text_of

CANARY = "zyxcanary"
NAME = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}}, "required": ["name"]}
POLICY = """
detect:
  - {type: email, pattern: builtin}
  - {type: person, values: [Zyxcanary]}
tools:
  people.find: {runs: device, caller: values, results: {"$": handle}}
  notes.find: {runs: device, results: {"$": handle}}
"""
LOOK = plan("To look for the person that was asked about, use notes.find.")
ENDS = [plan("Nothing is left to do.", "summarizer"), "Done."]


def tools(secret: str = CANARY):
    return [
        tool_of(
            "notes.find", lambda _: secret, schema=NAME, description=f"Ask {secret}@example.org to look."
        ),
        tool_of("people.find", lambda _: secret, schema=NAME),
    ]


@pytest.fixture
def config(smollm2: Path, tmp_path: Path) -> CallerConfig:
    return CallerConfig(
        model=smollm2, context_tokens=2048, threads=1, max_tokens=64, state_folder=tmp_path / "states"
    )


async def test_it_reads_what_the_planner_says_and_never_a_value(tmp_path):
    """Also where the tool lets its caller see values: nobody knows the tool while the planner speaks."""
    plans = [plan("To look, use people.find."), plan("To look again, use people.find."), *ENDS]
    calls = [("people.find", f'{{"name":"{CANARY}"}}')] * 2
    async with world(tmp_path, plans=plans, calls=calls, tools=tools(), policy=POLICY) as w:
        w.session.cloud = Slow(w.session.cloud)
        await w.session.ask("Look for Zyxcanary.")
        said = [
            render(text_of(view.entries[-1])) for view in w.caller.ahead if isinstance(view.entries[-1], Plan)
        ]
        ahead = ["".join(render(text_of(entry)) for entry in view.entries) for view in w.caller.ahead]
    assert "To look again, use people.find." in said, "the whole of the plan that is being said"
    assert any("<person:1>" in text and "To look again" in text for text in ahead)
    assert not any(CANARY in text.lower() for text in ahead)
    assert CANARY in render(text_of(w.caller.views[-1].entries[1])).lower(), "the call itself does see values"


@dataclass
class Slow:
    """The real cloud; what it says in one message is heard piece by piece."""

    cloud: Cloud

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[object]:
        async for event in self.cloud.plan(view, request_id):
            yield event
            await asyncio.sleep(0)

    def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[object]:
        return self.cloud.summarize(view, request_id)


@dataclass
class Patient:
    """The real cloud, of a planner that speaks so slowly that the caller keeps up with it."""

    w: World
    cloud: Cloud
    caller: Caller
    cuts: int = 0
    """How often the connection breaks after the first words."""

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[object]:
        async for event in self.cloud.plan(view, request_id):
            yield event
            for _ in range(4):
                await self.caller._work(lambda _model, _cancelled: None, Cancellation())
            if isinstance(event, RationaleDelta) and self.cuts:
                self.cuts -= 1
                self.w.capture.cut()

    def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[object]:
        return self.cloud.summarize(view, request_id)


async def reading(w: World, config: CallerConfig, cuts: int = 0) -> Caller:
    """A real caller in the session, that keeps up with the planner."""
    caller = await Caller.open(config, UmiDialect())
    w.session.caller = caller
    w.session.cloud = Patient(w, w.session.cloud, caller, cuts)
    return caller


@pytest.mark.model
async def test_a_prompt_is_mostly_read_before_the_planner_has_ended(tmp_path, config):
    async with world(tmp_path, plans=[LOOK, LOOK, *ENDS], tools=tools(), policy=POLICY) as w:
        caller = await reading(w, config)
        assert await w.session.ask("Look for Zyxcanary.") == Answered("Done.")
        await caller.close()
    first, second = w.of(CallWritten)
    for call in (first, second):
        assert call.usage.prompt_tokens - call.usage.cached_tokens == 1, "the one whose logits are asked for"
        assert call.ahead_tokens > 20
    assert w.session.totals.ahead_tokens == first.ahead_tokens + second.ahead_tokens
    assert first.ahead_tokens + second.ahead_tokens < second.usage.prompt_tokens, "nothing is counted twice"


@pytest.mark.model
async def test_reading_in_vain_leaves_no_stale_state(tmp_path, config):
    """After a plan that was said anew and one that ended with an answer, the call is a cold caller's call."""
    hangs = Reply(text="To find everything about the person, use", ending=Ending.HANG)
    plans = [hangs, *ENDS, LOOK, *ENDS]
    written = []
    for ahead in (True, False):
        async with world(tmp_path / str(ahead), plans=plans, tools=tools(), policy=POLICY) as w:
            caller = await reading(w, replace(config, state_folder=None), cuts=1)
            if not ahead:
                caller.prefill = _nothing
            await w.session.ask("Say nothing.")
            await w.session.ask("Look for Zyxcanary.")
            (call,) = w.of(CallWritten)
            written.append((call.tool, [span.clear for span in call.arguments], call.usage.prompt_tokens))
            assert (call.ahead_tokens > 0) == ahead
            assert len(w.of(Retrying)) == 1
            await caller.close()
    assert written[0] == written[1]


async def _nothing(view: View) -> None:
    del view


@pytest.mark.model
async def test_the_disk_gets_the_same_bytes_whatever_is_private(tmp_path, config):
    """Instruction, results, arguments and a card's private text differ; the state on the disk does not."""
    kept = []
    for secret in ("zyxcanary", "qwvcanary"):
        folder = tmp_path / secret
        own = CallerConfig(
            model=config.model, context_tokens=2048, threads=1, max_tokens=64, state_folder=folder
        )
        async with world(
            tmp_path / f"{secret}-world",
            plans=[LOOK, *ENDS],
            tools=tools(secret),
            policy=POLICY,
            guard=EgressGuard,
        ) as w:
            w.session.caller = await Caller.open(own, UmiDialect())
            await w.session.ask(f"Look for {secret}@example.org.")
            await w.session.caller.close()
        kept.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(kept[0]) == 1
    assert kept[0] == kept[1]

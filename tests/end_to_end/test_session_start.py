"""The first message leaves while the caller's model is still loading; a model that is broken is told as clearly."""

import asyncio
import threading
from pathlib import Path

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.caller import Caller, CallerConfig
from umi_edge.caller import caller as caller_module
from umi_edge.session.events import Answered
from umi_shared.dialects import UmiDialect
from umi_shared.errors import ModelError

pytestmark = pytest.mark.model

POLICY = "tools: {notes.find: {runs: device}}"
TOOLS = [
    tool_of(
        "notes.find",
        lambda _: "found",
        schema={"type": "object", "properties": {"name": {"enum": ["a", "b"]}}, "required": ["name"]},
    )
]
LOOK, ENDS = plan("To look, use notes.find."), [plan("Nothing is left to do.", "summarizer"), "Done."]


async def test_the_planner_is_asked_before_the_model_has_loaded(tmp_path, smollm2, monkeypatch):
    may_load, load = threading.Event(), caller_module._load
    monkeypatch.setattr(caller_module, "_load", lambda *given: may_load.wait(60) and load(*given))
    async with world(tmp_path, plans=[LOOK, *ENDS], tools=TOOLS, policy=POLICY) as w:
        caller = Caller.opening(CallerConfig(model=smollm2, context_tokens=512, threads=1), UmiDialect())
        w.session.caller = caller
        asked = asyncio.create_task(w.session.ask("Look."))
        await w.cloud.engine.until(lambda engine: engine.finished == 1)
        assert not asked.done()
        assert len(w.capture.requests) == 1
        may_load.set()
        assert await asked == Answered("Done.")
        await caller.close()
    assert w.results == ["done"]


@pytest.fixture
def truncated(tmp_path: Path, smollm2: Path) -> Path:
    path = tmp_path / "half.gguf"
    with smollm2.open("rb") as whole:
        path.write_bytes(whole.read(20_000_000))
    return path


async def test_a_broken_model_ends_the_session_where_the_caller_is_needed_and_only_there(tmp_path, truncated):
    async with world(tmp_path, plans=[*ENDS, LOOK], tools=TOOLS, policy=POLICY) as w:
        caller = Caller.opening(CallerConfig(model=truncated), UmiDialect())
        w.session.caller = caller
        assert await w.session.ask("Say nothing.") == Answered("Done.")
        with pytest.raises(ModelError, match=r"half\.gguf[\s\S]*Fix: "):
            await w.session.ask("Look.")
        await caller.close()
    assert w.results == []


async def test_a_model_that_is_not_there_is_told_before_anything_else_happens(tmp_path):
    before = threading.active_count()
    with pytest.raises(ModelError, match=r"there is no model at[\s\S]*Fix: "):
        Caller.opening(CallerConfig(model=tmp_path / "none.gguf"), UmiDialect())
    assert threading.active_count() == before

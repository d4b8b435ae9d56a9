"""Roles whose adapter is one file share one KV cache: the summarizer reads only what the planner has not read."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp", reason="the embedded engine needs llama.cpp")

from umi_cloud.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from umi_cloud.planner import Planner
from umi_cloud.summarizer import Summarizer
from umi_shared.dialects import dialect_named
from umi_shared.handles import Handle, parts_of
from umi_shared.models import shipped_adapter
from umi_shared.transcript import (
    AnswerDelta,
    Call,
    Decision,
    Instruction,
    Observation,
    Plan,
    RationaleDelta,
    ToolCard,
    Usage,
    View,
)

SHIPPED = shipped_adapter("planner")
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(SHIPPED is None, reason="this version ships no adapters yet"),
]

CATALOGUE = tuple(
    ToolCard(name=name, description=(description,), input_schema={"type": "object", "properties": arguments})
    for name, description, arguments in (
        ("contacts.search", "Find people in the address book.", {"name": {"type": "string"}}),
        ("mail.send", "Send a mail.", {"to": {"type": "string"}, "body": {"type": "string"}}),
        ("mail.search", "Find mails by words.", {"query": {"type": "string"}}),
        ("calendar.list", "List the events of a day.", {"date": {"type": "string"}}),
        ("notes.search", "Find notes by words.", {"query": {"type": "string"}}),
        ("notes.read", "Read a note.", {"id": {"type": "string"}}),
    )
)
ASKED = Instruction(("Find the address of ", Handle("person", 1), "."))
FOUND = (
    Call("contacts.search", ('{"name":"', Handle("person", 1), '"}')),
    Observation(
        "contacts.search", ('[{"name":"', Handle("person", 1), '","email":"', Handle("email", 1), '"}]')
    ),
)


async def planned(planner: Planner, view: View) -> tuple[Plan, int]:
    """The planner's next step, and how many tokens of its prompt the model read."""
    rationale, decision, read = "", None, 0
    async for event in planner.plan(view, "s"):
        match event:
            case RationaleDelta(text):
                rationale += text
            case Decision():
                decision = event
            case Usage():
                read = event.prompt_tokens - event.cached_tokens
    assert decision is not None
    return Plan(parts_of(rationale), decision.next, decision.tool), read


async def session(model: Path, adapters: Mapping[str, Path]) -> tuple[str, list[int]]:
    """The answer of a session of one call, and the prompt tokens that each role's request made the model read."""
    options = LlamaCppOptions(context_tokens=1024, threads=2, sequences_per_adapter=2)
    engine = await asyncio.to_thread(LlamaCppEngine.load, model, adapters, options)
    try:
        dialect = dialect_named("umi")
        planner = Planner(engine, dialect, "planner")
        first, began = await planned(planner, View(catalogue=CATALOGUE, entries=(ASKED,)))
        entries = (ASKED, first, *FOUND)
        last, went_on = await planned(planner, View(catalogue=CATALOGUE, entries=entries))
        answer, read = "", 0
        view = View(catalogue=CATALOGUE, entries=(*entries, last))
        async for event in Summarizer(engine, dialect, "summarizer").summarize(view, "s"):
            match event:
                case AnswerDelta(text):
                    answer += text
                case Usage():
                    read = event.prompt_tokens - event.cached_tokens
    finally:
        await engine.close()
    return answer, [began, went_on, read]


async def test_the_summarizer_reads_only_what_the_planner_has_not_read(smollm2: Path, tmp_path: Path) -> None:
    """And writes what it writes in a cache of its own, as two equal files give each role."""
    assert SHIPPED is not None
    other, link = tmp_path / "other.gguf", tmp_path / "link.gguf"
    shutil.copy(SHIPPED, other)
    link.symlink_to(SHIPPED)
    apart, apart_read = await session(smollm2, {"planner": SHIPPED, "summarizer": other})
    shared, shared_read = await session(smollm2, {"planner": SHIPPED, "summarizer": link})
    assert shared == apart
    assert "<email:1>" in shared
    # The planner read the same both times. The summarizer read the whole transcript; now it reads the turn's bounds.
    assert shared_read[:2] == apart_read[:2]
    assert apart_read[2] > apart_read[0] > 100
    assert shared_read[2] <= 16

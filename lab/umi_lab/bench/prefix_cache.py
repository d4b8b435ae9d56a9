"""Prefix caching from step to step: the planner's prompts on llama.cpp, and on vLLM where there is one."""

import base64
from typing import Any

from umi_cloud.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from umi_cloud.planner import Planner
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.front_vllm import vllm_process
from umi_lab.bench.setting import CONTEXT_TOKENS, Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import record_session
from umi_shared.llama import Weights
from umi_shared.prefix import shared_prefix
from umi_shared.transcript import Usage, View

__all__ = ["measure", "shared_blocks", "usage_of"]


async def measure(setting: Setting) -> Outcome:
    """Two sessions in turn, step by step: how many blocks of each prompt's shared prefix came from the cache."""
    steps = 3 if setting.quick else 8
    sessions = [(await record_session(number)).steps[:steps] for number in range(2)]
    views = [[step.seen for step in session] for session in sessions]
    rows = await _llama_cpp(setting, views)
    figures = [_figure("llama.cpp", rows, 1)]
    notes: list[str] = []
    details: dict[str, object] = {"llama.cpp": rows}
    if setting.vllm is None:
        notes.append("vLLM was not measured: no Python that has it was named (`--vllm`)")
    else:
        setting.tell("prefix cache: vLLM", 1, 2)
        messages = [[base64.b64encode(step.message).decode() for step in one] for one in sessions]
        async with vllm_process(setting, 0) as vllm:
            answer = await vllm.ask({"work": "prefix", "sessions": messages})
        figures.append(_figure("vLLM", answer["rows"], answer["block"]))
        details["vLLM"] = answer
    setting.tell("prefix cache", 2, 2)
    return Outcome(figures=figures, details=details, notes=notes)


async def _llama_cpp(setting: Setting, sessions: list[list[View]]) -> list[dict[str, Any]]:
    options = LlamaCppOptions(context_tokens=CONTEXT_TOKENS)
    engine = LlamaCppEngine.load(setting.model_file, {}, options)
    weights = Weights.load(setting.model_file)
    planner = Planner(engine, setting.dialect)
    try:
        rows, before = [], dict[int, list[int]]()
        for step, views in enumerate(zip(*sessions, strict=True)):
            setting.tell("prefix cache: llama.cpp", step, len(sessions[0]))
            for session, view in enumerate(views):
                tokens = weights.prompt_tokens(setting.dialect.plan(view).prompt)
                usage = await usage_of(planner, view, f"session-{session}")
                shared = shared_prefix(before.get(session, []), tokens)
                rows.append(
                    {"session": session, "step": step, "shared": shared, "cached": usage.cached_tokens,
                     "prompt": len(tokens)}
                )  # fmt: skip
                before[session] = tokens
        return rows
    finally:
        await engine.close()
        weights.close()


async def usage_of(planner: Planner, view: View, session: str) -> Usage:
    """How many tokens the planner reads for one decision, and how many of them come from the cache."""
    usage = Usage()
    async for event in planner.plan(view, session):
        if isinstance(event, Usage):
            usage = event
    return usage


def shared_blocks(rows: list[dict[str, Any]], block: int) -> tuple[int, int]:
    """How many blocks of the shared prefixes came from the cache, and how many there are, from step 2 on.

    The last token of a prompt is always read, for what it is followed by.

    >>> shared_blocks([{"step": 0, "shared": 0, "cached": 0, "prompt": 9},
    ...     {"step": 1, "shared": 9, "cached": 8, "prompt": 13}], 4)
    (2, 2)
    """
    later = [row for row in rows if row["step"]]
    whole = [min(row["shared"], row["prompt"] - 1) // block for row in later]
    return sum(min(row["cached"] // block, count) for row, count in zip(later, whole, strict=True)), sum(
        whole
    )


def _figure(engine: str, rows: list[dict[str, Any]], block: int) -> Figure:
    reused, whole = shared_blocks(rows, block)
    return Figure(
        title=f"complete cache blocks of the shared prefix reused, step 2 and later, {engine} "
        f"(blocks of {block} token{'s' if block > 1 else ''})",
        goal=Goal(100, "%", least=True),
        value=Spread.of([100 * reused / max(whole, 1)]),
        repeats=whole,
        profile=f"{reused:,} of {whole:,} blocks.",
    )

"""umi's server over vLLM: the plans of many sessions at once, by gRPC with mTLS and by vLLM's own interface."""

import base64
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import mean
from typing import Any

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.load import LOAD_GENERATOR, rows_of
from umi_lab.bench.load_generator import LoadProfile
from umi_lab.bench.rounds import interleaved_rounds, ratios
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.worker import Worker, worker
from umi_lab.bench.workload import record_session

__all__ = ["measure", "vllm_process"]

_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}

_STEP = 1
"""Each session asks for this step: the model without adapters decides it in some 18 tokens, and rambles at step 0."""


@asynccontextmanager
async def vllm_process(setting: Setting, sessions: int) -> AsyncIterator[Worker]:
    """A process of vLLM with a server and this many enrolled devices; the worker's `hello` names their connections."""
    with tempfile.TemporaryDirectory(prefix="umi-vllm-") as folder:
        command = [
            *(str(setting.vllm), "-m", "umi_lab.bench.vllm_process"),
            *(str(setting.model_file), folder, str(sessions)),
        ]
        async with worker(command, "vLLM", _ENVIRONMENT) as vllm:
            yield vllm


async def measure(setting: Setting) -> Outcome:
    """All sessions ask at once, for steps that the caches have seen; only the way to vLLM differs."""
    if setting.vllm is None:
        return Outcome(figures=[], notes=["not measured: no Python that has vLLM was named (`--vllm`)"])
    sessions = 2 if setting.quick else 8
    asked_for = [(await record_session(number)).steps[_STEP].message for number in range(sessions)]
    async with (
        vllm_process(setting, sessions) as vllm,
        worker(LOAD_GENERATOR, "the load generator") as generator,
    ):
        work = [base64.b64encode(message).decode() for message in asked_for]

        bad: set[str] = set()

        async def direct(_turn: int) -> float:
            answer: dict[str, Any] = await vllm.ask({"work": "direct", "messages": work})
            return float(mean(row["seconds"] for row in answer["rows"]))

        async def front(_turn: int) -> float:
            asked = LoadProfile(
                sessions=sessions,
                steps=1,
                messages=tuple(asked_for),
                connections=tuple(vllm.hello["connections"]),
                spread_seconds=0.0,
                by_session=True,
            )
            rows = await rows_of(generator, asked)
            bad.update(row.outcome for row in rows if row.outcome != "ok")
            return mean(row.seconds for row in rows)

        rounds = await interleaved_rounds(
            {"direct": direct, "front": front},
            rounds=setting.times(5),
            seconds=setting.seconds,
            tell=setting.progress("front: vLLM"),
        )
    slower = Figure(
        title=f"the server over vLLM called directly, time of a plan, {sessions} sessions at once",
        goal=Goal(3, "%"),
        value=Spread.of(100 * (one - 1) for one in ratios(rounds, "front", "direct")),
        repeats=len(rounds),
        profile="The clients share the machine with vLLM, whose threads take all of its cores.",
    )
    notes = [f"calls ended with {', '.join(sorted(bad))}"] if bad else []
    return Outcome(figures=[slower], details={"seconds a plan": rounds}, notes=notes)

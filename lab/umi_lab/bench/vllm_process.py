"""vLLM in a process of its own Python: called directly, and behind umi's server with mTLS.

    python -m umi_lab.bench.vllm_process MODEL_GGUF FOLDER SESSIONS

The first line that it writes says where the server is and which devices are enrolled. Each line of work is an object
with `work`: `prefix` plans for the sessions' requests, step by step, with what came from the cache; `direct` asks
vLLM for the plans of some requests at once. Imports nothing of llama.cpp.
"""

import asyncio
import base64
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import Authority
from umi_cloud.config import CloudConfig, VllmSettings
from umi_cloud.deployment import Deployment
from umi_cloud.engines.loading import Loaded
from umi_cloud.hf_folder import write_hf_folder
from umi_lab.bench.served import PLENTY, Served
from umi_shared.dialects import dialect_named
from umi_shared.prefix import shared_prefix
from umi_shared.transcript import Usage, View
from umi_shared.wire import WireLimits, read_request

_DIALECT = dialect_named("umi")


async def main(model: str, folder: str, sessions: str) -> None:
    """Load, serve, and do what is asked."""
    weights = await asyncio.to_thread(write_hf_folder, Path(model), Path(sys.prefix) / "smollm2")
    state = Path(folder) / "cloud"
    await asyncio.to_thread(Authority.init, state, ("localhost",))
    engine = VllmSettings(
        model=str(weights), dialect="umi", context_tokens=2048, enforce_eager=True, dtype="float32"
    )
    config = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="127.0.0.1:0",
        state=str(state),
        engine=engine,
        quota=Quota(**PLENTY),
    )
    deployment = await Deployment.start(config)
    try:
        loaded = await deployment.load()
        server = Served(
            process=0, state=state, address=deployment.address, enrol_address=deployment.enrol_address
        )
        devices = await server.enrol(int(sessions), Path(folder))
        _say({"connections": [str(one.directory) for one in devices]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            work = json.loads(line)
            _say(await (_prefix(loaded, work) if work["work"] == "prefix" else _direct(loaded, work)))
    finally:
        await deployment.stop(0)


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201


async def _prefix(loaded: Loaded, work: dict[str, Any]) -> dict[str, Any]:
    engine: Any = loaded.engine
    rows, before = [], dict[int, list[int]]()
    sessions = [[_view(message) for message in session] for session in work["sessions"]]
    for step, views in enumerate(zip(*sessions, strict=True)):
        for session, view in enumerate(views):
            usage = Usage()
            async for event in loaded.roles.planner.plan(view, f"session-{session}"):
                usage = event if isinstance(event, Usage) else usage
            tokens = engine._tokens(_DIALECT.plan(view).prompt)
            rows.append(
                {
                    "session": session,
                    "step": step,
                    "shared": shared_prefix(before.get(session, []), tokens),
                    "cached": usage.cached_tokens,
                    "prompt": len(tokens),
                }
            )
            before[session] = tokens
    return {"rows": rows, "block": engine._llm.vllm_config.cache_config.block_size}


async def _direct(loaded: Loaded, work: dict[str, Any]) -> dict[str, Any]:
    """The same generations, by vLLM's own interface and its own tokens, all at once."""
    engine: Any = loaded.engine

    async def one(message: str) -> dict[str, float]:
        asked = _DIALECT.plan(_view(message))
        tokens = engine._tokens(asked.prompt)
        sampling = engine._sampling(asked.generation(), 2048 - len(tokens))
        began, first = time.perf_counter(), 0.0
        async for _ in engine._llm.generate({"prompt_token_ids": tokens}, sampling, uuid.uuid4().hex):
            first = first or time.perf_counter() - began
        return {"first": first, "seconds": time.perf_counter() - began}

    began = time.perf_counter()
    rows = await asyncio.gather(*map(one, work["messages"]))
    return {"rows": rows, "seconds": time.perf_counter() - began}


def _view(message: str) -> View:
    return read_request(base64.b64decode(message), WireLimits()).view


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

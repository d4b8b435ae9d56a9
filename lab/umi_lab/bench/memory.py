"""Memory of a laptop's process beyond its model and the model's cache."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.served import scripted, served
from umi_lab.bench.setting import CONTEXT_TOKENS, Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import CALLS
from umi_shared.errors import ConfigError
from umi_shared.llama import Weights

__all__ = ["kv_bytes", "measure"]

_MB = 1e6


async def measure(setting: Setting) -> Outcome:
    """A process for each repeat; resident memory less the GGUFs' sizes and the KV cache's, after a session.

    The caller's adapter is a GGUF as its model is.
    """
    calls = CALLS[:2] if setting.quick else CALLS
    plans = [f"To {purpose}, use {tool}. Next: caller." for tool, purpose, _ in calls]
    replies = (*plans, "All is done. Next: summarizer.", "Done.")
    rows = []
    for repeat in range(repeats := setting.times(3)):
        setting.tell("memory", repeat, repeats)
        with tempfile.TemporaryDirectory(prefix="umi-memory-") as folder:
            async with served(Path(folder), scripted(0.0, replies)) as server:
                (connection,) = await server.enrol(1, Path(folder))
                rows.append(await _edge(setting, connection.directory, Path(folder)))
    setting.tell("memory", repeats, repeats)
    kv = kv_bytes(setting.model_file, CONTEXT_TOKENS)
    gguf = sum(path.stat().st_size for path in (setting.model_file, setting.caller_adapter) if path)
    over = Figure(
        title="edge process memory over GGUF and KV cache",
        goal=Goal(150, "MB"),
        value=Spread.of((row["resident"] - gguf - kv) / _MB for row in rows),
        repeats=len(rows),
        profile=_profile(rows[-1], gguf, kv),
    )
    return Outcome(figures=[over], details={"bytes": rows, "GGUF": gguf, "KV": kv})


def kv_bytes(model: Path, context_tokens: int) -> int:
    """What a context's keys and values take in 16 bits, by the model's own metadata."""
    weights = Weights.load(model)
    try:
        family = weights.metadata("general.architecture")

        def count(name: str, default: str = "0") -> int:
            return int(weights.metadata(f"{family}.{name}") or default)

        heads = count("attention.head_count")
        width = count("embedding_length") // heads
        key = count("attention.key_length", str(width))
        value = count("attention.value_length", str(width))
        shared = count("attention.head_count_kv", str(heads))
        return 2 * count("block_count") * context_tokens * shared * (key + value)
    finally:
        weights.close()


async def _edge(setting: Setting, connection: Path, folder: Path) -> dict[str, int]:
    adapter = str(setting.caller_adapter or "-")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "umi_lab.bench.edge_process", str(setting.model_file), adapter),
        *(str(CONTEXT_TOKENS), str(connection), str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise ConfigError(f"the laptop's process failed: {errors.decode(errors='replace')[-300:]}")
    row: dict[str, int] = json.loads(output)
    return row


def _profile(row: dict[str, int], gguf: int, kv: int) -> str:
    parts = ", ".join(f"{name} {size / _MB:.0f} MB" for name, size in row.items() if name != "resident")
    return (
        f"Resident {row['resident'] / _MB:.0f} MB, the GGUFs {gguf / _MB:.0f} MB and the KV cache {kv / _MB:.0f} MB "
        f"of it. {parts}. The anonymous part beyond the KV cache is Python's objects, two views of the vocabulary "
        "(llama.cpp's and llguidance's), what llama.cpp computes in and the logits; docs/log.md has it by library. "
        "What would help: one process for all that a user runs, a caller without numpy, one vocabulary for both."
    )

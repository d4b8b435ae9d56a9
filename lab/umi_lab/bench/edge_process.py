"""A laptop's process, for its memory: a whole session with a real caller over gRPC.

    python -m umi_lab.bench.edge_process MODEL ADAPTER|- CONTEXT_TOKENS CONNECTION FOLDER

Prints what its memory is made of, in bytes, after the session.
"""

import asyncio
import json
import re
import sys
from datetime import date
from pathlib import Path

import psutil

from umi_edge.connection.connection import Connection
from umi_edge.runtime.config import CallerSettings, EdgeConfig
from umi_edge.runtime.laptop import open_laptop
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_lab.bench.workload import instruction
from umi_shared.errors import UmiError

_TODAY = date(2026, 6, 1)


async def run(model: str, adapter: str, context_tokens: str, connection: str, folder: str) -> dict[str, int]:
    """One session; the planner follows a script, the caller writes what it writes."""
    imported = psutil.Process().memory_info().rss
    home = make_sample_home(Path(folder) / "home", _TODAY)
    settings = CallerSettings(
        model=model,
        adapter="" if adapter == "-" else adapter,
        context_tokens=int(context_tokens),
        dialect="umi",
    )
    config = EdgeConfig(ledger=Path(folder) / "ledger.jsonl", caller=settings)
    async with open_laptop(config, tools=tuple(builtin_tools(home))) as laptop:
        idle = psutil.Process().memory_info().rss
        async with laptop.session(Connection.load(Path(connection)), consent=UnsafeApproveAll()) as session:
            try:
                await session.ask(instruction(0))
            except UmiError as error:
                print(f"the session ended early: {type(error).__name__}", file=sys.stderr)  # noqa: T201
        return {
            "imported": imported,
            "opened": idle,
            "resident": psutil.Process().memory_info().rss,
            **_parts(Path("/proc/self/smaps")),
        }


def _parts(smaps: Path) -> dict[str, int]:
    """Resident bytes by what they map: the model's file, libraries, and memory of the process's own."""
    parts = {"model file": 0, "libraries and other files": 0, "anonymous": 0}
    if not smaps.exists():
        return {}
    kind = "anonymous"
    for line in smaps.read_text().splitlines():
        if header := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line):
            name = header[1]
            if name.endswith(".gguf"):
                kind = "model file"
            else:
                kind = "libraries and other files" if name.startswith("/") else "anonymous"
        elif line.startswith("Rss:"):
            parts[kind] += 1024 * int(line.split()[1])
    return parts


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(*sys.argv[1:]))))  # noqa: T201

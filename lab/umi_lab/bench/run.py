"""A run: the benchmarks by name, each with its record, and the page and pictures of all records."""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from umi_lab.bench.page import page
from umi_lab.bench.picture import draw
from umi_lab.bench.record import Record, read_records
from umi_lab.bench.setting import Setting
from umi_lab.bench.surroundings import Watch

__all__ = ["BENCHMARKS", "finish", "run_one"]

BENCHMARKS = {
    "calls": "One call in a session of eight: llama-cpp-python, guidance, the limit, masking's share.",
    "overlap": "The share of the caller's prefill that hides behind the planner's stream.",
    "warm_start": "Sixty tools from the disk, against reading them.",
    "conversations": "Four conversations in turn: tokens read for a call, and its time.",
    "rivals": "One call beside busy programs.",
    "prefix_cache": "Cache blocks of the planner's shared prefix that were reused, llama.cpp and vLLM.",
    "front": "The gRPC front over the engine alone, at 64 sessions.",
    "front_vllm": "The same over vLLM called directly.",
    "load": "A thousand sessions on one server.",
    "memory": "Edge process memory over GGUF and KV cache.",
    "daemon": "`umi serve` with its page open: memory over GGUF and KV cache, processor time while idle.",
    "start": "`umi --help` over a Python that does nothing.",
    "locality": "The locality step beside Presidio.",
}
"""In the order of the page; each is a module of this package with `measure`."""


async def run_one(name: str, setting: Setting) -> Record:
    """Run one benchmark. Raises ConfigError, ModelError."""
    measure = import_module(f"umi_lab.bench.{name}").measure
    when, watch = datetime.now(UTC).isoformat(timespec="minutes"), Watch()
    outcome = await measure(setting)
    return Record.of(name, outcome, setting, watch.look(), when)


def finish(folder: Path) -> None:
    """Draw a picture of each record in a folder, and write the page of all. Raises ConfigError."""
    records = read_records(folder)
    for record in records:
        draw(record, folder / f"{record.name}.svg")
    (folder / "README.md").write_text(page(records, BENCHMARKS, folder))

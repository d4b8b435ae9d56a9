"""A session that starts warm: as good as one that reads its catalogue, and nothing private on the disk."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from umi_edge.caller import Caller, CallerConfig, HandleRule, call_schemas
from umi_edge.caller.fingerprint import fingerprint
from umi_edge.caller.warm_start import WarmStart
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledEntry, constant
from umi_shared.dialects import ChatDialect, Dialect, UmiDialect
from umi_shared.labels import PLANNER
from umi_shared.transcript import Instruction, Next, Plan, ToolCard, View

pytestmark = pytest.mark.model

CANARY = "zyxcanary"
FIND = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}}, "required": ["name"]}
CARDS = tuple(
    (ToolCard(name=f"tool{n}.find", description=(), input_schema=FIND), (constant(f"Find a person in {n}."),))
    for n in range(6)
)
ENTRIES = (LabelledEntry(Instruction(()), (constant(f"Find {CANARY}."),)),)
SESSION = release(CARDS, ENTRIES, PLANNER).payload
PLANNED = View(
    catalogue=SESSION.catalogue,
    entries=(*SESSION.entries, Plan((f"To find {CANARY}, use tool1.find.",), Next.CALLER, "tool1.find")),
)
CATALOGUE = release(CARDS, (), PLANNER)
SCHEMAS: Mapping[str, Mapping[str, object]] = call_schemas(
    [(card.name, card.input_schema) for card, _ in CARDS], (), lambda _tool, _argument: HandleRule()
)


@pytest.fixture
def config(smollm2: Path, tmp_path: Path) -> CallerConfig:
    return CallerConfig(
        model=smollm2, context_tokens=1024, threads=1, max_tokens=64, state_folder=tmp_path / "states"
    )


def files(config: CallerConfig) -> list[Path]:
    assert config.state_folder is not None
    return sorted(config.state_folder.glob("*")) if config.state_folder.exists() else []


async def session(config: CallerConfig, dialect: Dialect) -> tuple[str, np.ndarray, int]:
    """What one caller writes, the logits after what it read ahead, and the tokens of that which were not read."""
    caller = await Caller.open(config, dialect)
    try:
        await caller.warm(CATALOGUE)
        restored = sum(map(len, caller._loading.result()._settled))
        await caller.prefill(SESSION)
        logits = caller._loading.result()._sequence.logits().copy()
        return (await caller.call(PLANNED, SCHEMAS)).arguments, logits, restored
    finally:
        await caller.close()


@pytest.mark.parametrize("dialect", [UmiDialect(), ChatDialect()], ids=lambda dialect: dialect.name)
async def test_a_warm_start_is_as_a_cold_one_to_the_last_bit(config, dialect):
    cold_call, cold, read = await session(config, dialect)
    warm_call, warm, restored = await session(config, dialect)
    assert read == 0
    assert restored > 60
    assert np.array_equal(warm, cold)
    assert warm_call == cold_call


async def test_what_is_kept_depends_on_no_entry(config):
    caller = await Caller.open(config, UmiDialect())
    await caller.warm(release(CARDS, ENTRIES, PLANNER))
    await caller.close()
    (with_entries,) = files(config)
    elsewhere = replace(config, state_folder=config.state_folder.with_name("other"))
    await session(elsewhere, UmiDialect())
    (without,) = files(elsewhere)
    assert with_entries.read_bytes() == without.read_bytes()


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:-4] + b"oops"])
async def test_a_torn_file_is_read_anew_and_written_anew(config, damage):
    cold_call, cold, _ = await session(config, UmiDialect())
    (path,) = files(config)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    call, logits, restored = await session(config, UmiDialect())
    assert (call, restored) == (cold_call, 0)
    assert np.array_equal(logits, cold)
    assert path.read_bytes() == whole


def test_a_key_is_of_one_model_adapter_context_and_prefix(config, smollm2, tmp_path, gguf_adapters):
    """Also of two files that differ in one byte of their weights, size and time being the same."""
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(smollm2.read_bytes())
    tuned = tmp_path / "tuned.gguf"
    raw = bytearray(smollm2.read_bytes())
    for at in range(2_000_000, len(raw), 4096):
        raw[at] ^= 1
    tuned.write_bytes(raw)
    for path in (copy, tuned):
        os.utime(path, ns=(0, 0))
    configs = [
        config,
        replace(config, model=copy),
        replace(config, model=tuned),
        replace(config, adapter=gguf_adapters["planner"]),
        replace(config, adapter=gguf_adapters["summarizer"]),
        replace(config, context_tokens=512),
    ]
    starts = [start for one in configs if (start := WarmStart.of(one))]
    keys = {start.key(tokens) for start in starts for tokens in ([1, 2], [1, 2, 3])}
    assert len(keys) == 2 * len(configs)
    assert fingerprint(copy) == fingerprint(copy)


async def test_nothing_is_kept_where_nobody_wants_it(config):
    await session(replace(config, state_bytes=0), UmiDialect())
    assert files(config) == []
    assert WarmStart.of(replace(config, state_folder=None)) is None

"""Whole sessions through a real vLLM: planner and summarizer as two adapters, laptop and cloud as two processes.

`make test-vllm` sets UMI_VLLM_PYTHON to the Python of the environment that vLLM lives in; the laptop's side runs in
this one, which has no torch.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from umi_edge.connection.connection import Connection
from umi_edge.connection.enroll import enroll
from umi_edge.ledger import verify_ledger
from umi_edge.runtime.config import CallerSettings, EdgeConfig
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Answered, GaveUp, PlanStarted, RationaleStreamed, Stopped
from umi_edge.session.session import Session
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

PYTHON = os.environ.get("UMI_VLLM_PYTHON", "")

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.model,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON, reason="UMI_VLLM_PYTHON names no environment with vLLM (make test-vllm)"),
]

POLICY = """
version: 1
name: short
detect: [{type: person, values_from: {tool: contacts.list, path: "$[*].name"}}]
limits: {steps: 2}
"""


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, smollm2: Path, peft_adapters: dict[str, Path]
) -> Iterator[dict[str, Any]]:
    """`umi-cloud serve` on vLLM with two adapters, in vLLM's own environment."""
    folder = tmp_path_factory.mktemp("vllm")
    kept = os.environ.get("UMI_HF_FOLDER")  # spares a developer the twenty seconds
    model = Path(kept) if kept else folder / "smollm2"
    write = (
        "import sys, pathlib, umi_cloud.hf_folder as f; f.write_hf_folder(*map(pathlib.Path, sys.argv[1:]))"
    )
    env = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    subprocess.run([PYTHON, "-c", write, str(smollm2), str(model)], check=True, env=env, timeout=300)
    state = folder / "cloud"
    subprocess.run([PYTHON, "-m", "umi_cloud", "ca", "init", "--state", str(state)], check=True, env=env)
    config = folder / "cloud.yaml"
    engine = {
        "kind": "vllm",
        "model": str(model),
        "adapters": {role: str(path) for role, path in peft_adapters.items()},
        "dialect": "umi",
        "context_tokens": 2048,
        "enforce_eager": True,
        "dtype": "float32",
    }
    ports = {"listen": "127.0.0.1:0", "enrol_listen": "127.0.0.1:0"}
    config.write_text(json.dumps({**ports, "state": str(state), "engine": engine}))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, "-m", "umi_cloud", "serve", "--config", str(config), "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=env,
        )
    assert process.stdout is not None
    events = (json.loads(line) for line in process.stdout)
    ready = next((event for event in events if event["event"] == "ready"), None)
    assert ready is not None, (folder / "log").read_text()[-4000:]
    yield {**ready, "state": str(state), "process": process}
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
async def connection(served: dict[str, Any], tmp_path: Path) -> Connection:
    """This laptop, enrolled by a token of the operator's."""
    command = [sys.executable, "-m", "umi_cloud", "enroll", "laptop", "--state", served["state"]]
    ports = ["--address", served["address"], "--enrol-address", served["enrol_address"]]
    token = await asyncio.to_thread(
        subprocess.run, [*command, *ports], capture_output=True, text=True, check=True
    )
    return (await enroll(token.stdout, tmp_path / "connection")).connection


@asynccontextmanager
async def laptop(folder: Path) -> AsyncIterator[Laptop]:
    home = make_sample_home(folder / "home", date(2026, 6, 1))
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    config = EdgeConfig(
        ledger=folder / "ledger.jsonl",
        policy=policy,
        caller=CallerSettings(threads=1, dialect="umi"),
    )
    few = tuple(tool for tool in builtin_tools(home) if tool.name.startswith("contacts."))  # a short prompt
    async with open_laptop(config, tools=few) as opened:
        yield opened


async def test_a_session_goes_through_vllm_and_back(connection: Connection, tmp_path: Path) -> None:
    async with laptop(tmp_path) as opened:
        async with opened.session(connection, consent=UnsafeApproveAll()) as session:
            ending = await session.ask("Email Alice Moreau that I am late.")
        assert isinstance(ending, Answered | GaveUp | Stopped)
        assert session.totals.planner.completion_tokens > 0
        assert session.totals.messages_out >= session.totals.steps
        assert session.totals.planner.cached_tokens == 0, "the server keeps that count"
    report = verify_ledger(tmp_path / "ledger.jsonl")
    assert report.sent_bytes == session.totals.bytes_out
    assert b"Moreau" not in (tmp_path / "ledger.jsonl").read_bytes()


async def test_a_session_that_is_cancelled_frees_the_engine_for_the_next(
    connection: Connection, tmp_path: Path
) -> None:
    async with laptop(tmp_path) as opened:
        started = asyncio.Event()

        def note(event: object) -> None:
            if isinstance(event, RationaleStreamed):
                started.set()

        async with opened.session(connection, observe=lambda _: note) as session:
            task = asyncio.create_task(session.ask("Who is Alice Moreau?"))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            steps: list[object] = []
            session.observe = steps.append
            await _first_step(session)
        assert any(isinstance(event, PlanStarted) for event in steps)


async def _first_step(session: Session) -> None:
    """Ask again, on the same session, as far as the first plan."""
    await session.ask("List my contacts.")

"""The daemon: its memory beyond its models and their cache, and what it costs the machine while nothing is asked.

The page is open in a real browser where one is installed; else its stream is followed without one. Both are measured
after a whole session. What a process has used of the processor is the kernel's own count, which other programs do not
change.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.async_api import async_playwright

from umi_edge.doors.background import page_address
from umi_edge.doors.place import Place, Running
from umi_edge.tools.sample_home import make_sample_home
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.memory import kv_bytes
from umi_lab.bench.served import scripted, served
from umi_lab.bench.setting import CONTEXT_TOKENS, Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import CALLS, instruction
from umi_shared.errors import ConfigError

__all__ = ["measure"]

_MB = 1e6
_TODAY = date(2026, 6, 1)
_STARTS_SECONDS = 120
_ANSWERS_SECONDS = 300
_SETTLES_SECONDS = 5
_IDLE_SECONDS = 60
_UNASKED = 5
"""The calls that change nothing, and so want nobody's yes."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


async def measure(setting: Setting) -> Outcome:
    """A daemon of its own, its page open, after one session of the usual calls, then left alone for a minute."""
    idle_seconds = 5 if setting.quick else _IDLE_SECONDS
    calls = CALLS[:1] if setting.quick else CALLS[:_UNASKED]
    plans = [f"To {purpose}, use {tool}. Next: caller." for tool, purpose, _ in calls]
    replies = (*plans, "All is done. Next: summarizer.", "Done.")
    setting.tell("daemon", 0, 1)
    with tempfile.TemporaryDirectory(prefix="umi-daemon-") as name:
        folder = Path(name)
        async with served(folder, scripted(0.0, replies)) as server:
            (connection,) = await server.enrol(1, folder)
            async with (
                _daemon(setting, connection.directory, folder) as (process, running, key),
                _page(running) as browser,
            ):
                await _ask(running, key)
                await asyncio.sleep(_SETTLES_SECONDS)
                before = process.cpu_times()
                await asyncio.sleep(idle_seconds)
                after = process.cpu_times()
                resident = process.memory_info().rss
    setting.tell("daemon", 1, 1)
    used = after.user + after.system - before.user - before.system
    kv = kv_bytes(setting.model_file, CONTEXT_TOKENS)
    gguf = sum(path.stat().st_size for path in (setting.model_file, setting.caller_adapter) if path)
    over = Figure(
        title="daemon memory over GGUF and KV cache, page open",
        goal=Goal(200, "MB"),
        value=Spread.of([(resident - gguf - kv) / _MB]),
        repeats=1,
        profile=f"Resident {resident / _MB:.0f} MB, of it GGUFs {gguf / _MB:.0f} MB, KV cache {kv / _MB:.0f} MB.",
    )
    idle = Figure(
        title="daemon processor time while nothing is asked, page open",
        goal=Goal(0.5, "%"),
        value=Spread.of([100 * used / idle_seconds]),
        repeats=1,
        profile=f"{used:.2f} s in {idle_seconds} s.",
    )
    notes = [] if browser else ["no browser is installed: the page's stream was followed without one"]
    return Outcome(figures=[over, idle], details={"resident": resident, "GGUF": gguf, "KV": kv}, notes=notes)


@asynccontextmanager
async def _daemon(
    setting: Setting, connection: Path, folder: Path
) -> AsyncIterator[tuple[psutil.Process, Running, str]]:
    """A daemon that runs, and the key of chat programs."""
    home = make_sample_home(folder / "home", _TODAY)
    config = folder / "config.yaml"
    caller: dict[str, Any] = {"model": str(setting.model_file), "context_tokens": CONTEXT_TOKENS}
    if setting.caller_adapter:
        caller |= {"adapter": str(setting.caller_adapter), "dialect": "umi"}
    config.write_text(
        json.dumps(
            {
                "connection": str(connection),
                "ledger": str(folder / "edge" / "ledger.jsonl"),
                "home": {
                    one: str(getattr(home, one))
                    for one in ("contacts", "calendar", "mail", "outbox", "notes")
                },
                "caller": caller,
                "operators": False,
                "notifications": False,
            }
        )
    )
    place = Place(folder / "edge")
    command = (sys.executable, "-m", "umi_edge", "serve", "--config", str(config), "--port", "0")
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=null, stderr=null)
    try:
        async with asyncio.timeout(_STARTS_SECONDS):
            while (running := place.running()) is None and process.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        if running is None:
            raise ConfigError("the daemon does not start", fix="start `umi serve` to see why")
        yield psutil.Process(process.pid), running, place.key()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def _page(running: Running) -> AsyncIterator[bool]:
    """The page, open; whether it is in a browser."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is not None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = await browser.new_page()
            await page.goto(await asyncio.to_thread(page_address, running))
            await page.get_by_text("Connected", exact=True).wait_for()
            yield True
            await browser.close()
        return
    key = {"authorization": f"Bearer {running.key}"}
    async with (
        httpx.AsyncClient(base_url=running.url, headers=key, timeout=None, trust_env=False) as http,  # noqa: S113
        http.stream("GET", "/api/stream") as stream,
    ):
        reading = asyncio.create_task(_read(stream))
        yield False
        reading.cancel()
        await asyncio.wait([reading])


async def _read(stream: httpx.Response) -> None:
    async for _ in stream.aiter_bytes():
        pass


async def _ask(running: Running, key: str) -> None:
    body = {"model": "umi", "messages": [{"role": "user", "content": instruction(0)}]}
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(timeout=_ANSWERS_SECONDS, trust_env=False) as http:
        answer = await http.post(f"{running.url}/v1/chat/completions", json=body, headers=headers)
    if answer.status_code != httpx.codes.OK:
        raise ConfigError(f"the daemon answered {answer.status_code}: {answer.text[:300]}")

"""The daemon: its memory beyond its models and their cache, and what it costs the machine while nothing is asked.

The page is open in a real browser where one is installed; else its stream is followed without one. Both are measured
after a whole session with the tools of the home. What a process has used of the processor is the kernel's own count,
which other programs do not change.

Memory is what the kernel calls resident, with what libraries map of their files, less two sizes: those of the files of
the model and its adapter, and that of the keys and values of one context in 16 bits. What a second conversation makes
the daemon keep beside the context, and what programs that speak MCP make it load, is told beside it.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import async_playwright

from umi_edge.doors.background import page_address
from umi_edge.doors.place import Running
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.memory import kv_bytes
from umi_lab.bench.served import scripted, served
from umi_lab.bench.setting import CONTEXT_TOKENS, Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import CALLS, instruction
from umi_lab.daemon_process import DaemonProcess, daemon_process

__all__ = ["measure"]

_MB = 1e6
_SETTLES_SECONDS = 5
_IDLE_SECONDS = 60
_GREETS_SECONDS = 60
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
                daemon_process(folder, connection.directory, _caller(setting)) as daemon,
                _page(daemon.running) as browser,
            ):
                await daemon.ask(instruction(0))
                await asyncio.sleep(_SETTLES_SECONDS)
                before = daemon.process.cpu_times()
                await asyncio.sleep(idle_seconds)
                after = daemon.process.cpu_times()
                resident = daemon.process.memory_info().rss
                await daemon.ask(instruction(1))
                await asyncio.sleep(_SETTLES_SECONDS)
                second = daemon.process.memory_info().rss
                await _greet(daemon)
                await asyncio.sleep(_SETTLES_SECONDS)
                third = daemon.process.memory_info().rss
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
    then = [
        Figure(title=title, goal=None, value=Spread.of([(more - gguf - kv) / _MB]), repeats=1, unit="MB")
        for title, more in (
            ("the same, after a conversation about something else, whose beginning is kept", second),
            ("the same, after a program at `/mcp` too", third),
        )
    ]
    notes = [] if browser else ["no browser is installed: the page's stream was followed without one"]
    return Outcome(
        figures=[over, idle, *then], details={"resident": resident, "GGUF": gguf, "KV": kv}, notes=notes
    )


def _caller(setting: Setting) -> dict[str, Any]:
    caller: dict[str, Any] = {"model": str(setting.model_file), "context_tokens": CONTEXT_TOKENS}
    if setting.caller_adapter:
        caller |= {"adapter": str(setting.caller_adapter), "dialect": "umi"}
    return caller


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


async def _greet(daemon: DaemonProcess) -> None:
    """Say hello as a program that speaks MCP."""
    client = {"name": "bench", "version": "1"}
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    said = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}
    headers = {"authorization": f"Bearer {daemon.key}", "accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient(timeout=_GREETS_SECONDS, trust_env=False) as http:
        answer = await http.post(f"{daemon.running.url}/mcp/bench", json=said, headers=headers)
    answer.raise_for_status()

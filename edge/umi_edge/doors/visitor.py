"""The visitor: a command that has the daemon carry out an instruction, and shows it at its own terminal.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from umi_edge.doors.daemon_request import Alone, begun
from umi_edge.doors.place import Place, settings_digest
from umi_edge.doors.proved_client import proved_client
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.conversation import Output
from umi_shared.errors import TransportError
from umi_shared.screen.output import relay, say, say_json

__all__ = ["INTERRUPTED", "Alone", "visit"]

INTERRUPTED = 130
"""The exit code of what Ctrl-C stopped."""


async def visit(config: EdgeConfig, output: Output, instruction: str | None) -> int | Alone:
    """Have an instruction carried out by the daemon that runs, or a chat where there is none; gives the exit code.

    Ctrl-C stops it, there. Raises `TransportError` where the daemon ends in the midst of it, after saying what was
    done.
    """
    running = Place.beside(config.ledger).running()
    if running is None:
        return Alone()
    asked = {
        "settings": settings_digest(config, running.key),
        "preview": config.preview,
        "instruction": instruction,
        "seat": _seat(output),
    }
    async with proved_client(running.url, running.key) as client:
        reply = await begun(client, "/daemon/visits", asked)
        if isinstance(reply, Alone):
            return reply
        try:
            if reply.status_code != httpx.codes.OK:
                return Alone("it refuses this")
            return await _Visitor(client, output).follow(reply)
        finally:
            output.waiting.end()
            await reply.aclose()


def _seat(output: Output) -> dict[str, Any]:
    console = output.console
    return {
        "as_json": output.as_json,
        "quiet": output.quiet,
        "to_stderr": console.stderr,
        "screen": console.is_terminal,
        "types": output.types,
        "width": console.width,
        "height": console.height,
        "colours": console.color_system or "",
        "plain": console.no_color,
    }


@dataclass(slots=True, repr=False)
class _Visitor:
    client: httpx.AsyncClient
    output: Output
    id: str = ""
    done: list[tuple[str, str]] = field(default_factory=list)
    """The calls that ended, each with its result."""
    under_way: str = ""
    """The tool whose call has begun."""
    _requests: set["asyncio.Task[None]"] = field(default_factory=set)

    async def follow(self, reply: httpx.Response) -> int:
        with self._interrupting():
            try:
                async for line in reply.aiter_lines():
                    if (code := self._take(json.loads(line))) is not None:
                        return code
            except (httpx.TransportError, ValueError):  # a line may be cut off
                pass
            finally:
                for task in self._requests:
                    task.cancel()
        raise self._lost()

    def _take(self, frame: dict[str, Any]) -> int | None:  # one case a frame
        match frame:
            case {"text": str(drawn), "err": bool(err)}:
                self.output.waiting.end()
                relay(drawn, err=err)
            case {"waiting": str(what)}:
                self.output.waiting.end()
                if what:
                    self.output.waiting.show(self.output.console, what)
            case {"discard": True}:
                self.output.lines.discard()
            case {"read": True}:
                self._begin(self._send_line())
            case {"visit": str(name)}:
                self.id = name
            case {"calls": str(tool)}:
                self.under_way = tool
            case {"called": str(tool), "result": str(result)}:
                self.done.append((tool, result))
                self.under_way = ""
            case {"end": int(code)}:
                return code
        return None

    async def _send_line(self) -> None:
        line = await self.output.lines.next()
        await self._post("line", {"line": line})

    async def _post(self, what: str, said: dict[str, Any]) -> None:
        try:
            await self.client.post(f"/daemon/visits/{self.id}/{what}", json=said)
        except httpx.TransportError:
            return  # the stream has ended, too, and says it

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    @contextmanager
    def _interrupting(self) -> Iterator[None]:
        """Ctrl-C stops the run, which then says what was done; a second one waits for nothing."""
        loop, own = asyncio.get_running_loop(), asyncio.current_task()
        times = 0

        def interrupt() -> None:
            nonlocal times
            times += 1
            if times == 1:
                self._begin(self._post("interrupt", {}))
            elif own is not None:
                own.cancel()

        previous = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupt) and None)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _lost(self) -> TransportError:
        self.output.waiting.end()
        done = [f"{tool}: {result}" for tool, result in self.done]
        if self.under_way:
            done.append(f"{self.under_way}: begun, and perhaps done")
        lost = TransportError(
            "umi's daemon ended in the midst of this, so there is no answer",
            fix="look at what was done, then ask again; `umi ledger` shows what left this device",
        )
        if self.output.as_json:
            calls = [one.partition(": ") for one in done]
            actions = [{"tool": tool, "result": result} for tool, _, result in calls]
            say_json({"ending": "failed", "text": lost.message, "actions": actions})
        for one in done:
            say(f"- {one}", err=True)
        if not done:
            say("- nothing was done", err=True)
        return lost

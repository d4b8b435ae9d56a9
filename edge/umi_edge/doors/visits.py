"""Visits: what `umi ask` and `umi chat` have carried out by the daemon that runs, at their own terminals.

A command visits with its instruction and what its terminal is like; the answer is a stream of JSON lines, for as long
as it takes. What is typed comes in requests of its own. A visit whose command is gone is stopped.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from umi_edge.connection.reachability import reachable
from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.command_request import alone, guarded, read_json
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.line import Line
from umi_edge.doors.remote_terminal import RemoteTerminal, Seat
from umi_edge.doors.terminal_answerer import TerminalAnswerer
from umi_edge.labelling.vault import Vault
from umi_edge.runtime.conversation import Conversation, introduce, talk, tell_of_problems
from umi_edge.session.events import Event
from umi_shared.errors import UmiError
from umi_shared.lazy_group import show_error

__all__ = ["Visits"]

_MOST = 32
_TITLE_CHARACTERS = 80
_PLANNER_SECONDS = 2
"""How long the planner may take to say that it is there, before the command looks for itself."""
_INTERRUPTED = 130
_DOORS = {True: "ask", False: "umi chat"}


@dataclass(slots=True)
class _Visit:
    terminal: RemoteTerminal
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    task: "asyncio.Task[None] | None" = None
    turn: "asyncio.Task[bool] | None" = None
    """What an interruption stops first, in a chat."""
    sent_away: bool = False
    """Whether it is the daemon that stops it."""

    def interrupt(self) -> None:
        for task in (self.turn, self.task):
            if task is not None and not task.done():
                task.cancel()
                return

    async def carried_out(self, turn: "asyncio.Task[bool]") -> bool:
        self.turn = turn
        try:
            await asyncio.wait([turn])
        finally:
            turn.cancel()
        return False if turn.cancelled() else turn.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    settings: str = field(repr=False)
    instruction: str | None = field(repr=False)
    preview: str = field(repr=False)
    seat: Seat

    @classmethod
    def read(cls, said: Any) -> "_Asked":
        try:
            instruction, preview = said["instruction"], said["preview"]
            if not isinstance(instruction, str | None) or preview not in ("never", "first", "always"):
                raise ValueError
            seat = Seat.read(said["seat"])
            return cls(settings=str(said["settings"]), instruction=instruction, preview=preview, seat=seat)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ApiError("this is no visit of `umi ask` or `umi chat`: are both of one version?") from None


@dataclass(slots=True, kw_only=True)
class Visits:
    """The visits that are under way."""

    line: Line
    keeper: Doorkeeper
    settings: str = field(repr=False)
    """The digest of this process's settings: a command with others is sent away, to do it alone."""
    stop_daemon: Callable[[], None] = field(repr=False)
    _open: dict[str, _Visit] = field(default_factory=dict, repr=False)

    def routes(self) -> list[Route]:
        """What an application serves for the commands."""
        return [
            Route("/daemon/visits", guarded(self._visit, self.keeper), methods=["POST"]),
            Route("/daemon/visits/{id}/line", guarded(self._line, self.keeper), methods=["POST"]),
            Route("/daemon/visits/{id}/interrupt", guarded(self._interrupt, self.keeper), methods=["POST"]),
            Route("/daemon/stop", guarded(self._stop, self.keeper), methods=["POST"]),
        ]

    async def stop(self) -> None:
        """Stop all of them; each command is told what was done."""
        tasks = []
        for visit in self._open.values():
            visit.sent_away = True
            if visit.task is not None:
                visit.task.cancel()
                tasks.append(visit.task)
        if tasks:
            await asyncio.wait(tasks)

    async def _visit(self, request: Request) -> Response:
        asked = _Asked.read(await read_json(request))
        if asked.settings != self.settings:
            return alone("it has another configuration or policy, or is of another version")
        if len(self._open) >= _MOST:
            return alone("it is busy")
        planner = self.line.planner
        if planner.channel is not None and not await reachable(planner.channel, _PLANNER_SECONDS):
            return alone("")  # which tells the user what can be done
        visit = _Visit(RemoteTerminal(asked.seat))
        self._open[visit.id] = visit
        visit.task = asyncio.create_task(self._carry_out(visit, asked))
        return StreamingResponse(
            self._frames(visit), media_type="application/jsonl", headers={"cache-control": "no-store"}
        )

    async def _frames(self, visit: _Visit) -> AsyncIterator[bytes]:
        try:
            yield _spelled({"visit": visit.id})
            async for frame in visit.terminal.frames():
                yield _spelled(frame)
        finally:  # also where the command is gone
            if visit.task is not None:
                visit.task.cancel()
            visit.terminal.typed("")
            del self._open[visit.id]

    async def _carry_out(self, visit: _Visit, asked: _Asked) -> None:
        output, code = visit.terminal.output, 1
        try:
            code = await self._conversation(visit, asked)
        except asyncio.CancelledError:
            code = _INTERRUPTED
            if visit.sent_away:
                code = 1
                told = UmiError("umi's daemon was told to stop in the midst of this", fix="ask again")
                show_error("umi", told, file=output.err)
        except UmiError as error:
            code = error.exit_code
            output.waiting.end()
            show_error("umi", error, file=output.err)
        except Exception as error:  # its text may hold values (I8)
            code = 70
            output.waiting.end()
            fault = UmiError(f"a fault of umi's own ({type(error).__name__})", fix="please report it")
            show_error("umi", fault, file=output.err)
        finally:
            visit.terminal.end(code)

    async def _conversation(self, visit: _Visit, asked: _Asked) -> int:
        output, laptop = visit.terminal.output, self.line.laptop
        door = _DOORS[asked.instruction is not None]
        name = f"umi {door.removeprefix('umi ')}"
        tell_of_problems(laptop, output.console)
        self.line.planner.announce(output.console)
        questions = self.line.approvals.of(visit.id, door)
        async with AsyncExitStack() as stack:
            if output.asks:
                answerer = TerminalAnswerer(
                    approvals=self.line.approvals,
                    console=output.console,
                    lines=output.lines,
                    name=name,
                    where=f"in the terminal of `{name}`",
                    conversation=visit.id,
                    shown=not output.quiet,
                    known=lambda: chain.from_iterable(laptop.gazetteers.values.values()),
                    notices=lambda: laptop.gazetteers.notices,
                )
                answering = asyncio.create_task(answerer.answer())
                stack.callback(answering.cancel)
                await asyncio.sleep(0)  # it is there before the first question
            session = await stack.enter_async_context(
                self.line.session(
                    questions,
                    visit.id,
                    (asked.instruction or "umi chat")[:_TITLE_CHARACTERS],
                    door=door,
                    preview=asked.preview,
                    replies=questions,
                    observe=_observer(visit.terminal),
                )
            )
            introduce(session, output)
            where = self.line.planner.where
            conversation = Conversation(laptop=laptop, session=session, output=output, where=where)
            if asked.instruction is not None:
                return (await conversation.ask(asked.instruction)).exit_code
            return 0 if await talk(conversation, visit.carried_out) else 1

    async def _line(self, request: Request) -> Response:
        said = await read_json(request)
        if not isinstance(said, dict) or not isinstance(line := said.get("line"), str):
            raise ApiError("a line is a text")
        self._known(request).terminal.typed(line)
        return JSONResponse({})

    async def _interrupt(self, request: Request) -> Response:
        self._known(request).interrupt()
        return JSONResponse({})

    async def _stop(self, _: Request) -> Response:
        self.stop_daemon()
        return JSONResponse({})

    def _known(self, request: Request) -> _Visit:
        visit = self._open.get(request.path_params["id"])
        if visit is None:
            raise ApiError("there is no such visit any more", status=404)
        return visit


def _observer(terminal: RemoteTerminal) -> Callable[[Vault], Callable[[Event], None]]:
    def observing(vault: Vault) -> Callable[[Event], None]:
        show = terminal.output.observer(vault)

        def observe(event: Event) -> None:
            show(event)
            terminal.note(event)

        return observe

    return observing


def _spelled(frame: dict[str, Any]) -> bytes:
    return json.dumps(frame).encode() + b"\n"

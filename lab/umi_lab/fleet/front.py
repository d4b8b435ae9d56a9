"""One front under measurement, in a process of its own: `umi-cloud`'s, with an engine as fast as a card.

    python -m umi_lab.fleet.front CONFIG

Beside the service port it has an echo: the same messages from the same engine over grpc.aio and mTLS, and nothing else
of umi. It says where both are, and then answers one JSON object a line.
"""

import asyncio
import cProfile
import io
import json
import logging
import pstats
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil

from umi_cloud.auth.credentials import server_credentials
from umi_cloud.collection import collect_rarely
from umi_cloud.config import CloudConfig
from umi_cloud.deployment import Deployment
from umi_cloud.engines.loading import Loaded
from umi_cloud.event_writer import EventWriter
from umi_lab.fleet.card import CardEngine
from umi_shared.engine import Delta, Finished, Generation, RawPrompt
from umi_shared.transcript import Decision, Next, PlanEvent, RationaleDelta
from umi_shared.wire import plan_events_message

__all__ = ["ECHO", "FRONT"]

FRONT = (sys.executable, "-m", "umi_lab.fleet.front")
ECHO = "/umi_lab.Echo/Plan"
_LINES = 40

Context = grpc.aio.ServicerContext[bytes, bytes]


class _Front:
    """The process's parts, and what it answers."""

    def __init__(self, deployment: Deployment, engine: CardEngine, echo_port: int) -> None:
        self._deployment = deployment
        self._engine = engine
        self._echo_port = echo_port
        self._profiler: cProfile.Profile | None = None

    def hello(self) -> dict[str, Any]:
        return {
            "address": self._deployment.address,
            "echo": f"127.0.0.1:{self._echo_port}",
            "watch": self._deployment.watch_address,
            "pid": psutil.Process().pid,
        }

    def answer(self, work: dict[str, Any]) -> dict[str, Any]:
        """`usage`: what the process has used so far; `profile`: start one; `profiled`: end it, and tell."""
        match work["do"]:
            case "usage":
                seconds, self._engine.seconds = self._engine.seconds, []
                return {
                    "cpu_seconds": time.process_time(),
                    "kernel_seconds": psutil.Process().cpu_times().system,
                    "memory": psutil.Process().memory_info().rss,
                    "plans": self._engine.plans,
                    "engine_seconds": seconds,
                }
            case "profile":
                self._profiler = cProfile.Profile()
                self._profiler.enable()
                return {}
            case _:
                assert self._profiler is not None  # noqa: S101  # asked for before
                self._profiler.disable()
                told = io.StringIO()
                pstats.Stats(self._profiler, stream=told).sort_stats("tottime").print_stats(_LINES)
                return {"profile": told.getvalue()}


async def _echo(engine: CardEngine, folder: Path) -> tuple[grpc.aio.Server, int]:
    """A servicer that writes what a front writes, in the same messages."""

    def write(context: Context) -> Callable[[Sequence[PlanEvent]], Awaitable[None]]:
        return lambda events: context.write(plan_events_message(events).SerializeToString())

    async def behaviour(request: bytes, context: Context) -> None:
        asked = Generation(prompt=RawPrompt(str(len(request))))
        async with (
            aclosing(engine.generate(asked)) as stream,
            EventWriter(write(context), several=True) as writer,
        ):
            async for chunk in stream:
                match chunk:
                    case Delta(text):
                        await writer.take(RationaleDelta(text))
                    case Finished(_, usage):
                        await writer.take(Decision(Next.CALLER, "contacts.search"))
                        await writer.take(usage)
            await writer.finish()

    server = grpc.aio.server()
    service, _, method = ECHO[1:].partition("/")
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(behaviour)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_secure_port("127.0.0.1:0", server_credentials(folder))
    await server.start()
    return server, port


@asynccontextmanager
async def _running(config: CloudConfig) -> AsyncIterator[_Front]:
    engine = CardEngine()
    deployment = await Deployment.start(config)
    echo, port = await _echo(engine, config.certificates_folder)
    try:
        await deployment.open(Loaded.of(engine, "umi", ("planner", "summarizer")))
        collect_rarely()
        yield _Front(deployment, engine, port)
    finally:
        await echo.stop(0)
        await deployment.stop(0)


async def serve(path: Path) -> None:
    """Until standard input ends."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    async with _running(CloudConfig.read(path)) as front:
        print(json.dumps(front.hello()), flush=True)  # noqa: T201
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(front.answer(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))

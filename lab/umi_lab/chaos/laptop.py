"""A laptop in a process of its own, so that it can be killed: real session, guard, ledger and connection.

    python -m umi_lab.chaos.laptop HOME CONNECTION ADDRESS

ADDRESS is one that gRPC understands; it may be of several servers. Answers each line `{"ask": ID, "steps": N}` with
what came of it. Its tool notes each run in `HOME/executed`; each message that is handed to the wire is noted, by its
hash, in `HOME/sent`: both survive it.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_edge.connection.connection import Connection, channel_credentials, channel_options
from umi_edge.egress.cloud_client import Cloud, CloudConfig
from umi_edge.ledger import Ledger
from umi_edge.policy import load_policy
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Answered, AskedUser, GaveUp, Stopped
from umi_edge.session.session import Session
from umi_edge.testing import ScriptedCaller
from umi_edge.tools import Catalogue, Hints, Tool
from umi_shared.errors import UmiError
from umi_shared.transcript import View

__all__ = ["EXECUTED", "KEY", "LEDGER", "MODULE", "SENT"]

MODULE = "umi_lab.chaos.laptop"
EXECUTED, SENT, LEDGER = "executed", "sent", "ledger/ledger.jsonl"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_POLICY = "version: 1\nname: chaos\ndetect: [{type: email, pattern: builtin}]\n"
_CONFIG = CloudConfig(idle_seconds=30, step_seconds=60)


@dataclass(frozen=True, slots=True)
class _Noted(grpc.aio.UnaryStreamClientInterceptor):
    """Notes each message on its way out, after the ledger has it and before gRPC does."""

    path: Path

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        note(self.path, hashlib.sha256(request).hexdigest())
        return await continuation(client_call_details, request)


def note(path: Path, line: str) -> None:
    """Append a line with one write, which a kill does not tear."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


class _Asker:
    def __init__(self, home: Path, channel: grpc.aio.Channel) -> None:
        self._home = home
        self._channel = channel

    async def ask(self, name: str, steps: int) -> dict[str, str]:
        """One request; `answered`, or `said` with the words that the user would see."""
        try:
            ledger = Ledger.open(self._home / LEDGER, KEY, lambda: datetime.now(UTC).isoformat())
        except UmiError as error:
            return {"outcome": "said", "why": error.message}
        try:
            report = await self._session(ledger, name).ask(f"Mark errand {name} in {steps} steps.")
        except UmiError as error:
            return {"outcome": "said", "why": error.message}
        finally:
            ledger.close()
        match report:
            case Answered(answer):
                return {"outcome": "answered", "why": answer}
            case GaveUp(reason) | Stopped(reason) | AskedUser(reason):
                return {"outcome": "said", "why": reason}

    def _session(self, ledger: Ledger, name: str) -> Session:
        done = 0

        def call(_view: View) -> tuple[str, str]:
            nonlocal done
            done += 1
            return "chaos.mark", json.dumps({"step": done})

        async def mark(arguments: Mapping[str, Any]) -> Any:
            note(self._home / EXECUTED, f"{name} {arguments['step']}")
            await asyncio.sleep(0.05)
            return {"marked": arguments["step"]}

        tool = Tool(
            name="chaos.mark",
            description="Mark a step.",
            input_schema={
                "type": "object",
                "properties": {"step": {"type": "integer"}},
                "required": ["step"],
                "additionalProperties": False,
            },
            run=mark,
            source="python",
            hints=Hints(),
        )
        return Session(
            policy=load_policy(_POLICY, "chaos.yaml"),
            catalogue=Catalogue((tool,)),
            gazetteers={},
            caller=ScriptedCaller(iter(lambda: call, None)),
            connect=lambda guard: Cloud(self._channel, guard, ledger, name, _CONFIG),
            consent=UnsafeApproveAll(),
            name=name,
        )


@asynccontextmanager
async def _asker(home: Path, connection: Path, address: str) -> AsyncIterator[_Asker]:
    found = Connection.load(connection)
    async with grpc.aio.secure_channel(
        address,
        channel_credentials(found),
        options=channel_options(found),
        interceptors=[_Noted(home / SENT)],
    ) as channel:
        yield _Asker(home, channel)


async def serve(home: Path, connection: Path, address: str) -> None:
    """Until standard input ends."""
    async with _asker(home, connection, address) as asker:
        print("{}", flush=True)  # noqa: T201
        while line := await asyncio.to_thread(sys.stdin.readline):
            work = json.loads(line)
            print(json.dumps(await asker.ask(work["ask"], work["steps"])), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))

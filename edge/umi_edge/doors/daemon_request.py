"""A request of a command to the daemon that runs: let in, or sent away to do its work alone.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from umi_edge.doors.proved_client import StrangerError

__all__ = ["Alone", "begun", "refusal"]


@dataclass(frozen=True, slots=True)
class Alone:
    """The command is to do it by itself; `reason` says why, unless no daemon runs."""

    reason: str = field(default="", repr=False)


async def begun(client: httpx.AsyncClient, path: str, asked: Mapping[str, Any]) -> httpx.Response | Alone:
    """The answer to what a command asks, which streams, or is a refusal that was read; it is to be closed."""
    request = client.build_request("POST", path, json=asked)
    try:
        reply = await client.send(request, stream=True)
    except StrangerError:
        return Alone("another program listens at its port")
    except httpx.TransportError:  # it ended a moment ago; nothing was begun
        return Alone()
    if reply.status_code == httpx.codes.OK:
        return reply
    try:
        said = json.loads(await reply.aread())
    finally:
        await reply.aclose()
    return Alone(str(said["alone"])) if reply.status_code == httpx.codes.CONFLICT else reply


def refusal(reply: httpx.Response) -> str:
    """Why the daemon refuses something."""
    return str(reply.json()["error"]["message"])

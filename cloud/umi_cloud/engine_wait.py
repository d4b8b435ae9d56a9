"""A server that starts before the engine that it asks: it waits, says so, and serves once the engine is there.

What can never become right ends it at once: a model that the endpoint does not have, a key that it refuses, something
that is no such endpoint. Those are mistakes of the configuration, and nobody would see one in a server that waits.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from umi_cloud.config import CloudConfig
from umi_cloud.engines.loading import Announce, Loaded, load
from umi_shared.errors import LimitError, TransportError

__all__ = ["load_when_there"]

RETRY_SECONDS = 2.0
SAY_SECONDS = 60.0
_log = logging.getLogger("umi_cloud.engine")


async def load_when_there(config: CloudConfig, announce: Announce, awaited: Callable[[], None]) -> Loaded:
    """Load the engine, however long it takes to come; `awaited` is called when it is not there at first.

    Raises what `load` does, but for an endpoint that cannot be reached, or is busy.
    """
    said: set[str] = set()
    said_at = float("-inf")

    def once(line: str) -> None:
        if line not in said:
            said.add(line)
            announce(line)

    while True:
        try:
            loaded = await load(config, once)
        except (TransportError, LimitError) as error:
            awaited()
            once("the engine is not there yet: waiting for it; laptops are told to come back")
            if time.monotonic() - said_at >= SAY_SECONDS:
                said_at = time.monotonic()
                _log.error("waiting for the engine: %s. %s", error.message, error.fix)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            if said_at > float("-inf"):
                _log.warning("the engine is there")
            return loaded

"""Asks an engine elsewhere now and then how busy it is, and tells who decides how much it is given."""

import asyncio
from collections.abc import Awaitable, Callable

from umi_cloud.engines.engine_load import EngineLoad

__all__ = ["follow_load"]

LOOK_SECONDS = 1.0
SILENT_SECONDS = 30.0
"""How long an endpoint that does not say is left alone."""


async def follow_load(
    ask: Callable[[], Awaitable[EngineLoad | None]], tell: Callable[[EngineLoad | None], None]
) -> None:
    """Ask and tell until cancelled; None where the engine does not say."""
    while True:
        load = await ask()
        tell(load)
        await asyncio.sleep(SILENT_SECONDS if load is None else LOOK_SECONDS)

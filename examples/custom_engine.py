"""An engine of one's own behind the planner: first without a server, then served to enrolled laptops.

Run it: python examples/custom_engine.py
See: the plan's events, and the address of a server whose planner and summarizer are this engine.
"""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from tempfile import TemporaryDirectory

from umi_cloud import (
    Chunk,
    CloudConfig,
    Delta,
    Deployment,
    Finish,
    Finished,
    Generation,
    Instruction,
    Loaded,
    Planner,
    RationaleDelta,
    Usage,
    View,
    dialect_named,
)


class Parrot:
    """Says the same to every prompt; a real one streams what its model says to `generation.prompt`."""

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """The text in pieces, then why it ended and what it cost."""
        for word in ("Nothing ", "is left to do. ", "Next: summarizer."):
            yield Delta(word)
        yield Finished(Finish.STOP, Usage(prompt_tokens=0, completion_tokens=3))

    async def close(self) -> None:
        """Free the model."""
        print("The engine is closed.")


async def main(folder: Path) -> None:
    """Plan once in this process; then start a server, as `umi-cloud serve` does, and end it."""
    view = View(catalogue=(), entries=(Instruction(("Say hello to <person:1>.",)),))
    async for event in Planner(Parrot(), dialect_named("umi")).plan(view):
        print(event.text if isinstance(event, RationaleDelta) else event)
    deployment = await Deployment.start(CloudConfig.local(folder, unsafe_plaintext_loopback=True))
    try:
        await deployment.open(Loaded.of(Parrot(), "umi"))
        print("Serving at", deployment.address)
    finally:
        await deployment.stop(0)


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))

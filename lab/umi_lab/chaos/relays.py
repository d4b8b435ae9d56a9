"""The relays of a world on loopback, which stand in for its network: before the fronts, and before the database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from umi_lab.chaos.kinds import DATABASE, LAPTOP, Kind
from umi_lab.chaos.link import Link, link

__all__ = ["KINDS", "Relays", "relays"]

KINDS = {kind: Kind(places=(LAPTOP, DATABASE)) for kind in ("delay", "partition", "cut")}
_DELAY_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Relays:
    """The laptop's way to the fronts, and theirs to the database."""

    to_fronts: Link
    to_database: Link

    kinds = KINDS

    async def disturb(self, kind: str, where: str, seconds: float) -> None:
        """Let one of `KINDS` happen for a while."""
        one = self.to_fronts if where == LAPTOP else self.to_database
        match kind:
            case "delay":
                one.delay_seconds = _DELAY_SECONDS
            case "partition":
                one.stall()
            case _:
                one.cut()
        await asyncio.sleep(seconds)
        one.mend()


@asynccontextmanager
async def relays(fronts: Sequence[tuple[str, int]], database: tuple[str, int]) -> AsyncIterator[Relays]:
    """Relays to these addresses."""
    async with link(fronts) as to_fronts, link([database]) as to_database:
        yield Relays(to_fronts, to_database)

"""A detector of one's own: whatever it finds in a text becomes a handle before the text leaves.

Run it: python examples/custom_detector.py
See: the badge number of the instruction is <badge:1> in what left. A finder that fails stops the session instead.
"""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from umi_edge import (
    PLUGINS,
    Detector,
    EdgeConfig,
    Plugin,
    Report,
    local_cloud,
    open_laptop,
    outbound_view,
    read_ledger,
    text_of,
    tool,
)

POLICY = Path(__file__).with_suffix(".yaml")


class BadgeFinder:
    """Finds numbers such as 7-1204-6: two numbers and, behind them, the last digit of their sum."""

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        """Where each badge number starts and ends, in characters."""
        for found in re.finditer(r"\b(\d)-(\d{4})-(\d)\b", text):
            first, second, check = map(int, found.groups())
            if (first + second) % 10 == check:
                yield found.span()


def badge_finder(_: Detector) -> BadgeFinder:
    """The finder for one line of `detect:`, whose `entities`, `language` and `threshold` are in the argument."""
    return BadgeFinder()


PLUGINS["badge"] = Plugin(make=badge_finder)  # before the policy that names it is read


@tool(name="badges.owner", read_only=True)
def owner(badge: str) -> dict[str, str]:
    """Find out who owns a badge.

    Args:
        badge: The number of the badge.
    """
    return {"owner": f"the owner of {badge}"}


async def main(folder: Path) -> None:
    """Ask a planner on this device, then read what it was sent."""
    config = EdgeConfig(policy=POLICY, ledger=folder / "ledger.jsonl")
    async with (
        local_cloud(folder) as cloud,
        open_laptop(config, tools=(owner,)) as laptop,
        laptop.session(cloud.connection, on_device=True) as session,
    ):
        async for event in laptop.events(session, "Who owns the badge 7-1204-1?"):
            if isinstance(event, Report):
                print("The answer:", event.text)
    first = next(entry for entry in read_ledger(config.ledger) if entry["kind"] == "sent")
    print("The instruction, as it left:", *map(str, text_of(outbound_view(first).entries[1])))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))

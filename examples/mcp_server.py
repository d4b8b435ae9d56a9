"""An MCP server, and a policy for its tool: it runs on this device, and its results are searched before they leave.

Run it: python examples/mcp_server.py
See: the tool is `tickets.find`; the e-mail address in its result is a handle for the planner, its status is not.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from umi_edge import Answered, EdgeConfig, Observed, Report, local_cloud, open_laptop

POLICY = Path(__file__).with_suffix(".yaml")
SERVER = Path(__file__).with_name("tickets_server.py")


async def main(folder: Path) -> None:
    """Start the server as any MCP host would, and ask a planner on this device."""
    config = EdgeConfig(
        policy=POLICY,
        ledger=folder / "ledger.jsonl",
        mcp={"tickets": {"command": sys.executable, "args": [str(SERVER)]}},
    )
    async with local_cloud(folder) as cloud, open_laptop(config) as laptop:
        for missing in laptop.missing:
            print(missing.problem)
        async with laptop.session(cloud.connection, on_device=True) as session:
            async for event in laptop.events(session, "Find the ticket about the printer."):
                match event:
                    case Observed(tool=tool, observation=observation):
                        shown = (part for span in observation for part in span.seen_by("planner"))
                        print(f"{tool}, as the planner sees it:", "".join(map(str, shown)))
                    case Report(ending=Answered(answer)):
                        print("The answer:", answer)
                    case Report():
                        print(f"It {event.word}: {event.text}")


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))

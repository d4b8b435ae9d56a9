"""The demo: three private tasks on a sample home, with a planner on this device behind gRPC and mTLS."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import NoReturn

from umi_edge.connection.local_cloud import LocalCloud, local_cloud
from umi_edge.labelling.vault import Vault
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Event
from umi_edge.session.report import Report
from umi_edge.tools import FailureKind, Tool, ToolFailure
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.sample_home import make_sample_home

__all__ = ["Demo", "Task", "demo_tasks", "open_demo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of the demo."""

    name: str
    instruction: str
    broken: tuple[str, ...] = ()
    """Tools that fail in this task, so that the planner must find another way."""


def demo_tasks(today: date) -> tuple[Task, ...]:
    """Mail someone, meet someone, find something although the first tool fails."""
    tomorrow = today + timedelta(days=1)
    return (
        Task(name="mail", instruction="Email Alice Moreau that I am ten minutes late."),
        Task(
            name="event",
            instruction=f"Schedule a kitchen review with Paul Martin on {tomorrow} at 15:00.",
        ),
        Task(
            name="note",
            instruction="What does my note about the boiler say?",
            broken=("notes.search",),
        ),
    )


@dataclass(slots=True, kw_only=True)
class Demo:
    """A sample home, a planner on this device, and a laptop between them."""

    laptop: Laptop
    cloud: LocalCloud
    home: HomeConfig

    async def run(self, task: Task, observe: Callable[[Vault], Callable[[Event], None]]) -> Report:
        """Carry out one task in a session of its own; every call is approved, since the data is invented."""
        tools = tuple(_broken(tool) if tool.name in task.broken else tool for tool in self.laptop.catalogue)
        laptop = replace(self.laptop, catalogue=type(self.laptop.catalogue)(tools))
        async with laptop.session(
            self.cloud.connection, consent=UnsafeApproveAll(), observe=observe, on_device=True
        ) as session:
            return await Report.of(session, task.instruction, self.laptop.ledger)


@asynccontextmanager
async def open_demo(folder: Path, today: date) -> AsyncIterator[Demo]:
    """Write the sample home below a folder, start the planner, load the caller."""
    home = make_sample_home(folder / "home", today)
    config = EdgeConfig(ledger=folder / "ledger.jsonl")
    async with local_cloud(folder) as cloud, open_laptop(config, tools=builtin_tools(home)) as laptop:
        yield Demo(laptop=laptop, cloud=cloud, home=home)


def _broken(tool: Tool) -> Tool:
    """The same tool, out of order."""

    async def fail(_: object) -> NoReturn:
        raise ToolFailure(FailureKind.UNAVAILABLE, "the index is being rebuilt")

    return replace(tool, run=fail)

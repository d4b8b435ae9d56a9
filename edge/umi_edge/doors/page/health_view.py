"""Health as the page shows it: what `umi doctor` looks at, each finding as it is made."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field

from umi_edge.diagnosis import checks_for, run_check
from umi_edge.diagnosis.finding import Check
from umi_edge.diagnosis.system import platform_and_packages
from umi_edge.doors.page.answers import text_of_event
from umi_edge.runtime.config import EdgeConfig

__all__ = ["HealthView"]


@dataclass(slots=True)
class HealthView:
    """Examines the laptop, once at a time: checks start the tools and read the model."""

    config: EdgeConfig
    _one: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def examine(self) -> AsyncIterator[bytes]:
        """The findings, as events: `looking` before each check, `found` for each finding, `done` at the end."""
        async with self._one:
            first = Check(name="python", look=platform_and_packages)
            for check in (first, *checks_for(self.config, os.environ)):
                yield text_of_event("looking", {"name": check.name, "words": check.slow})
                for finding in await run_check(check):
                    yield text_of_event("found", asdict(finding))
            yield text_of_event("done", {})

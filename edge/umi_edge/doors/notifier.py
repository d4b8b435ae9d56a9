"""The notifier: the system's own notification tells the user that a question waits, for whoever looks elsewhere.

A screen is seen by others, too, so it names the tool and the program that asks, and no value.

Covered: Linux with `notify-send`, macOS. Not covered: elsewhere there is none.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import html
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import assert_never

from umi_edge.doors.approvals import Approvals, Waiting
from umi_edge.egress.cloud_client import Outbound
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.replies import ReplyRequest
from umi_edge.tools.running_call import ServerQuestion
from umi_shared.screen.text import one_line

__all__ = ["Notifier", "notice_of", "notification", "show"]

_TITLE = "umi asks you something"
_MOMENT_SECONDS = 2.0
"""What is answered before is not told: its user looks at the question."""
_SHOWN_SECONDS = 10
"""How long a program may take to show one."""
_SCRIPT = "on run said\ndisplay notification (item 2 of said) with title (item 1 of said)\nend run"
"""The words are its arguments, so they are no part of the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Tells of the questions that wait, for as long as `follow` runs."""

    approvals: Approvals
    show: Callable[[str], Awaitable[None]] = field(repr=False)
    """Shows a text."""
    moment_seconds: float = field(default=_MOMENT_SECONDS, repr=False)

    async def follow(self) -> None:
        """Tell of each question once, and of several that came together in one notification."""
        told: set[str] = set()
        async with aclosing(self.approvals.subscribe()) as changes:
            async for waiting in changes:
                if all(one.id in told for one in waiting):
                    continue
                await asyncio.sleep(self.moment_seconds)
                still = self.approvals.waiting()
                fresh = [one for one in still if one.id not in told]
                told = {one.id for one in still}
                if fresh:
                    await self.show(notice_of(fresh))


def notice_of(waiting: Sequence[Waiting]) -> str:
    """What is told of questions, without a value."""
    if len(waiting) > 1:
        return f"{len(waiting)} questions wait for you."
    (one,) = waiting
    return f"{_what(one)} Asked by {one.asked_by}."


def _what(waiting: Waiting) -> str:
    match waiting.request:
        case ConsentRequest(tool=tool):
            return f"{one_line(tool)} wants your yes."
        case Outbound(sink=sink):
            return f"A message to the {one_line(sink)} wants your yes."
        case ServerQuestion(server=server):
            return f"{one_line(server)} asks you something."
        case ReplyRequest():
            return "The planner asks you something."
    assert_never(waiting.request)


def notification(
    text: str, platform: str = sys.platform, which: Callable[[str], str | None] = shutil.which
) -> tuple[str, ...]:
    """The command that shows a text as a notification; empty where there is none."""
    if platform == "darwin" and (program := which("osascript")) is not None:
        return (program, "-e", _SCRIPT, _TITLE, text)
    if platform.startswith("linux") and (program := which("notify-send")) is not None:
        # What it shows may have markup.
        return (program, "--app-name=umi", "--", _TITLE, html.escape(text, quote=False))
    return ()


async def show(text: str) -> None:
    """Show a text as a notification, where the platform has one; a failure is passed over: the question waits."""
    command = notification(text)
    if not command:
        return
    with suppress(OSError):
        null = asyncio.subprocess.DEVNULL
        shown = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=null, stderr=null)
        try:
            await asyncio.wait_for(shown.wait(), _SHOWN_SECONDS)
        except TimeoutError:
            pass
        finally:
            if shown.returncode is None:
                shown.kill()
                await shown.wait()

"""One instruction after another in one session, shown to a person or given to a program."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import IO

from umi_edge.egress.cloud_client import Approver
from umi_edge.labelling.tool_cards import by_name_only
from umi_edge.labelling.vault import Vault
from umi_edge.policy.disagreement import disagreements
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.runtime.planner import ON_DEVICE, open_planner
from umi_edge.session.consent import Consent, UnsafeApproveAll
from umi_edge.session.events import Event, Stopped
from umi_edge.session.replies import NoReplies, Replies
from umi_edge.session.report import Report
from umi_edge.session.session import Session
from umi_edge.sync.fetching import Fetched
from umi_edge.terminal.consent import NobodyAtTerminal, TerminalConsent
from umi_edge.terminal.live_view import LiveView, conclusion, legend
from umi_edge.terminal.preview import DeclineOutbound, TerminalPreview
from umi_edge.terminal.replies import TerminalReplies
from umi_edge.terminal.spinner import Waiting
from umi_edge.terminal.stdin import TypedLines
from umi_edge.tools.source import ToolSource
from umi_shared.errors import UmiError
from umi_shared.lazy_group import show_error
from umi_shared.screen.console import Screen
from umi_shared.screen.output import say, say_json, say_prompt, say_text

__all__ = [
    "ON_DEVICE",
    "Conversation",
    "Output",
    "introduce",
    "open_conversation",
    "talk",
    "tell_of_changes",
    "tell_of_problems",
]

_DAMAGED = (
    "Careful: the list of what umi has written is damaged ({}), so nothing in your contacts, calendar, notes and files "
    "is trusted, and umi writes nothing into them. `umi records` says how to mend it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a conversation is shown, and how."""

    console: Screen
    """For people: progress and questions, on standard error when standard output is piped."""
    as_json: bool = False
    quiet: bool = False
    """Only the answer, and what was done."""
    approve_all: bool = False
    lines: TypedLines = field(default_factory=TypedLines)
    """What the person answers, and asks."""
    waiting: Waiting = field(default_factory=Waiting)
    out: IO[str] | None = field(default=None, repr=False)
    """Where the answer goes; None for standard output."""
    err: IO[str] | None = field(default=None, repr=False)
    """Where errors go; None for standard error."""
    types: bool = field(default_factory=lambda: sys.stdin is not None and sys.stdin.isatty())
    """Whether somebody types."""

    @classmethod
    def for_terminal(cls, *, as_json: bool, approve_all: bool) -> "Output":
        """Live on a terminal; quiet when standard output is piped."""
        piped = not Screen().is_terminal
        console = Screen(stderr=piped or as_json)
        return cls(console=console, as_json=as_json, quiet=piped or as_json, approve_all=approve_all)

    @property
    def asks(self) -> bool:
        """Whether a person sits at this terminal, who can be asked while other things go on."""
        return self.console.is_terminal and self.types

    def consent(self, known: Callable[[], Iterable[str]] = tuple) -> Consent:
        """A person at the terminal, or nobody; `known` are the addresses that an unknown one may look like."""
        if self.approve_all:
            return UnsafeApproveAll()
        if not self.console.is_terminal:
            return NobodyAtTerminal(self.console)
        return TerminalConsent(self.console, self.lines, known)

    def replies(self) -> Replies:
        """A person at the terminal, or nobody."""
        if self.approve_all or not self.console.is_terminal:
            return NoReplies()
        return TerminalReplies(self.console, self.lines, shown=not self.quiet)

    def approver(self, preview: str, notices: Callable[[], Sequence[str]] = tuple) -> Approver | None:
        """Who sees a message before it leaves: a person at the terminal, or nobody where somebody should."""
        if preview == "never":
            return None
        if not self.console.is_terminal:
            return DeclineOutbound()
        return TerminalPreview(self.console, self.lines, once=preview == "first", notices=notices)

    def observer(self, vault: Vault) -> Callable[[Event], None]:
        """What shows the events of a session."""
        return (lambda _: None) if self.quiet else LiveView(self.console, vault, self.waiting).show


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A session, and what shows it."""

    laptop: Laptop
    session: Session
    output: Output
    where: str
    """Where the planner is: an address, or this device."""

    async def ask(self, instruction: str) -> Report:
        """Carry out one instruction and show what came of it: also where it failed, or was interrupted.

        Raises no `UmiError`: a failure is the report's ending, beside what was done before it.
        """
        ledger, done_before = self.laptop.ledger, len(self.session.record)
        try:
            report = await Report.of(self.session, instruction, ledger)
        except asyncio.CancelledError:
            interrupted = Stopped("it was interrupted")
            self._show(Report.concluding(self.session, interrupted, ledger, done_before=done_before))
            raise
        self._show(report)
        tell_of_changes(self.laptop, self.output.console, "this conversation goes on without")
        return report

    def _show(self, report: Report) -> None:
        self.output.waiting.end()
        if not self.output.quiet:
            self.output.console.print(conclusion(report))
            return
        for error in report.errors:
            show_error("umi", error, file=self.output.err)
        out = self.output.out
        if self.output.as_json:
            say_json(report.as_json(), file=out)
            return
        if not isinstance(report.ending, UmiError):
            say_text(report.text, file=out)
        for action in report.actions:
            say(f"- {action.tool}: {action.result}", file=out)


@asynccontextmanager
async def open_conversation(config: EdgeConfig, output: Output) -> AsyncIterator[Conversation]:
    """Connect to the planner of the configuration and start a session with it.

    With `offline: device` a planner on this device takes over when the cloud cannot be reached, or there is none,
    and that is announced; the other way never happens. Raises `TransportError` when there is no planner.
    """
    async with AsyncExitStack() as stack:
        output.waiting.show(output.console, "starting the tools")
        try:
            laptop = await stack.enter_async_context(open_laptop(config))
        finally:
            output.waiting.end()
        tell_of_problems(laptop, output.console)
        planner = await open_planner(config, output.console, laptop.policy, stack)
        session = await stack.enter_async_context(
            laptop.session(
                planner.connection,
                channel=planner.channel,
                consent=output.consent(lambda: chain.from_iterable(laptop.gazetteers.values.values())),
                replies=output.replies(),
                approver=output.approver(config.preview, lambda: laptop.gazetteers.notices),
                observe=output.observer,
                on_device=planner.on_device,
            )
        )
        introduce(session, output)
        yield Conversation(laptop=laptop, session=session, output=output, where=planner.where)


def introduce(session: Session, output: Output) -> None:
    """Say what the colours mean, and which tools the planner is not told of."""
    if not output.quiet:
        output.console.print(legend())
    for one in session.told.withheld:
        said = f"The planner is not told of {one.tool}: {one.because}."
        output.console.print(said, soft_wrap=True)
    for said in by_name_only(session.told.unapproved):
        output.console.print(said, soft_wrap=True)


async def talk(
    conversation: Conversation,
    carried_out: Callable[[asyncio.Task[bool]], Awaitable[bool]],
    *,
    keep: Callable[[Session], None] = lambda _: None,
) -> bool:
    """Carry out one line after another, to the end of input or an empty one; whether all were answered.

    `carried_out` waits for a turn, which may be interrupted; `keep` is told of the session after each.
    """
    output, all_well = conversation.output, True
    if not output.as_json:
        output.console.print(f"Planner: {conversation.where}. An empty line leaves.", style="dim")

    async def turn(line: str) -> bool:
        try:
            return (await conversation.ask(line)).ended_well
        finally:
            keep(conversation.session)

    while line := await _line(output):
        well = await carried_out(asyncio.create_task(turn(line)))
        all_well = all_well and well
    return all_well


async def _line(output: Output) -> str:
    """The next instruction; empty at the end."""
    if output.types:
        say_prompt("> ", err=output.quiet, file=output.err if output.quiet else output.out)
    return (await output.lines.next()).strip()


def tell_of_problems(laptop: Laptop, console: Screen) -> None:
    """Say which tools, names, copies and records umi goes on without, and which rules of its policy disagree."""
    for fetched in laptop.fetched:
        _warn_of_copy(fetched, console)
    for server in laptop.missing:
        _warn_of(server, console)
    for notice in laptop.gazetteers.notices:
        console.print(f"Careful: {notice}.", style="yellow", soft_wrap=True)
    for one in disagreements(laptop.policy, [tool.name for tool in laptop.catalogue]):
        console.print(f"Careful: {laptop.policy.file}: {one.message}.", style="yellow", soft_wrap=True)
        console.print(f"  Fix: {one.fix}", soft_wrap=True)
    if laptop.records.damage:
        console.print(_DAMAGED.format(laptop.records.damage), style="yellow", soft_wrap=True)


def tell_of_changes(laptop: Laptop, console: Screen, meanwhile: str) -> None:
    """Say which servers have changed their tools, and what that means for what is under way."""
    for change in laptop.changed_tools():
        console.print(f"{change}: {meanwhile}, the next one begins with it.", style="yellow", soft_wrap=True)


def _warn_of_copy(fetched: Fetched, console: Screen) -> None:
    """Say that a copy is as it was before, and why; the text is value-free."""
    if fetched.problem is None:
        return
    what = f"{fetched.store} from {fetched.account}"
    said = f"Going on with what was fetched before of {what}: {fetched.problem.message}."
    console.print(said, style="yellow", soft_wrap=True)
    console.print(f"  Fix: {fetched.problem.fix}", soft_wrap=True)


def _warn_of(server: ToolSource, console: Screen) -> None:
    """Say that a server gives no tools, why, and what to do; the text is value-free."""
    if server.problem is None:
        return
    said = f"Going on without the tools of {server.name}: {server.problem.message}."
    console.print(said, style="yellow", soft_wrap=True)
    console.print(f"  Fix: {server.problem.fix}", soft_wrap=True)

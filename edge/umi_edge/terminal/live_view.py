"""A session on a terminal as it runs: what stayed in green; what left in yellow, and to whom where not to all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text as Rich

from umi_edge.labelling.json_text import WITHHELD
from umi_edge.labelling.text import LabelledText, handles_in
from umi_edge.labelling.vault import Vault
from umi_edge.policy.excepted import is_exception
from umi_edge.session.events import (
    Action,
    AnswerStarted,
    AnswerStreamed,
    Asked,
    CallWritten,
    ClockTold,
    Ended,
    Event,
    Instructed,
    Observed,
    Planned,
    PlanStarted,
    Progressed,
    Questioned,
    QuestionStreamed,
    RationaleStreamed,
    Refused,
    Replied,
    Retrying,
    Sent,
)
from umi_edge.session.report import Report
from umi_edge.session.unknown_names import about_to_leave
from umi_edge.terminal.colours import BAD, LEFT, MODEL, STAYED
from umi_edge.terminal.spinner import Waiting
from umi_edge.tools import Failed, Succeeded
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER, SUMMARIZER
from umi_shared.screen.console import Screen
from umi_shared.screen.text import one_line, visible
from umi_shared.transcript import Next

__all__ = ["LiveView", "conclusion", "legend", "summary_table"]

_LINE_CHARACTERS = 160
_VALUE_CHARACTERS = 60
_MOST_VALUES = 12
_MARGIN = " " * 9
"""As wide as the words that begin umi's own lines."""


def legend() -> Rich:
    """What the colours mean."""
    return Rich.assemble(
        ("⌂ stayed on this device", STAYED), "   ", ("↑ left it", LEFT), "   ", ("▸ a model's words", MODEL)
    )


@dataclass(slots=True)
class LiveView:
    """Prints events; give its `show` to a session as `observe`."""

    console: Screen
    vault: Vault
    waiting: Waiting = field(default_factory=Waiting)
    """The caller of the session ends it, also when the session fails."""
    _open: bool = False
    """Whether a line is being streamed."""
    _asking: bool = False
    """Whether the line is the planner's question."""
    _told: set[Handle] = field(default_factory=set)

    def show(self, event: Event) -> None:
        """Print one event."""
        self.waiting.end()
        self._print(event)
        match event:
            case Sent(sink):
                self.waiting.show(self.console, f"the {sink} reads")
            case Planned(next=Next.CALLER):
                self.waiting.show(self.console, "the caller writes the call")
            case Asked(tool, True):
                self.waiting.show(self.console, f"{tool} runs")
            case Questioned(tool=tool, reply=reply) if reply:
                self.waiting.show(self.console, f"{tool} runs")
            case Progressed():
                self.waiting.show(self.console, f"{event.tool} runs: {_progress(event)}")

    def _print(self, event: Event) -> None:
        match event:
            case ClockTold(text):
                self._line("now      ", self._as_planner_sees(text))
            case Instructed(text) | Replied(text):
                self._line("you      ", self._as_planner_sees(text))
                self._kept(text)
                self._excepted(text)
                self._unknown(text)
            case PlanStarted(step):
                self._end_stream()
                self.console.rule(f"step {step}", style="dim")
            case Sent():
                self._sent(event)
            case Retrying(attempt):
                self._end_stream()
                self._line("retry    ", Rich(f"the connection failed; try {attempt}", style=BAD))
            case RationaleStreamed(text):
                self._stream("planner  ", text, masked=True)
            case QuestionStreamed(text):
                if not self._asking:
                    self._end_stream()
                    self._asking = True
                self._stream("question ", text, masked=False)
            case Planned():
                self._end_stream()
                self._line(
                    "next     ",
                    Rich(f"{event.next}" + (f" · {one_line(event.tool)}" if event.tool else ""), style=MODEL),
                )
            case CallWritten():
                self._call(event)
            case Asked(tool, approved):
                self._line("asked    ", Rich(f"{one_line(tool)}: {'approved' if approved else 'declined'}"))
            case Questioned(tool=tool, reply=reply) if reply:
                self._line("asked    ", Rich(f"{one_line(tool)}: its server's question was {reply}"))
            case Refused():
                self._refused(event)
            case Observed():
                self._observed(event)
            case AnswerStarted():
                self._end_stream()
                self.console.rule("answer", style="dim")
            case AnswerStreamed(text):
                self._stream("answer   ", text, masked=False)
            case Ended():
                self._end_stream()

    def _line(self, label: str, content: Rich) -> None:
        self._end_stream()
        self.console.print(Rich.assemble((label, "bold"), content), soft_wrap=True)

    def _stream(self, label: str, text: str, *, masked: bool) -> None:
        if not self._open:
            self.console.print(Rich(label, style="bold"), end="")
            self._open = True
        lines = visible(text).replace("\n", f"\n{_MARGIN}")  # no line of theirs begins where umi's do
        styled = self._styled(lines) if masked else Rich(lines)
        self.console.print(styled, end="", soft_wrap=True)

    def _end_stream(self) -> None:
        if self._open:
            self.console.print()
            self._open = self._asking = False

    def _sent(self, sent: Sent) -> None:
        what = f"↑ {sent.size_bytes:,} bytes to the {sent.sink}   sha256 {sent.sha256[:12]}…"
        self._line("left     ", Rich(what, style=LEFT))

    def _call(self, event: CallWritten) -> None:
        self._line(
            "call     ",
            Rich.assemble((one_line(event.tool), "bold"), " ", self._as_planner_sees(event.arguments)),
        )
        self._kept(event.arguments)

    def _refused(self, event: Refused) -> None:
        reasons = one_line("; ".join(event.reasons))
        self._line("refused  ", Rich(f"{event.kind}{': ' + reasons if reasons else ''}", style=BAD))

    def _observed(self, event: Observed) -> None:
        match event.outcome:
            case Failed(kind, detail, _):
                said = one_line(detail)[:_LINE_CHARACTERS]
                if (
                    event.failure and event.observation
                ):  # `errors:` of the policy lets some of it out, or a handle for it
                    seen = self._as_planner_sees(event.observation)
                    self._line("failed   ", Rich.assemble((str(kind), BAD), "   ", seen))
                    self._kept(event.observation)
                    return
                self._line(
                    "failed   ", Rich.assemble((str(kind), BAD), (f"   ⌂ {said}" if said else "", STAYED))
                )
            case Succeeded():
                self._line("result   ", self._as_planner_sees(event.observation))
                self._kept(event.observation)
                self._excepted(event.observation)
                self._unknown(event.observation)

    def _as_planner_sees(self, text: LabelledText) -> Rich:
        """The text as the planner reads it; what it reads in clear is in the colour of leaving."""
        shown = Rich()
        for span in text:
            for part in span.seen_by(PLANNER):
                shown.append(one_line(str(part)), style=STAYED if isinstance(part, Handle) else LEFT)
        shown.truncate(4 * _LINE_CHARACTERS, overflow="ellipsis")
        return shown

    def _styled(self, text: str) -> Rich:
        shown = Rich()
        for part in parts_of(text):
            shown.append(str(part), style=STAYED if isinstance(part, Handle) else MODEL)
        return shown

    def _kept(self, text: LabelledText) -> None:
        """The values that the new handles stand for, and who in the cloud reads them all the same."""
        new = sorted(handles_in(text) - self._told)
        self._told |= set(new)
        for handle in new[:_MOST_VALUES]:
            kept = self.vault[handle]
            value = one_line(str(kept.value))
            short = value if len(value) <= _VALUE_CHARACTERS else value[: _VALUE_CHARACTERS - 1] + "…"
            readers = [sink for sink in (PLANNER, SUMMARIZER) if kept.label.may_read(sink)]
            style = LEFT if readers else STAYED
            note = f"   ↑ the {' and the '.join(readers)} may read it" if readers else ""
            self.console.print(
                Rich.assemble(
                    _MARGIN,
                    ("↑ " if readers else "⌂ ", style),
                    (f"{handle} ", f"bold {style}"),
                    (short, style),
                    (note, style),
                ),
                soft_wrap=True,
            )
        if len(new) > _MOST_VALUES:
            self.console.print(f"{_MARGIN}and {len(new) - _MOST_VALUES} more")
        self._of_the_summarizer(text)

    def _of_the_summarizer(self, text: LabelledText) -> None:
        """What of a scanned text the summarizer reads and the planner does not: no handle stands for it."""
        pieces = [
            one_line(span.clear).strip()
            for span in text
            if span.masked == WITHHELD
            and span.label.may_read(SUMMARIZER)
            and not span.label.may_read(PLANNER)
        ]
        if any(pieces):
            shown = Rich(" … ".join(filter(None, pieces)), style=LEFT)
            shown.truncate(_LINE_CHARACTERS, overflow="ellipsis")
            note = ("   ↑ the summarizer may read it", LEFT)
            self.console.print(Rich.assemble(_MARGIN, ("↑ ", LEFT), shown, note), soft_wrap=True)

    def _excepted(self, text: LabelledText) -> None:
        """What of it a detector finds and leaves all the same, by an exception of the policy."""
        for rule in dict.fromkeys(span.rule for span in text if is_exception(span.rule)):
            pieces = dict.fromkeys(one_line(span.clear) for span in text if span.rule == rule)
            shown = Rich(", ".join(pieces), style=f"bold {LEFT}")
            shown.truncate(_LINE_CHARACTERS, overflow="ellipsis")
            note = (f"   by an exception: {one_line(rule)}", LEFT)
            self.console.print(Rich.assemble(_MARGIN, ("↑ ", LEFT), shown, note), soft_wrap=True)

    def _unknown(self, text: LabelledText) -> None:
        """The names among what leaves that no detector knows."""
        names = about_to_leave(text, PLANNER)
        if not names:
            return
        shown = ", ".join(one_line(name)[:_VALUE_CHARACTERS] for name in names[:_MOST_VALUES])
        more = f" and {len(names) - _MOST_VALUES} more" if len(names) > _MOST_VALUES else ""
        self.console.print(
            Rich.assemble(
                _MARGIN,
                ("↑ ", LEFT),
                (f"{shown}{more}", f"bold {LEFT}"),
                ("   a name that no detector knows?", LEFT),
            ),
            soft_wrap=True,
        )


def _progress(event: Progressed) -> str:
    """How far a call is; the message is a stranger's.

    >>> _progress(Progressed(tool="x.y", done=3, total=10, message="Reading"))
    '3 of 10 · Reading'
    """
    far = f"{event.done:g}" + (f" of {event.total:g}" if event.total is not None else "")
    return f"{far} · {one_line(event.message)[:_VALUE_CHARACTERS]}" if event.message else far


def conclusion(report: Report) -> Group:
    """The outcome of an instruction: why there is no answer, if there is none, and what was really done."""
    lines: list[Rich | Table] = []
    if not report.ended_well:  # not as markup: a model, or a tool, may have written this
        lines.append(Rich.assemble((report.word, f"bold {BAD}"), ": ", visible(report.text)))
    if report.actions:
        lines.append(_actions_table(report.actions))
    else:
        lines.append(Rich("nothing was done on this device", style="dim"))
    if report.bits_spent_on:
        lines.append(Rich(f"told of what stays, in bits: {', '.join(report.bits_spent_on)}", style="dim"))
    lines += [Rich(f"let out by an exception: {one_line(row)}", style="dim") for row in report.excepted]
    lines += [Rich(one_line(f"careful: {notice}"), style=f"bold {BAD}") for notice in report.names_lost]
    if report.ledger_fault is not None:
        lines.append(Rich.assemble(("ledger", f"bold {BAD}"), ": ", one_line(str(report.ledger_fault))))
    return Group(Rich(), *lines)


def _actions_table(record: Sequence[Action]) -> Table:
    table = Table(title="done on this device", title_justify="left", title_style="bold", box=None)
    table.add_column("tool", style="bold")
    table.add_column("with")
    table.add_column("result")
    for action in record:
        style = STAYED if action.done else BAD
        table.add_row(action.tool, _arguments(action.arguments), Rich(one_line(action.result), style=style))
    return table


def _arguments(arguments: Mapping[str, Any]) -> Rich:
    text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return Rich(one_line(text)[:_LINE_CHARACTERS])


def summary_table(reports: Mapping[str, Report]) -> Table:
    """Steps, tokens, bytes, kept values and the ledger, a row a task."""
    table = Table(title="summary", title_justify="left", title_style="bold")
    for column in ("task", "ended", "steps", "tokens", "bytes out", "kept", "ledger verified"):
        table.add_column(column, justify="left" if column in ("task", "ended") else "right", no_wrap=True)
    for name, report in reports.items():
        totals = report.session.totals
        tokens = sum(use.completion_tokens for use in (totals.planner, totals.caller, totals.summarizer))
        ledger = f"{report.ledger.entries} messages" if report.ledger else "no"
        table.add_row(
            name,
            Rich(report.word, style=STAYED if report.ended_well else BAD),
            str(totals.steps),
            f"{tokens:,}",
            Rich(f"{totals.bytes_out:,}", style=LEFT),
            Rich(str(report.values_kept), style=STAYED),
            ledger,
        )
    return table

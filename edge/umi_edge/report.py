"""What a session came to, for programs and for people: from the device's own record."""

from dataclasses import asdict, dataclass
from typing import Any

from umi_edge.events import Answered, Ending, GaveUp, Stopped
from umi_edge.ledger import LedgerReport
from umi_edge.session import Session

__all__ = ["Report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One instruction, carried out or not."""

    session: Session
    ending: Ending
    ledger: LedgerReport | None = None

    @property
    def ended_well(self) -> bool:
        """Whether there is an answer."""
        return isinstance(self.ending, Answered)

    @property
    def ended_properly(self) -> bool:
        """Whether it came to an answer or an honest give-up, and the ledger holds."""
        return not isinstance(self.ending, Stopped) and self.ledger is not None

    @property
    def word(self) -> str:
        """`answered`, `gave up` or `stopped`."""
        return {Answered: "answered", GaveUp: "gave up", Stopped: "stopped"}[type(self.ending)]

    @property
    def text(self) -> str:
        """The answer, or why there is none."""
        match self.ending:
            case Answered(text) | GaveUp(text) | Stopped(text):
                return text

    def as_json(self) -> dict[str, Any]:
        """One object for programs; it holds real values, as the answer does."""
        totals = self.session.totals
        return {
            "ending": self.word,
            "text": self.text,
            "actions": [
                {
                    "tool": action.tool,
                    "arguments": dict(action.arguments),
                    "result": action.result,
                    "seconds": round(action.seconds, 3),
                }
                for action in self.session.record
            ],
            "steps": totals.steps,
            "messages_out": totals.messages_out,
            "bytes_out": totals.bytes_out,
            "values_kept": len(self.session.labeller.vault),
            "declassified_bits": self.session.labeller.declassified.spent_bits,
            "tokens": {role: asdict(getattr(totals, role)) for role in ("planner", "caller", "summarizer")},
            "ledger": asdict(self.ledger) if self.ledger else None,
        }

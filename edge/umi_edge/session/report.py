"""What an instruction came to, for programs and for people: from the device's own record."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from umi_edge.ledger import Ledger, LedgerReport
from umi_edge.policy.excepted import is_exception
from umi_edge.policy.projection import projected
from umi_edge.session.events import Action, Answered, AskedUser, Ending, GaveUp, Stopped
from umi_edge.session.session import Session
from umi_edge.session.totals import Totals
from umi_shared.errors import UmiError
from umi_shared.labels import PLANNER, SUMMARIZER

__all__ = ["Report"]

_ASKED = 9
"""The exit code of a question that nobody replied to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One instruction, carried out or not."""

    session: Session
    ending: Ending | UmiError
    """How it ended; an error where it failed on the way, after whatever the record says was done."""
    ledger: LedgerReport | None = None
    """What the ledger holds, once verified; None where it does not verify."""
    ledger_fault: UmiError | None = None
    """Why the ledger does not verify, or could not be signed; None where all is well."""
    done_before: int = 0
    """How many actions of the session's record belong to earlier instructions."""

    @classmethod
    async def of(cls, session: Session, instruction: str, ledger: Ledger) -> Self:
        """Carry out an instruction, and check the ledger.

        A failure is a report, too: a tool that ran before it has run. Raises no `UmiError`.
        """
        done_before = len(session.record)
        try:
            ending: Ending | UmiError = await session.ask(instruction)
        except UmiError as error:
            ending = error
        return cls.concluding(session, ending, ledger, done_before=done_before)

    @classmethod
    def concluding(
        cls, session: Session, ending: Ending | UmiError, ledger: Ledger, *, done_before: int
    ) -> Self:
        """The report of an ending, once the ledger is signed and verified, or could not be."""
        verified, fault = None, None
        try:
            ledger.checkpoint()
            verified = ledger.verify()
        except UmiError as error:
            fault = error
        return cls(
            session=session, ending=ending, ledger=verified, ledger_fault=fault, done_before=done_before
        )

    @property
    def ended_well(self) -> bool:
        """Whether there is an answer."""
        return isinstance(self.ending, Answered)

    @property
    def errors(self) -> list[UmiError]:
        """What went wrong: on the way, and with the ledger; each once."""
        ending = [self.ending] if isinstance(self.ending, UmiError) else []
        ledger = [self.ledger_fault] if self.ledger_fault is not None else []
        return ending + [error for error in ledger if str(error) not in map(str, ending)]

    @property
    def ended_properly(self) -> bool:
        """Whether it came to an answer, a question or an honest give-up, and the ledger holds."""
        return isinstance(self.ending, Answered | GaveUp | AskedUser) and self.ledger is not None

    @property
    def exit_code(self) -> int:
        """0 for an answer, 9 for a question to you, 1 for neither; after an error, the exit code of that error."""
        if self.errors:
            return self.errors[0].exit_code
        if isinstance(self.ending, AskedUser):
            return _ASKED
        return 0 if self.ended_well else 1

    @property
    def word(self) -> str:
        """`answered`, `gave up`, `asked`, `stopped` or `failed`."""
        match self.ending:
            case Answered():
                return "answered"
            case GaveUp():
                return "gave up"
            case AskedUser():
                return "asked"
            case Stopped():
                return "stopped"
        return "failed"

    @property
    def text(self) -> str:
        """The answer, or why there is none."""
        match self.ending:
            case Answered(text) | GaveUp(text) | AskedUser(text) | Stopped(text):
                return text
        return str(self.ending)

    @property
    def actions(self) -> list[Action]:
        """What was done for this instruction, in order."""
        return self.session.record[self.done_before :]

    @property
    def values_kept(self) -> int:
        """How many values neither the planner nor the summarizer may read."""
        vault = self.session.labeller.vault
        return sum(not any(map(kept.label.may_read, (PLANNER, SUMMARIZER))) for kept in vault)

    @property
    def bits_spent_on(self) -> list[str]:
        """What the session has told of values that stay, by `show` and by shape: `64 on domain of 1 email`."""
        labeller = self.session.labeller
        return [*labeller.keeper.declassified.rows(), *labeller.shapes.rows()]

    @property
    def excepted(self) -> list[str]:
        """How many values the session let out that a detector finds, by the exception: never which."""
        found: dict[str, set[str]] = {}
        for entry in self.session.calls.entries:
            for span in entry.text:
                if is_exception(span.rule):
                    found.setdefault(span.rule, set()).add(projected(span.clear))
        return [f"{len(values)} by {rule}" for rule, values in found.items()]

    @property
    def names_lost(self) -> tuple[str, ...]:
        """What the detectors could not be given, and the policy allows to do without."""
        return self.session.names_lost

    def as_json(self) -> dict[str, Any]:
        """One object for programs; it holds real values, as the answer does."""
        totals, labeller = self.session.totals, self.session.labeller
        return {
            "session": self.session.name,
            "ending": self.word,
            "text": self.text,
            "actions": [
                {
                    "tool": action.tool,
                    "arguments": dict(action.arguments),
                    "result": action.result,
                    "seconds": round(action.seconds, 3),
                }
                for action in self.actions
            ],
            "steps": totals.steps,
            "messages_out": totals.messages_out,
            "bytes_out": totals.bytes_out,
            "values_kept": self.values_kept,
            "declassified_bits": labeller.keeper.declassified.spent_bits,
            "shape_bits": labeller.shapes.spent_bits,
            "bits_spent_on": self.bits_spent_on,
            "excepted": self.excepted,
            "names_lost": list(self.names_lost),
            "tokens": _tokens(totals),
            "ledger": asdict(self.ledger) if self.ledger else None,
        }


def _tokens(totals: Totals) -> dict[str, dict[str, int]]:
    """By role. Only the caller's model, which is this device's own, says what came from its cache."""
    roles = ("planner", "caller", "summarizer")
    counts: dict[str, dict[str, int]] = {role: asdict(getattr(totals, role)) for role in roles}
    for role in ("planner", "summarizer"):
        del counts[role]["cached_tokens"]
    return counts

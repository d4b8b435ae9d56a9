"""The user's turn: what they typed enters the transcript as their own words, or as a reply to what a model asked.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.reading import Reading
from umi_edge.labelling.text import LabelledEntry, LabelledText, Span
from umi_edge.labelling.vault import INSTRUCTION
from umi_edge.session.calls import Calls
from umi_edge.session.echoes import Echoes
from umi_edge.session.pending_question import Question
from umi_edge.session.unknown_names import question_of, with_names_kept
from umi_shared.errors import PrivacyError
from umi_shared.labels import PLANNER
from umi_shared.transcript import Answer, Instruction

__all__ = ["UsersTurn"]


@dataclass(frozen=True, slots=True)
class UsersTurn:
    """Of one session."""

    calls: Calls = field(repr=False)

    def read(self, words: str) -> Reading:
        """What the user typed, as it is read; they are told of words that are read as others."""
        read = self._labeller.read(words)
        self.calls.notes[:] = dict.fromkeys([*self.calls.notes, *map(str, read.read_as)])
        return read

    def typed(self, read: Reading) -> LabelledText:
        """What the user typed unasked: their own words, but for an address that a model told them before."""
        text = self._labeller.instruction(read, self._echoes.label)
        self._count([span for span in text if not span.label.trusted])
        return text

    def replied(self, read: Reading, question: Question) -> LabelledText:
        """What the user says to a question that is open. Raises `PrivacyError` where too much of it would leave."""
        said = (
            self._labeller.reply(read, question.text, question.bars, self._echoes.label)
            if question.by_planner
            else self.typed(read)
        )
        self._count(said)
        return said

    async def take(self, text: LabelledText) -> None:
        """Put what the user typed into the transcript. Raises `PrivacyError` where names in it are to stay."""
        calls = self.calls
        names = calls.unknown(text)
        if names and not await calls.consent.approve(question_of(names, PLANNER, instruction=True)):
            raise PrivacyError(
                "names that no detector knows are in the instruction, and you did not let them leave; nothing was sent",
                fix="put them into your contacts, or into `detect` of the policy: then they stay",
            )
        calls.let_go |= set(names)
        calls.public.allow_clear(text)
        calls.entries.append(LabelledEntry(Instruction(()), text))

    def take_earlier(self, words: str, *, by_user: bool) -> None:
        """Put what was said where this session has not seen it into the transcript, by the user or an assistant."""
        text = self._instructed_before(words) if by_user else self._labeller.past_answer(words)
        self.calls.public.allow_clear(text)
        self.calls.entries.append(LabelledEntry(Instruction(()) if by_user else Answer(()), text))

    def _instructed_before(self, words: str) -> LabelledText:
        text = self._labeller.instruction(words, self._echoes.label)
        names = self.calls.unknown(text)
        return with_names_kept(text, names, self._labeller.vault, INSTRUCTION, PLANNER) if names else text

    def _count(self, spans: Iterable[Span]) -> None:
        """Charge what a model had the user say, as far as it leaves. Raises `PrivacyError` where that is too much."""
        leaves = "".join(span.clear for span in spans if span.label.may_read(PLANNER))
        if leaves:
            self._labeller.shapes.replied(leaves)

    @property
    def _labeller(self) -> Labeller:
        return self.calls.labeller

    @property
    def _echoes(self) -> Echoes:
        return Echoes.of(self.calls.entries, self._labeller.vault)

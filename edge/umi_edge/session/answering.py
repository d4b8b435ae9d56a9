"""Answering: an instruction ends with what the summarizer writes, or with the device's own words."""

from dataclasses import dataclass

from umi_edge.egress.cloud_client import Restarted, Sent
from umi_edge.labelling.text import LabelledEntry, constant
from umi_edge.session.device_answer import Written
from umi_edge.session.events import Answered, AnswerStarted, AnswerStreamed, Retrying
from umi_edge.session.exchange import Exchange
from umi_edge.session.pending_question import ASKED_BY_DEVICE
from umi_edge.session.rehydration import Rehydrator
from umi_edge.session.undone import undone, undone_note
from umi_edge.session.unread_note import unread_note
from umi_shared.handles import escape
from umi_shared.labels import PLANNER, SUMMARIZER
from umi_shared.transcript import Answer, AnswerDelta, Usage

__all__ = ["Answering"]


@dataclass(frozen=True, slots=True)
class Answering:
    """Of one session, as it is at one step."""

    exchange: Exchange

    async def summarized(self) -> Answered:
        """Have the summarizer answer. Raises `PrivacyError`, and what the way to it raises."""
        exchange = self.exchange
        exchange.observe(AnswerStarted())
        view, shown = exchange.released(SUMMARIZER), exchange.shown_to(SUMMARIZER)
        lost, answer = self._undone()
        said, rehydrator = "", Rehydrator(exchange.labeller.vault)
        async for event in exchange.cloud.summarize(view, exchange.new_id()):
            match event:
                case Sent():
                    exchange.sent(event, SUMMARIZER)
                case Restarted(attempt):
                    exchange.observe(Retrying(attempt))
                    lost, answer = self._undone()
                    said, rehydrator = "", Rehydrator(exchange.labeller.vault)
                case AnswerDelta(text):
                    said += text
                    answer += self._streamed(rehydrator.feed(text))
                case Usage():
                    exchange.totals.summarizer += event
        answer += self._streamed(rehydrator.finish())
        answer += self._streamed(self._device_notes(answer))
        exchange.calls.entries.append(LabelledEntry(Answer(()), exchange.wrote(said, shown)))
        return Answered(answer, lost)

    def on_device(self, written: Written) -> Answered:
        """Answer on this device, with what the planner was shown: its label is that of all of it."""
        exchange = self.exchange
        exchange.observe(AnswerStarted())
        lost, answer = self._undone()
        rehydrator = Rehydrator(exchange.labeller.vault, written.shown_as, one_line=True)
        answer += self._streamed(rehydrator.feed(written.text) + rehydrator.finish())
        answer += self._streamed(self._device_notes(answer))
        said = exchange.wrote(written.told, exchange.shown_to(PLANNER))
        exchange.calls.entries.append(LabelledEntry(Answer(()), said))
        return Answered(answer, lost)

    def asked_back(self, told: str, question: str) -> Answered:
        """End the instruction with a question of the device's own; nothing was done for the plan that led to it.

        `told` is what of it the models are told.
        """
        text = (constant(escape(told), ASKED_BY_DEVICE),)
        self.exchange.calls.public.allow_clear(text)
        self.exchange.calls.entries.append(LabelledEntry(Answer(()), text))
        self.exchange.observe(AnswerStarted())
        return Answered(self._streamed(question))

    def _undone(self) -> tuple[tuple[str, ...], str]:
        """What was not done, and what the user is told of it, before any model's word."""
        calls = self.exchange.calls
        lost = undone(calls.record[calls.began :], calls.catalogue)
        note = undone_note(lost, calls.catalogue)
        return tuple(one.tool for one in lost), self._streamed(f"{note}\n\n" if note else "")

    def _device_notes(self, answer: str) -> str:
        """The device's own word on days that were not said, and on what no tool could read: no model passes it on."""
        calls = self.exchange.calls
        unread = unread_note(one for lost in calls.unread.values() for one in lost)
        told = "\n".join(filter(None, (*calls.notes, unread)))
        return told if not told or not answer or answer.endswith("\n") else f"\n{told}"

    def _streamed(self, piece: str) -> str:
        if piece:
            self.exchange.observe(AnswerStreamed(piece))
        return piece

"""Whom a tool may turn to while a session runs it: the user, under the policy; and the view of the session.

What the user types for a server goes to it alone. It stays: where the server gives it back, it is known.

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from umi_edge.labelling.vault import INSTRUCTION, Vault
from umi_edge.policy import ToolPolicy
from umi_edge.session.consent import AnswersQuestions, Consent
from umi_edge.session.events import Event, Progressed, Questioned
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import Progress, ServerQuestion
from umi_edge.values.json_walk import scalars
from umi_shared.labels import Integrity, Label, Locality

__all__ = ["SessionCallHost"]

_TYPED = Label.at(Locality.HIDDEN, Integrity.TRUSTED)


@dataclass(slots=True, kw_only=True)
class SessionCallHost:
    """For one call of one tool."""

    tool: str
    rules: ToolPolicy
    consent: Consent
    vault: Vault = field(repr=False)
    observe: Callable[[Event], None] = field(repr=False)

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """What the user answers; None where the policy, or whoever is there to ask, declines."""
        if self.rules.questions == "decline" or not isinstance(self.consent, AnswersQuestions):
            self.observe(Questioned(tool=self.tool, reply="declined"))
            return None
        self.observe(Questioned(tool=self.tool))
        answers = await self.consent.answer(question)
        open_fields = {one.name for one in question.fields if one.kind in ("text", "integer", "number")}
        for name, value in (answers or {}).items():
            if name in open_fields:
                self._keep(value)
        self.observe(Questioned(tool=self.tool, reply="declined" if answers is None else "answered"))
        return answers

    def _keep(self, value: JSON) -> None:
        for one in scalars(value):
            self.vault.conceal(one, label=_TYPED, origin=INSTRUCTION)

    def progressed(self, progress: Progress) -> None:
        """Show how far the call is."""
        self.observe(
            Progressed(tool=self.tool, done=progress.done, total=progress.total, message=progress.message)
        )

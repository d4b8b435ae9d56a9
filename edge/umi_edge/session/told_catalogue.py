"""The told catalogue: what the cloud is told of the tools, as far as the names that are known now let it be.

I2: docs/design.md#i2-fail-closed
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from umi_edge.labelling.approved_cards import ApprovedCards
from umi_edge.labelling.later_names import CardWords, added_names
from umi_edge.labelling.release import LabelledCard, release
from umi_edge.labelling.tool_cards import Unapproved, Withheld, labelled_cards
from umi_edge.policy import Scanner
from umi_edge.session.calls import Calls
from umi_edge.session.ports import CallerPort
from umi_shared.errors import PrivacyError
from umi_shared.labels import PLANNER
from umi_shared.released import Released
from umi_shared.transcript import Call, Plan, View

__all__ = ["ToldCatalogue"]


@dataclass(slots=True, kw_only=True)
class ToldCatalogue:
    """The cards of one session's tools, made anew where a name comes to be known."""

    calls: Calls = field(repr=False)
    approved: ApprovedCards = field(repr=False)
    """What the user lets the cloud read of foreign tools."""
    names: Mapping[str, Sequence[str]] = field(repr=False)
    """The values of detectors that read them from tools, by the rule of each."""
    cards: tuple[LabelledCard, ...] = field(init=False)
    """The tools as the cloud is told of them."""
    withheld: tuple[Withheld, ...] = field(init=False)
    """Tools that the cloud is not told of."""
    unapproved: tuple[Unapproved, ...] = field(init=False)
    """Tools of which the cloud is told the outline only."""
    view: Released[View] = field(init=False, repr=False)
    """What the planner is shown of the tools, and nothing else."""
    _warm: Released[View] | None = field(default=None, init=False, repr=False)
    """What of this the caller has read."""

    def __post_init__(self) -> None:
        self._make()
        self._allow()

    async def warm(self, caller: CallerPort) -> None:
        """Have the caller read what all sessions share, before it reads what is this session's own."""
        if self._warm is not self.view:
            await caller.warm(self.view)
            self._warm = self.view

    async def take_names(self, names: Mapping[str, Sequence[str]], waiting: str) -> None:
        """Take the names that the user's tools have now; `waiting` is the tool of a call that waits, or empty.

        Raises `PrivacyError` where a name that is known only now cannot be taken out of what was said before.
        """
        labeller = self.calls.labeller
        if names != self.names:
            labeller.keeper.scanner = await asyncio.to_thread(Scanner.of, labeller.policy, names)
            if added := added_names(self.names, names):
                cards = self.cards
                self._make()
                self.withhold(added, waiting, CardWords.of(cards, self.cards, labeller))
        self.names = names  # only now: what has failed is to fail again

    def withhold(
        self,
        names: Mapping[str, Sequence[str]],
        waiting: str,
        cards: CardWords = CardWords(),  # noqa: B008
    ) -> None:
        """Take names out of all that was said before, since it is sent again. Raises `PrivacyError` where one stays."""
        told = {card.name for card, _ in self.cards}
        used = {one.template.tool for one in self.calls.entries if isinstance(one.template, Call | Plan)}
        if (used | {waiting}) & {tool.name for tool in self.calls.catalogue} - told:
            raise PrivacyError(
                "a tool that this session has used must not be told of any more, for the name of it: "
                f"{'; '.join(one.because for one in self.withheld)}; nothing more was sent",
                fix="start a new session",
            )
        self.calls.withhold(names, cards, self._allow)

    def _make(self) -> None:
        cards = labelled_cards(self.calls.catalogue, self.calls.labeller, self.approved)
        self.cards, self.withheld, self.unapproved = cards.told, cards.withheld, cards.unapproved
        self.calls.labeller.result_names = cards.result_names
        self.view = release(self.cards, (), PLANNER)

    def _allow(self) -> None:
        tools, labeller = [tool.name for tool in self.calls.catalogue], self.calls.labeller
        self.calls.public.allow_catalogue(self.cards, tools, labeller.policy, labeller.result_names)

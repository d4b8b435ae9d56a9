"""The line to the planner of a process that runs for long, and the sessions over it, which can be watched.

Before each session a certificate that is about to end is renewed, and a policy whose file has changed is taken up: one
that does not load lets no session begin, and one that keeps the instruction on this device has a planner here plan it.

I2: docs/design.md#i2-fail-closed
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from umi_edge.doors.approvals import Approvals
from umi_edge.doors.chat_door import DOOR
from umi_edge.doors.live import Live
from umi_edge.policy.document import Instruction
from umi_edge.policy.loader import read_policy_text
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.conversation import tell_of_changes
from umi_edge.runtime.laptop import Laptop
from umi_edge.runtime.machine_config import check_machine
from umi_edge.runtime.planner import Planner, open_planner, renewed_planner, returned_planner
from umi_edge.session.consent import Consent
from umi_edge.session.recording import Observer
from umi_edge.session.replies import Replies
from umi_edge.session.session import Session
from umi_shared.screen.console import Screen

__all__ = ["Line"]

_LOOK_SECONDS = 10.0
"""How often it is looked whether the shared planner is there again, while one on this device stands in for it."""


@dataclass(slots=True, kw_only=True)
class Line:
    """One laptop and one planner, for as long as the process runs."""

    config: EdgeConfig
    laptop: Laptop
    planner: Planner
    approvals: Approvals
    live: Live
    stack: AsyncExitStack
    """What is opened on the way is closed with it."""
    console: Screen = field(repr=False)
    """Where the user is told of tools that have changed."""
    look_seconds: float = field(default=_LOOK_SECONDS, repr=False)
    _sessions: "Counter[str]" = field(default_factory=Counter, repr=False)
    """How many are open with each planner."""
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when one has ended."""
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _policy_text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._policy_text = self._policy_file()

    @asynccontextmanager
    async def session(
        self,
        consent: Consent,
        conversation: str,
        title: str,
        *,
        door: str = DOOR,
        preview: str = "",
        replies: Replies | None = None,
        observe: Observer = lambda _: lambda _: None,
    ) -> AsyncIterator[Session]:
        """A fresh session. Its messages are shown before they leave as the configuration says, or `preview`.

        Raises `PolicyError` for a changed policy that does not load, and what `Laptop.session` raises.
        """
        await self.keep_up()
        await self._stay_here()
        planner = self.planner
        self._sessions[planner.where] += 1
        try:
            tell_of_changes(self.laptop, self.console, "answers under way go on without")
            shown = self.approvals.of(conversation, door).approver(preview or self.config.preview)
            async with self.laptop.session(
                planner.connection,
                channel=planner.channel,
                consent=consent,
                replies=replies,
                approver=shown,
                observe=self.live.observer(conversation, door, title=title, then=observe),
                on_device=planner.on_device,
            ) as session:
                yield session
        finally:
            self._sessions[planner.where] -= 1
            self._idle.set()
            self.live.conclude(conversation, door)

    async def let_shared_planner_return(self) -> None:
        """While a planner on this device stands in: have the shared one plan all new sessions once it is there.

        Sessions that are open go on with the one that they began with, which ends with the last of them. As long as the
        policy keeps the instruction on this device, nothing is given to the shared one.
        """
        while (stand_in := self.planner).stands_in:
            await asyncio.sleep(self.look_seconds)
            if self._keeps_instruction or (shared := await returned_planner(self.config, self.stack)) is None:
                continue
            async with self._changing:
                self.planner = shared
            said = f"The planner at {shared.where} is there again, and plans what begins from here on."
            self.console.print(said, style="bold", soft_wrap=True)
            while self._sessions[stand_in.where]:
                self._idle.clear()
                await self._idle.wait()
            if stand_in.close is not None:
                await stand_in.close()

    @property
    def _keeps_instruction(self) -> bool:
        return self.laptop.policy.defaults.instruction is Instruction.DEVICE

    async def _stay_here(self) -> None:
        """Have a planner on this device where the policy of now wants one, and a shared one planned so far."""
        async with self._changing:
            if self._keeps_instruction and not self.planner.on_device:
                self.planner = await open_planner(self.config, self.console, self.laptop.policy, self.stack)

    async def keep_up(self) -> None:
        """Renew the certificate and take up the policy, where it is time; raises as `session` does."""
        async with self._changing:
            check_machine(self.config)
            self.planner = await renewed_planner(self.planner, self.stack)
            if (text := self._policy_file()) != self._policy_text:
                await self.laptop.take_up_policy()
                self._policy_text = text

    def _policy_file(self) -> str:
        return read_policy_text(self.config.policy) if self.config.policy else ""

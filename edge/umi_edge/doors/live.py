"""Live: what the conversations of this process do, step by step, and what each reader saw of it.

A door lets a session be watched with `Live.observer`; the page reads along with `subscribe`. What a reader saw is in
the steps (`doors/step.py`) in two forms: exactly as they saw it, with handles, and with the values in place. It is in
memory only: bounded, never stored, and gone when the process ends.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

from umi_edge.doors.step import YOU, Happened, Step, happened
from umi_edge.labelling.vault import Vault
from umi_edge.session.events import Event, Planned
from umi_edge.session.recording import Observer
from umi_shared.labels import ClientSink

__all__ = ["Live"]

_MOST_STEPS = 5_000
_MOST_CHARACTERS = 4_000_000
"""Of all steps together."""


class Live:
    """The steps of all conversations, the oldest of which are forgotten. To be used in one event loop."""

    def __init__(self, *, most_steps: int = _MOST_STEPS, most_characters: int = _MOST_CHARACTERS) -> None:
        self._steps: OrderedDict[int, Step] = OrderedDict()
        self._most_steps = most_steps
        self._most_characters = most_characters
        self._characters = 0
        self._last = 0
        self._readers = 0
        self._changed = asyncio.Event()

    @property
    def readers(self) -> int:
        """How many read along."""
        return self._readers

    def observer(
        self,
        conversation: str,
        door: str,
        *,
        title: str = "",
        then: Observer = lambda _: lambda _: None,
        client: ClientSink | None = None,
    ) -> Observer:
        """What a session of this conversation is observed with; `then` observes it, too.

        `client` is the program that makes the calls, where it is not a planner.
        """

        def observing(vault: Vault) -> Callable[[Event], None]:
            others = then(vault)
            self.add(conversation, door, Happened(kind="begun", by=YOU, words=title))

            def observe(event: Event) -> None:
                others(event)
                self.add(conversation, door, happened(event, vault, client))
                if isinstance(event, Planned):  # which has the rationale as a whole
                    self._forget_rationale(conversation)

            return observe

        return observing

    @contextmanager
    def watching(self, conversation: str, client: ClientSink) -> Iterator[Observer]:
        """The observer of a session in which a program makes the calls, until it ends."""
        door, title = str(client), f"Calls of {client.removeprefix('client:')}"
        try:
            yield self.observer(conversation, door, title=title, client=client)
        finally:
            self.conclude(conversation, door, "over")

    def add(self, conversation: str, door: str, what: Happened) -> Step:
        """Add a step; a door that has no session to observe does it by itself."""
        self._last += 1
        step = Step(number=self._last, conversation=conversation, door=door, at=time.time(), what=what)
        self._steps[step.number] = step
        self._characters += what.characters
        while len(self._steps) > self._most_steps or self._characters > self._most_characters:
            self._forget(next(iter(self._steps)))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return step

    def conclude(self, conversation: str, door: str, words: str = "stopped on the way") -> None:
        """Note that a conversation has come to an end which it did not tell of: a failure, or an interruption."""
        last = next((one for one in reversed(self.steps(conversation))), None)
        if last is not None and last.what.kind != "ended":
            self.add(conversation, door, Happened(kind="ended", words=words))

    def steps(self, conversation: str = "", *, after: int = 0) -> tuple[Step, ...]:
        """What is remembered, the oldest first; of one conversation, or of all."""
        return tuple(
            step
            for step in self._steps.values()
            if step.number > after and conversation in ("", step.conversation)
        )

    async def subscribe(self, *, after: int = 0) -> AsyncGenerator[Step, None]:
        """The steps after a number, and then each as it comes. Whoever reads too slowly misses what is forgotten."""
        self._readers += 1
        try:
            while True:
                changed = self._changed
                for number in range(max(after, next(iter(self._steps), 1) - 1) + 1, self._last + 1):
                    after = number
                    if (step := self._steps.get(number)) is not None:
                        yield step
                if after >= self._last:
                    await changed.wait()
        finally:
            self._readers -= 1

    def _forget(self, number: int) -> None:
        self._characters -= self._steps.pop(number).what.characters

    def _forget_rationale(self, conversation: str) -> None:
        for step in reversed(self.steps(conversation)):
            if step.what.kind in ("step", "begun"):
                return
            if step.what.kind == "rationale":
                self._forget(step.number)

    def __repr__(self) -> str:
        return f"<Live: {len(self._steps)} steps>"

"""The three roles by a task's ground truth: its calls in order, with handles in place of what only the device has.

The planner names the next tool, the caller writes the call, the summarizer says the task's own output. A value that
the view shows as a handle is written as that handle; a text that holds such values is written around them. The rest
is written as it is, which no model that sees handles only could always do: `unseen` counts that.
"""

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentdojo.functions_runtime import FunctionCall

from umi_edge.caller import WrittenCall
from umi_edge.labelling.vault import Kept, Source, Vault
from umi_edge.policy import Policy
from umi_edge.policy.checks import LOOSE_TYPES
from umi_edge.policy.names import stands_alone
from umi_shared.engine import Generation
from umi_shared.handles import Handle
from umi_shared.released import Released
from umi_shared.transcript import Usage, View

__all__ = ["GroundTruth"]

_MIN_CHARACTERS = 4
"""Shorter values are not looked for within a text."""


@dataclass(slots=True, kw_only=True)
class GroundTruth:
    """Planner, caller and summarizer of one session."""

    calls: deque[FunctionCall]
    output: str
    prompt: str
    policy: Policy
    vault: Vault = field(default_factory=Vault, repr=False)
    """The session's, once there is one."""
    unseen: int = 0
    """Argument values written in clear that neither the prompt nor a handle had."""
    _view: View | None = field(default=None, repr=False)

    def speak(self, generation: Generation) -> str:
        """What the model in the cloud says: the engine's script."""
        prompt = getattr(generation.prompt, "text", "")
        if prompt.endswith("summarizer\n"):
            return self._around_values(self.output, self._kept_in_view()) or "Done."
        if not self.calls:
            return "To end, all is done. Next: summarizer."
        return f"To go on, use {self.calls[0].function}. Next: caller."

    async def warm(self, catalogue: Released[View]) -> None:
        """Nothing to load."""

    async def prefill(self, view: View) -> None:
        """The view is what the caller sees."""
        self._view = view

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """The next call of the ground truth."""
        self._view = view
        call, kept = self.calls.popleft(), self._kept_in_view()
        arguments = {
            name: self._written(call.function, name, value, kept) for name, value in call.args.items()
        }
        return WrittenCall(tool=call.function, arguments=json.dumps(arguments), usage=Usage())

    def _kept_in_view(self) -> list[Kept]:
        """The values that the view has handles for, except for the caller's own earlier words."""
        shown = self._view.handles() if self._view else frozenset()
        kept = [self.vault[handle] for handle in sorted(shown) if handle in self.vault]
        return [one for one in kept if one.origin.source is not Source.ARGUMENTS]

    def _written(self, tool: str, name: str, value: Any, kept: list[Kept]) -> Any:
        if isinstance(value, list):
            return [self._written(tool, name, one, kept) for one in value]
        if isinstance(value, dict):
            return {key: self._written(tool, name, one, kept) for key, one in value.items()}
        handle = self._exactly(tool, name, value, kept)
        if handle is not None:
            return str(handle)
        if isinstance(value, str):
            written = self._around_values(value, kept)
            self.unseen += written == value and not self._in_prompt(value)
            return written
        self.unseen += isinstance(value, float) and not self._in_prompt(f"{value:g}")
        return value

    def _exactly(self, tool: str, name: str, value: Any, kept: list[Kept]) -> Handle | None:
        """A handle that stands for this very value and that the argument's rule takes; a trusted one first."""
        wanted = self.policy.arguments(tool).at((name,)).type
        same = [
            one
            for one in kept
            if one.value == value
            and isinstance(one.value, bool) == isinstance(value, bool)
            and (wanted in LOOSE_TYPES or one.handle.type == wanted)
        ]
        same.sort(key=lambda one: (not one.label.trusted, one.handle))
        return same[0].handle if same else None

    def _around_values(self, text: str, kept: Iterable[Kept]) -> str:
        """The text with handles in place of the kept values that stand in it, longest first."""
        values = {one.value: one.handle for one in kept if isinstance(one.value, str)}
        parts: list[str | Handle] = [text]
        for value in sorted(values, key=len, reverse=True):
            if len(value) >= _MIN_CHARACTERS and value != text:  # else it is of another type than is wanted
                parts = [piece for part in parts for piece in _split(part, value, values[value])]
        return "".join(map(str, parts))

    def _in_prompt(self, text: str) -> bool:
        return text.casefold() in self.prompt.casefold()


def _split(part: str | Handle, value: str, handle: Handle) -> list[str | Handle]:
    if isinstance(part, Handle):
        return [part]
    pieces: list[str | Handle] = []
    end = at = 0
    while (at := part.find(value, at)) >= 0:
        after = at + len(value)
        if stands_alone(part, at, after):
            pieces += [part[end:at], handle]
            end = after
        at = after
    return [*pieces, part[end:]]

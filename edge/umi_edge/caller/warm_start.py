"""Warm starts: what every session's prompt begins with is read once per model, not once per session.

Only that beginning is kept: the program's own words and the tools' cards as the planner is shown them. It is made
of a `Released` view without entries, so no instruction, no result and no value that stays can be in it, and disk
and wire have one gate (I1).

I1: docs/design.md#i1-release-only
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import llama_cpp

from umi_edge.caller.config import CallerConfig
from umi_edge.caller.fingerprint import fingerprint
from umi_edge.caller.state_store import StateStore
from umi_shared.llama import Sequence

__all__ = ["Keep", "WarmStart"]

Keep = Callable[[], object]
"""Writes a state to the disk; to be called in a thread that may wait for it."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """States of one model, with its adapter, context and llama.cpp."""

    store: StateStore
    model: str = field(repr=False)
    """All that a KV state depends on, beside the tokens; these stand for dialect and catalogue."""

    @classmethod
    def of(cls, config: CallerConfig) -> Self | None:
        """The warm start of a configuration; None where nothing is to be kept, or its files cannot be read."""
        if config.state_folder is None or config.state_bytes == 0:
            return None
        try:
            files = (fingerprint(config.model), fingerprint(config.adapter) if config.adapter else "")
        except OSError:
            return None
        engine = (llama_cpp.__version__, str(llama_cpp.LLAMA_STATE_SEQ_VERSION))
        parts = (*engine, str(config.context_tokens), *files)
        return cls(StateStore(config.state_folder, config.state_bytes), "\n".join(parts))

    def begin(self, sequence: Sequence, tokens: list[int], cancelled: Callable[[], bool]) -> Keep | None:
        """Have the sequence hold exactly these tokens: from the disk, or else by reading them.

        Returns what keeps a state that was read; None for one that came from the disk. Raises as
        `Sequence.read`.
        """
        key = self.key(tokens)
        state = self.store.get(key)
        if state is not None and sequence.restore(tokens, state):
            return None
        sequence.read(tokens, cancelled)
        return partial(self.store.put, key, sequence.state())

    def key(self, tokens: list[int]) -> str:
        """A name for the state of these tokens."""
        return hashlib.sha256(f"{self.model}\n{tokens}".encode()).hexdigest()

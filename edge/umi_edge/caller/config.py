"""How the caller is set up."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CallerConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerConfig:
    """The model that writes calls."""

    model: Path
    adapter: Path | None = None
    context_tokens: int = 4096
    threads: int = 0
    """0 chooses by the machine's cores."""
    max_tokens: int = 512
    catalogue_tokens: int = 0
    """What the tools may take of the prompt: a larger catalogue is narrowed, step by step. 0: half of the context."""
    kept_tokens: int = 0
    """What is kept of conversations beside the one that has the turn, in tokens. 0: as many as the context holds."""
    state_folder: Path | None = None
    """Where the KV state of catalogues is kept, so that a new session starts warm; None: nowhere."""
    state_bytes: int = 1 << 30
    """The most that `state_folder` may hold, in bytes; what was used longest ago is deleted first."""

    @property
    def catalogue_budget(self) -> int:
        """Tokens that the tools may take of a prompt."""
        return self.catalogue_tokens or self.context_tokens // 2

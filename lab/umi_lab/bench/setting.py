"""What all benchmarks of one run share: the model, the peers' Pythons, and how much to repeat."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.caller import CallerConfig
from umi_lab.bench.figure import Figure
from umi_shared.dialects import Dialect, dialect_named
from umi_shared.models import EMBEDDED, ModelStore, shipped_adapter

__all__ = ["CONTEXT_TOKENS", "Outcome", "Setting"]

CONTEXT_TOKENS = 4096
_CALL_TOKENS = 96
"""How long one call may be, for every contender: an untuned model does not always end a string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How one run of the benchmarks is set up."""

    model: str = EMBEDDED
    adapter: Path | None = None
    """The caller's adapter; None for the one that ships, where the model is the embedded one, and else for none."""
    peers: Path | None = None
    """A Python with guidance and presidio-analyzer (`requirements/bench-lock.txt`)."""
    vllm: Path | None = None
    """A Python with vLLM and umi."""
    quick: bool = False
    """Whether to do only as much as shows that the measurement works; its figures are worth nothing."""
    seconds: float = 120.0
    """Once it has three rounds, a benchmark begins no more of them after this time."""
    tell: Callable[[str, int, int], None] = lambda _what, _done, _all: None
    """Is told what is being done, how much of it is done, and how much there is."""

    @property
    def model_file(self) -> Path:
        """Where the model lies. Raises `ModelError` when it is not on this machine."""
        return ModelStore.local().path_of(self.model)

    @property
    def caller_adapter(self) -> Path | None:
        """The caller's adapter, if it has one."""
        if self.adapter is not None:
            return self.adapter
        return shipped_adapter("caller") if self.model == EMBEDDED else None

    @property
    def dialect(self) -> Dialect:
        """`umi` for the embedded model, with or without adapters; `chat` for any other without one."""
        return dialect_named("umi" if self.adapter is not None or self.model == EMBEDDED else "chat")

    @property
    def caller_config(self) -> CallerConfig:
        """How the caller is set up, in this process."""
        return CallerConfig(
            model=self.model_file,
            adapter=self.caller_adapter,
            context_tokens=CONTEXT_TOKENS,
            max_tokens=_CALL_TOKENS,
        )

    def times(self, full: int) -> int:
        """How often something is repeated that a full run repeats `full` times."""
        return 2 if self.quick else full

    def progress(self, what: str) -> Callable[[int, int], None]:
        """A function that tells how much of one thing is done."""
        return lambda done, whole: self.tell(what, done, whole)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What one benchmark found."""

    figures: list[Figure]
    details: dict[str, object] = field(default_factory=dict)
    """Medians and rows behind the figures, for whoever wants to look closer."""
    notes: list[str] = field(default_factory=list)
    """What was not measured, and why; what a reader must know."""

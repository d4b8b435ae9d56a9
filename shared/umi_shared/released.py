"""Released values: the only thing that the wire layer accepts (I1).

`release()` in `umi_edge.labelling.release` is the one place that mints them; a test reads the code to hold that.

I1: docs/design.md#i1-release-only
"""

from dataclasses import InitVar, dataclass, field
from typing import Generic, TypeVar

from umi_shared.labels import Sink

__all__ = ["Disclosure", "Released", "mint"]

T_co = TypeVar("T_co", covariant=True)

_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """Why some clear text may leave: where it stands, by which rule, how many bytes. Never the text itself."""

    entry: int
    """The index of the view's entry; -1 for the catalogue."""
    rule: str
    """The rule that released it, as `laptop.yaml:12 tools.contacts.search.results $..company`."""
    clear_bytes: int


@dataclass(frozen=True, slots=True)
class Released(Generic[T_co]):
    """A payload that one sink may read, with the reasons."""

    payload: T_co = field(repr=False)
    sink: Sink
    disclosures: tuple[Disclosure, ...]
    seal: InitVar[object] = None
    """Not kept, so that `dataclasses.replace` cannot put another payload under the same seal."""

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only release() makes Released values")


def mint(payload: T_co, sink: Sink, disclosures: tuple[Disclosure, ...]) -> Released[T_co]:  # type: ignore[misc]
    """Make a released value; called by `umi_edge.labelling.release` and nothing else."""
    return Released(payload, sink, disclosures, _SEAL)

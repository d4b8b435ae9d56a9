"""Clearance: the policy's words for who may read a text, and their order.

`scan` is clear to the cloud but for what the detectors find in it. The words form a lattice, strictest last:

    cloud < scan, planner, summarizer < scan-planner, scan-summarizer < handle < hidden

Joining `scan` with `planner` keeps both demands (`scan-planner`): only the planner reads the text, and not what is
found in it.

I2: docs/design.md#i2-fail-closed
"""

from dataclasses import dataclass

from umi_shared.labels import Label, Locality

__all__ = ["BUILT_IN_DEFAULT", "WORDS", "Clearance"]

WORDS = ("cloud", "scan", "planner", "summarizer", "scan-planner", "scan-summarizer", "handle", "hidden")


@dataclass(frozen=True, slots=True)
class Clearance:
    """Who may read a text in clear, and whether what the detectors find in it stays all the same.

    >>> Clearance.of("planner").join(Clearance.of("summarizer"))
    Clearance(locality=<Locality.HANDLE: 'handle'>, scan=False)
    >>> str(Clearance.of("planner").join(Clearance.of("scan")))
    'scan-planner'
    """

    locality: Locality
    """Who may read what the detectors do not find; all of it where `scan` is False."""
    scan: bool = False

    @classmethod
    def of(cls, word: str) -> "Clearance":
        """The meaning of a policy's word; raises `ValueError` for another word."""
        if word == "scan":
            return cls(Locality.CLOUD, scan=True)
        reader = word.removeprefix("scan-")
        if reader != word and reader not in (Locality.PLANNER, Locality.SUMMARIZER):
            raise ValueError("nobody reads that scanned")
        return cls(Locality(reader), scan=reader != word)

    def join(self, other: "Clearance") -> "Clearance":
        """The strictest of both demands; commutative, associative and idempotent."""
        locality = Label.at(self.locality).join(Label.at(other.locality)).locality
        clear = locality not in (Locality.HANDLE, Locality.HIDDEN)
        return Clearance(locality, scan=clear and (self.scan or other.scan))

    def admits(self, other: "Clearance") -> bool:
        """Whether `other` is at most as strict as this."""
        return self.join(other) == self

    def __str__(self) -> str:
        if not self.scan:
            return self.locality.value
        return "scan" if self.locality is Locality.CLOUD else f"scan-{self.locality.value}"


BUILT_IN_DEFAULT = Clearance(Locality.HANDLE)
"""What holds where a policy says nothing: it stays (I2)."""

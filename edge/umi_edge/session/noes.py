"""The user's noes: which calls are not asked about again, and when whoever goes on asking gets no further try.

What the cloud can tell of them depends on what the cloud can tell of the calls, and on what the user says:

- A call whose caller saw handles is known to the cloud as it was written. It is remembered as it was written, with its
  handles: by its values, a second question would show that two handles stand for one value. The second no to such
  calls ends the instruction, and the cloud knew of both.
- A call whose caller saw values shows neither what it asks nor what came of it. Its noes count among themselves only:
  after the second, such calls are declined without a question, which looks like any result.

I3: docs/design.md#i3-noninterference
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from umi_edge.labelling.text import LabelledEntry
from umi_edge.tools import FailureKind
from umi_shared.transcript import Observation

__all__ = ["Noes"]

_TRIES = 2
"""How many noes there are before nobody is asked again."""


@dataclass(slots=True)
class Noes:
    """What the user has said no to in one session."""

    shown: int = 0
    """How many the cloud knows of."""
    _unshown: int = 0
    _calls: set[tuple[bool, str]] = field(default_factory=set, repr=False)
    """Each call that was declined, as it was written, and whether the cloud knows of it."""

    @classmethod
    def in_transcript(cls, entries: Iterable[LabelledEntry]) -> Self:
        """Those that the cloud knows of, in a session that goes on: their number, and no longer the calls."""
        failures = (entry.template.failure for entry in entries if isinstance(entry.template, Observation))
        return cls(sum(failure == FailureKind.DECLINED for failure in failures))

    def said_to(self, tool: str, written: Mapping[str, Any], *, shows: bool) -> bool:
        """Whether a call is declined without a question; `shows` is whether the cloud learns what comes of it."""
        call = _spelled(tool, written)
        if shows:
            return (True, call) in self._calls
        return self._unshown >= _TRIES or (False, call) in self._calls

    def add(self, tool: str, written: Mapping[str, Any], *, shows: bool) -> None:
        """Take one no, be it said or remembered."""
        self._calls.add((shows, _spelled(tool, written)))
        if shows:
            self.shown += 1
        else:
            self._unshown += 1

    @property
    def enough(self) -> bool:
        """Whether the instruction ends here."""
        return self.shown >= _TRIES


def _spelled(tool: str, written: Mapping[str, Any]) -> str:
    return f"{tool} {json.dumps(written, sort_keys=True)}"

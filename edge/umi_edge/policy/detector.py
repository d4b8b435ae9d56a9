"""A detector: one line of `detect:`, which says what to find in free text.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from dataclasses import dataclass, field
from enum import StrEnum

from umi_edge.policy.excepted import Excepted
from umi_edge.policy.paths import Path

__all__ = ["Detector", "DetectorKind", "Incomplete"]


class DetectorKind(StrEnum):
    """How a detector finds things."""

    BUILTIN = "builtin"
    PATTERN = "pattern"
    VALUES = "values"
    VALUES_FROM = "values_from"
    VALUES_FILE = "values_file"
    PLUGIN = "plugin"


class Incomplete(StrEnum):
    """What holds where the tool of a detector could not give all of its values."""

    STOP = "stop"
    """No session goes on: the names that are missing would leave in clear."""
    ALLOW = "allow"
    """Sessions go on with those there are, and say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One line of `detect:`; its list of values is private (I8)."""

    type: str
    """The type of the handles that its findings become."""
    kind: DetectorKind
    pattern: str = field(default="", repr=False)
    """A built-in pattern's name, or a regular expression."""
    values: tuple[str, ...] = field(default=(), repr=False)
    file: str = ""
    """For `values_file`: where the values are, one a line."""
    digest: str = ""
    """What that file must be, where the policy is signed: the SHA-256 of its bytes; empty where it may be anything."""
    excepted: tuple[Excepted, ...] = ()
    """What it finds and is to leave alone."""
    tool: str = ""
    """For `values_from`: the tool whose result holds the values, called without arguments."""
    path: Path | None = None
    incomplete: Incomplete = Incomplete.STOP
    show: str | None = None
    """The fact that is shown of what it finds."""
    parts: bool = False
    """Whether each word of a value counts too: `Alice` of `Alice Martin`."""
    regions: tuple[str, ...] = ()
    """For phone numbers without a country code: ISO 3166 alpha-2, the likeliest first."""
    plugin: str = ""
    """The name of a plug-in (`span_finder`)."""
    entities: tuple[str, ...] = ()
    """What the plug-in is to find, in its own words."""
    language: str = "en"
    """The language of the texts that it reads, as ISO 639-1."""
    threshold: float = 0.5
    """How sure it must be, from 0 to 1."""
    rule_id: str
    line: int

    def __str__(self) -> str:
        """The type, and the plug-in that looks for it where there is one."""
        return f"{self.type} ({self.plugin}: {', '.join(self.entities)})" if self.plugin else self.type

"""Rules: one line of a tool's `results:` or `arguments:`, and what several of them say together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce

from umi_edge.policy.clearance import BUILT_IN_DEFAULT, Clearance
from umi_edge.policy.paths import Path, compile_path
from umi_shared.bars import NO_BARS, Bar
from umi_shared.labels import Locality

__all__ = [
    "ANY_TYPE",
    "RULE_FIELDS",
    "TYPED_OR_APPROVED",
    "OnViolation",
    "PathRule",
    "Resolution",
    "Said",
    "Shape",
    "join_rules",
    "join_said",
    "parse_show",
]

ANY_TYPE = "value"
"""The handle type of what no rule gives a type."""


class Shape(StrEnum):
    """Whether how many there are, which keys exist and what is null may be seen."""

    OPEN = "open"
    HIDDEN = "hidden"


class OnViolation(StrEnum):
    """What happens to a call whose argument a tool may not read."""

    DENY = "deny"
    ASK = "ask"
    REDACT = "redact"


_STRICTEST = (OnViolation.DENY, OnViolation.REDACT, OnViolation.ASK)
TYPED_OR_APPROVED = "typed-or-approved"
_DEMANDING = ("trusted", TYPED_OR_APPROVED)
_SHOW = re.compile(r"domain|last4|year|month|count|sign|hash|bucket\(([1-9][0-9]{0,8})\)")


def parse_show(text: str) -> str:
    """Check a `show:`, and write it in one way; raises `ValueError` for an unknown one.

    >>> parse_show("bucket( 10 )")
    'bucket(10)'
    """
    compact = re.sub(r"\s+", "", text)
    if not _SHOW.fullmatch(compact):
        raise ValueError("unknown `show`")
    return compact


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """One line of `results:` or `arguments:`; None is what it does not say, and so inherits."""

    path: str
    """As written: an RFC 9535 path, or an argument's plain name."""
    query: Path = field(repr=False)
    clearance: Clearance | None = None
    type: str | None = None
    show: str | None = None
    link: bool | None = None
    shape: Shape | None = None
    requires: str | None = None
    """`trusted`: the argument takes no model-written and no untrusted value. `typed-or-approved`: unless the user typed
    that value, or approves it."""
    accepts: Locality | None = None
    """The strictest locality that the tool may be given here."""
    on_violation: OnViolation | None = None
    confirm: bool | None = None
    bars: frozenset[Bar] | None = None
    """Which tools may not be given what stands here: `never_to` and `only_to`."""
    excepts: str = ""
    """The rule to which this is an exception: where both match, it holds in that one's place."""
    rule_id: str
    line: int

    @property
    def locality(self) -> Locality | None:
        """Who may read the value; None where the rule does not say."""
        return self.clearance.locality if self.clearance else None

    @property
    def scan(self) -> bool:
        """Whether what the detectors find stays, though the rest is clear."""
        return self.clearance is not None and self.clearance.scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What the policy says of one JSON node: every default and every join already applied."""

    locality: Locality = Locality.HANDLE
    """Who may read the text outside the detectors' spans; all of it where `scan` is False."""
    scan: bool = False
    """Whether spans that the detectors find become handles, though the rest is clear to `locality`."""
    type: str = ANY_TYPE
    show: str | None = None
    link: bool = True
    shape: Shape = Shape.OPEN
    requires: str | None = None
    accepts: Locality | None = None
    on_violation: OnViolation = OnViolation.DENY
    confirm: bool = False
    bars: frozenset[Bar] = NO_BARS
    rule_id: str = "built-in default: handle"
    """The rules that decided, defaults named too."""

    @property
    def clearance(self) -> Clearance:
        """Locality and scan as one."""
        return Clearance(self.locality, scan=self.scan)


@dataclass(frozen=True, slots=True)
class _Merged:
    """What several rules on one node say together; None is what none of them says."""

    clearance: Clearance | None = None
    type: str | None = None
    show: str | None = None
    mute: bool = False
    """A rule keeps the value without showing anything of it, which is stricter than any `show`."""
    link: bool | None = None
    shape: Shape | None = None
    requires: str | None = None
    accepts: Locality | None = None
    on_violation: OnViolation | None = None
    confirm: bool | None = None
    bars: frozenset[Bar] = NO_BARS


def join_rules(rules: Iterable[PathRule], inherited: Resolution) -> Resolution:
    """The resolution of a node that `rules` match, below a node that resolved to `inherited`.

    Attributes that no rule mentions are inherited; those that several mention go to the strictest. A `show` is
    never inherited: what is declassified is named. Bars add up, from the root down: no rule lifts another one's.
    """
    matched = sorted(rules, key=lambda rule: (rule.line, rule.rule_id))
    if not matched:
        return replace(inherited, show=None) if inherited.show else inherited
    said = reduce(_merge, matched, _Merged())
    shape = said.shape or inherited.shape
    clearance = said.clearance or inherited.clearance
    if shape is Shape.HIDDEN:  # what is kept whole stays, whatever is said of its parts
        clearance = clearance.join(BUILT_IN_DEFAULT)
    names = [rule.rule_id for rule in matched]
    if said.clearance is None:
        # Only where it came from in the end: the whole chain would grow with the depth of a stranger's value.
        names.append(f"locality from {inherited.rule_id.rpartition('locality from ')[2]}")
    return replace(
        inherited,
        locality=clearance.locality,
        scan=clearance.scan,
        type=said.type or inherited.type,
        show=None if said.mute else said.show,
        link=_or(said.link, inherited.link),
        shape=shape,
        requires=said.requires or inherited.requires,
        accepts=said.accepts or inherited.accepts,
        on_violation=said.on_violation or inherited.on_violation,
        confirm=_or(said.confirm, inherited.confirm),
        bars=inherited.bars | said.bars,
        rule_id="; ".join(dict.fromkeys(names)),
    )


def _or(said: bool | None, inherited: bool) -> bool:
    return inherited if said is None else said


def _merge(said: _Merged, rule: PathRule) -> _Merged:
    return _Merged(
        clearance=_join(said.clearance, rule.clearance),
        type=_one_type(said, rule),
        show=None if said.show and rule.show and said.show != rule.show else said.show or rule.show,
        mute=said.mute
        or (rule.clearance is not None and rule.show is None)
        or bool(said.show and rule.show and said.show != rule.show),
        link=rule.link if said.link is None else said.link and rule.link is not False,
        shape=Shape.HIDDEN if Shape.HIDDEN in (said.shape, rule.shape) else said.shape or rule.shape,
        requires=min(filter(None, (said.requires, rule.requires)), key=_DEMANDING.index, default=None),
        accepts=_meet(said.accepts, rule.accepts),
        on_violation=min(
            filter(None, (said.on_violation, rule.on_violation)), key=_STRICTEST.index, default=None
        ),
        confirm=rule.confirm if said.confirm is None else said.confirm or bool(rule.confirm),
        bars=said.bars | (rule.bars or NO_BARS),
    )


def _join(one: Clearance | None, other: Clearance | None) -> Clearance | None:
    return one.join(other) if one and other else one or other


def _one_type(said: _Merged, rule: PathRule) -> str | None:
    """Types have no strictness: where a load-time check could not refuse a conflict, the first word wins."""
    if said.type is None or rule.type is None or said.type == rule.type:
        return said.type or rule.type
    return min(said.type, rule.type)


def _meet(one: Locality | None, other: Locality | None) -> Locality | None:
    """Fewer values are accepted by both than by each."""
    if one is None or other is None:
        return one or other
    if Clearance(one).admits(Clearance(other)):
        return other
    return one if Clearance(other).admits(Clearance(one)) else Locality.CLOUD


RULE_FIELDS = (
    *("clearance", "type", "show", "link", "shape"),
    *("requires", "accepts", "on_violation", "confirm", "bars"),
)
"""What a rule may state of a node."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one entry of a policy says of a node: how it resolves by this entry alone, and of what it speaks."""

    resolution: Resolution
    spoken: frozenset[str] = frozenset()
    """The attributes that a rule of the entry states, here or above; the others are defaults."""

    def below(self, rules: list[PathRule]) -> "Said":
        """What the entry says of a node one step down, which `rules` of it match."""
        here = {name for rule in rules for name in RULE_FIELDS if getattr(rule, name) is not None}
        if any(rule.shape is Shape.HIDDEN for rule in rules):
            here.add("clearance")
        return Said(join_rules(rules, self.resolution), self.spoken | here)

    def word(self) -> PathRule | None:
        """The entry's word as one rule; None where it is silent."""
        if not self.spoken:
            return None
        found = self.resolution
        return PathRule(
            path="",
            query=_NOWHERE,
            rule_id=found.rule_id,
            line=0,
            **{name: getattr(found, name) for name in RULE_FIELDS if name in self.spoken},
        )


_NOWHERE = compile_path("$")


def join_said(said: tuple[Said, ...], default: Resolution) -> Resolution:
    """What the entries of one tool say together: of each attribute the strictest word, else the default.

    A silent entry takes no part, so that a default never outweighs a rule.
    """
    if len(said) == 1:
        return said[0].resolution
    words = [word for word in (one.word() for one in said) if word is not None]
    return join_rules(words, default)

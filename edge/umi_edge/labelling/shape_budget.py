"""Shapes: what the open shape of results tells of values that stay, and the bits that this spends.

Where nothing says `shape: hidden`, the cloud sees of a result that stays how many items a list has, which members an
object has and in what order, of what type a value is, and whether the call failed, and how. Each of these is one
symbol, charged as an adaptive code would write it (ADR 9): of `n` symbols seen in one place before, of which `c` were
this one, log2((n + 1) / c) bits; and where it is new there, log2(n + 1) and what it takes to spell it out:

    outcome     1 bit for a success, 1 + log2(kinds of failure) for a failure
    consent     1 bit: whether the user said yes
    records     1 bit: whether a text, or a record, is one that umi wrote, where umi has written any
    type        log2(the types that the rules and JSON have), an empty one for `hidden` among them
    length      of a list, 2 floor(log2(n + 1)) + 1 bits (Elias' gamma code)
    members     log2(3) bits each and for the end, and which of the known names it is

So a hundred items that are alike cost little more than one, what varies costs what it tells, and no choice of values
gets more out of a session than `limits.shape_bits`. What a rule lets out for all to read costs nothing, its shape
included; what has no shape costs nothing either.

Covered: lengths, members, types, nulls, success and failure of results, a yes or no of the user.
Not covered: that handles of one value are the same, which `link: false` hides; which rule with a filter applied; what
`scan` takes out of a text; how many steps there are, and how long they take.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from umi_edge.labelling.json_text import type_of
from umi_edge.policy import Assignment, Location, Resolution
from umi_edge.policy.resolution import Node
from umi_edge.policy.rules import Shape
from umi_edge.tools import FailureKind
from umi_edge.values.json_walk import LEAVES
from umi_edge.values.stored_file import FILE_TYPES
from umi_shared.errors import PrivacyError
from umi_shared.labels import Locality

__all__ = ["ShapeLimitError", "Shapes", "Symbol", "symbols"]

_OWN_NAME_BITS = 8
"""What a member name of umi's own tools costs that no rule spells: there are fewer than 256 of them."""
_MEMBER_BITS = math.log2(3)  # a known name, another, or the end
_FAILURE_BITS = 1 + math.log2(len(FailureKind))
_JSON_TYPES = ("text", "flag", "number", "value", "data", "[]", "{}", *FILE_TYPES)
_OTHER = "*"
"""Stands for a member name that is data, of which the cloud sees a handle; a place has its number in the object."""
_OUTCOME, _CONSENT, _COMPARED = ("", "outcome"), ("", "consent"), ("", "records")
"""Places for what is told outside of any result."""

_Place = tuple[str, ...]


class ShapeLimitError(PrivacyError):
    """The shape of a result would pass the session's limit; nothing of it was shown."""

    def __init__(self, tool: str, spent: "Shapes") -> None:
        super().__init__(
            f"what the shape of a result of {tool} would tell passes this session's {spent.limit_bits} bits "
            f"(`limits.shape_bits` of the policy), of which {spent.spent_bits} are spent: "
            f"{spent.summary() or 'on nothing yet'}",
            fix="start a new session, raise `limits.shape_bits`, or say `shape: hidden` of what the planner can do "
            "without",
        )
        self.tool = tool


class Symbol(NamedTuple):
    """One thing that a shape tells; a tuple, since a result makes one for each of its values."""

    place: _Place
    """Where: known names, `*0` for the first member whose name is data and so on, and `[]` for every index."""
    what: str
    """For reports: `list lengths`, `members`, `types`, `failures`, `consent` or `records`."""
    word: str | int | _Place
    bits: float
    """The bits that it costs to spell the word out, when it is new in its place."""


def symbols(
    value: Any, rules: Assignment, *, own_names: bool, names: frozenset[str] | None = None
) -> Iterator[Symbol]:
    """Everything that the shape of a result tells, beyond what the rules let out, one symbol for each node.

    `own_names`: every member name is a constant of umi's own tools. `names`: the member names that are shown; those
    that the rules spell unless given.
    """
    known = rules.names if names is None else names
    # The shape is written out as a message would be: for each node its type, for a list its length, for an object its
    # names. The bits of that code bound what whoever reads the shape can learn, whatever hid a value in it. Places
    # leave the indices out, so that equal records share a place and `Shapes` can charge less for what repeats.
    type_bits = math.log2(1 + len(_JSON_TYPES) + len(rules.types))
    told: dict[tuple[str, ...], tuple[_Place, float]] = {}  # records are alike
    stack: list[tuple[Node, Location, _Place, Any]] = [(rules.node(()), (), (), value)]
    while stack:
        which, location, place, node = stack.pop()
        rule = which.resolution
        if rule.shape is Shape.HIDDEN:
            continue
        released = rule.locality is Locality.CLOUD  # for all to read, and its shape with it
        if isinstance(node, LEAVES):
            if not released:
                yield Symbol(place, "types", _type(node, rule), type_bits)
        elif isinstance(node, Mapping):
            members = tuple(node)
            if members not in told:
                told[members] = _members(members, known, own_names=own_names)
            shown, bits = told[members]
            if not released:
                yield Symbol(place, "members", shown, type_bits + bits)
            for number, ((key, child), name) in enumerate(zip(node.items(), shown, strict=True)):
                at = (*location, key)
                below = (*place, f"*{number}" if name == _OTHER else name)
                stack.append((rules.below(which, at), at, below, child))
        elif isinstance(node, list):
            if not released:
                yield Symbol(place, "list lengths", len(node), type_bits + _gamma_bits(len(node)))
            below = (*place, "[]")
            for index, child in enumerate(node):
                at = (*location, index)
                stack.append((rules.below(which, at), at, below, child))
        elif not released:
            yield Symbol(place, "types", _type(node, rule), type_bits)


def _members(members: Iterable[str], known: frozenset[str], *, own_names: bool) -> tuple[_Place, float]:
    """An object's member names as the cloud sees them, and the bits that spelling them out takes."""
    name_bits = math.log2(max(len(known), 1))
    names = tuple(name if own_names or name in known else _OTHER for name in members)
    spelled = sum(name_bits if name in known else _OWN_NAME_BITS if name != _OTHER else 0 for name in names)
    return names, spelled + (len(names) + 1) * _MEMBER_BITS


def _type(node: Any, rule: Resolution) -> str:
    """What a handle of a leaf is called, which is all that shows of its JSON type."""
    return "" if rule.locality is Locality.HIDDEN else type_of(node, rule)


def _gamma_bits(number: int) -> int:
    """The length of Elias' gamma code for a number from 0 on.

    >>> [_gamma_bits(number) for number in (0, 1, 2, 3, 100)]
    [1, 3, 3, 5, 13]
    """
    return 2 * (number + 1).bit_length() - 1


@dataclass(slots=True)
class Shapes:
    """What one session has shown of shapes, counted against its limit.

    >>> shapes = Shapes(100)
    >>> shapes.failed("notes.search", "not-found")
    >>> shapes.summary()
    '5 on failures of notes.search'
    """

    limit_bits: int
    charged: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)
    """The bits of each kind of symbol (`Symbol.what`) and tool."""
    _seen: dict[tuple[str, _Place], dict[str | int | _Place | None, int]] = field(
        default_factory=dict, repr=False
    )
    """How often each word was seen in each place of a tool's results; under None all of them together."""

    @property
    def spent_bits(self) -> int:
        """The bits of all symbols that were shown, rounded up."""
        return math.ceil(sum(self.charged.values()))

    def succeeded(
        self,
        tool: str,
        value: Any,
        rules: Assignment,
        *,
        own_names: bool,
        names: frozenset[str] | None = None,
    ) -> None:
        """Charge what the shape of a result tells, before it is shown.

        Raises `ShapeLimitError` where the session's limit does not allow it. Then all that is left is spent, so that
        nothing can be learnt by trying again.
        """
        costs = {"failures": self._cost(tool, Symbol(_OUTCOME, "failures", "", 1))}
        for symbol in symbols(value, rules, own_names=own_names, names=names):
            costs[symbol.what] = costs.get(symbol.what, 0) + self._cost(tool, symbol)
        self._charge(tool, costs)

    def failed(self, tool: str, kind: str) -> None:
        """Charge that a call failed, and how. Raises as `succeeded` does."""
        cost = self._cost(tool, Symbol(_OUTCOME, "failures", kind, _FAILURE_BITS))
        self._charge(tool, {"failures": cost})

    def asked(self, tool: str, *, approved: bool) -> None:
        """Charge what the user said to a call. Raises as `succeeded` does."""
        cost = self._cost(tool, Symbol(_CONSENT, "consent", str(approved), 1))
        self._charge(tool, {"consent": cost})

    def compared(self, tool: str, found: Iterable[bool]) -> None:
        """Charge what came of comparing texts of a result with what umi wrote. Raises as `succeeded` does."""
        symbols = [Symbol(_COMPARED, "records", str(one), 1) for one in found]
        if symbols:
            self._charge(tool, {"records": sum(self._cost(tool, symbol) for symbol in symbols)})

    def related(self, tool: str, pairs: int) -> bool:
        """Charge that so many pairs of names are compared, a bit for each; False where the limit does not allow it."""
        if pairs > self.limit_bits - sum(self.charged.values()):
            return False
        self._add("relations of names", tool, pairs)
        return True

    def chosen(self, tool: str, among: int) -> None:
        """Charge that it shows which of so many it is: a thing that the user meant, or whether their words tell it.

        Raises as `succeeded` does.
        """
        self._charge(tool, {"choices": math.log2(among)})

    def replied(self, clear: str) -> None:
        """Charge what the user replied to the planner's question, as far as it leaves: eight bits a byte.

        Raises `PrivacyError` where the session's limit does not allow it: before it has left.
        """
        bits = 8 * len(clear.encode())
        if bits > self.limit_bits - sum(self.charged.values()):
            raise PrivacyError(
                f"your reply takes {bits} bits of the {self.limit_bits} that this session may tell, and "
                f"{self.spent_bits} are spent (`limits.shape_bits` of the policy); it was not sent",
                fix="say less, start a new session, or raise `limits.shape_bits`",
            )
        self._add("replies", "the user", bits)

    def _cost(self, tool: str, symbol: Symbol) -> float:
        # An adaptive code: a word costs by how often it came in this place before, so that the hundredth record of one
        # shape costs next to nothing. A new word costs an escape first, then its spelling.
        seen = self._seen.setdefault((tool, symbol.place), {None: 0})
        times = seen.get(symbol.word, 0)
        bits = math.log2((seen[None] + 1) / (times or 1)) + (0 if times else symbol.bits)
        seen[symbol.word] = times + 1
        seen[None] += 1
        return bits

    def _charge(self, tool: str, costs: Mapping[str, float]) -> None:
        left = self.limit_bits - sum(self.charged.values())
        if sum(costs.values()) > left:
            error = ShapeLimitError(tool, self)
            self._add("a result that was not shown", tool, left)
            raise error
        for what, bits in costs.items():
            self._add(what, tool, bits)

    def _add(self, what: str, tool: str, bits: float) -> None:
        self.charged[what, tool] = self.charged.get((what, tool), 0) + max(bits, 0)

    def restore(self, charged: Mapping[tuple[str, str], float]) -> None:
        """Go on from what a saved session has spent."""
        self.charged = dict(charged)

    def rows(self) -> list[str]:
        """What the bits were spent on, most first: `31 on list lengths of mail.search`."""
        most_first = sorted(self.charged.items(), key=lambda one: -one[1])
        return [f"{math.ceil(bits)} on {what} of {tool}" for (what, tool), bits in most_first]

    def summary(self) -> str:
        """The rows as one line."""
        return ", ".join(self.rows())

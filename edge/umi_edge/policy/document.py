"""The policy document: what one YAML file says, resolved against the built-in defaults.

Keeps I2: what no rule mentions stays on the device, an unlisted tool that is not built in counts as a third
party that must be confirmed, and an empty policy lets nothing out.

I2: docs/design.md#i2-fail-closed
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from typing import Any

from umi_edge.policy.claim import Claim
from umi_edge.policy.clearance import BUILT_IN_DEFAULT, Clearance
from umi_edge.policy.client import Client
from umi_edge.policy.detector import Detector, DetectorKind
from umi_edge.policy.families import BUILT_IN, BUILT_IN_FAMILIES, FOREIGN, PYTHON
from umi_edge.policy.never import Never
from umi_edge.policy.paths import Location
from umi_edge.policy.resolution import Assignment, RuleTable
from umi_edge.policy.rules import OnViolation, PathRule, Resolution, Shape
from umi_edge.policy.stored_as import StoredAs
from umi_edge.policy.untrusted_folder import UntrustedFolder
from umi_shared.bars import NO_BARS, Bar
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Locality, Sink

__all__ = [
    "Assignment",
    "CallerSees",
    "Card",
    "Clearance",
    "ClockWord",
    "Confirm",
    "DefaultRule",
    "Defaults",
    "Instruction",
    "Limits",
    "Locality",
    "Location",
    "OnViolation",
    "PathRule",
    "Policy",
    "Questions",
    "Resolution",
    "Runs",
    "Shape",
    "UnknownNames",
    "ToolPolicy",
    "default_of",
    "join_entries",
]

_WRITTEN_BY_STRANGERS = ("mail", "search")


class Runs(StrEnum):
    """Where a tool's arguments go."""

    DEVICE = "device"
    THIRD_PARTY = "third-party"


class Confirm(StrEnum):
    """When the user is asked before a call."""

    NEVER = "never"
    ALWAYS = "always"
    DESTRUCTIVE = "destructive"


class CallerSees(StrEnum):
    """Whether the caller model is shown values or their handles."""

    HANDLES = "handles"
    VALUES = "values"


class UnknownNames(StrEnum):
    """What becomes of names that no detector knows and that are about to leave."""

    MARK = "mark"
    """They leave, and the live view marks them."""
    ASK = "ask"
    """The user is asked before they leave."""


class Card(StrEnum):
    """What the planner is told of a tool: all, what the detectors leave (of an MCP server: once approved), nothing."""

    CLOUD = "cloud"
    SCAN = "scan"
    HIDDEN = "hidden"


class Questions(StrEnum):
    """What becomes of a question that a server asks the user in the midst of a call."""

    ASK = "ask"
    DECLINE = "decline"


class ClockWord(StrEnum):
    """What of now is told: the day of the week, the date, the time and the zone; the first two; or nothing."""

    FULL = "full"
    DATE = "date"
    HIDDEN = "hidden"


class RelationsWord(StrEnum):
    """Whether the planner is told which names of a result hold a name that was typed."""

    TOLD = "told"
    HIDDEN = "hidden"


class Instruction(StrEnum):
    """What of the user's instruction may leave."""

    CLOUD = "cloud"
    SCAN = "scan"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one session may use."""

    steps: int = 12
    call_seconds: float = 30.0
    result_bytes: int = 1 << 20
    declassified_bits: int = 256
    """What `show` may tell."""
    shape_bits: int = 4096
    """What open shapes may tell: lengths, members, types, failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where no rule and no tool says otherwise; None stands for the built-in default."""

    instruction: Instruction = Instruction.SCAN
    arguments: Clearance | None = None
    results: Clearance | None = None
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """The lines that say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPolicy:
    """What a policy says of one tool."""

    name: str
    """The key in `tools:`, wildcard and all; empty for a tool that the policy does not list."""
    runs: Runs = Runs.THIRD_PARTY
    confirm: Confirm = Confirm.DESTRUCTIVE
    integrity: Integrity = Integrity.UNTRUSTED
    """How far the tool's results may be trusted."""
    caller: CallerSees = CallerSees.HANDLES
    card: Card = Card.SCAN
    questions: Questions = Questions.ASK
    errors: Resolution | None = None
    """Who may read what it says of its failures; None: nobody, only the kind of a failure is told."""
    arguments: tuple[PathRule, ...] = ()
    results: tuple[PathRule, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    """The tool's own defaults; their `instruction` has no effect."""
    stored_as: StoredAs = ()
    """Where its arguments are read back, beside what the tool itself says of that."""
    bars: frozenset[Bar] = NO_BARS
    """Which tools may not be given anything of its results, nor of its failures."""
    stated: frozenset[str] = frozenset()
    """The fields that the policy states; the others are built-in defaults."""
    rule_id: str = "built-in default for tools that the policy does not list"
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """The lines of what it states."""

    @property
    def listed(self) -> bool:
        """Whether the policy has an entry for the tool."""
        return bool(self.name)

    def line_of(self, setting: str) -> int:
        """The line that states a setting; the entry's own where none does."""
        return self.lines.get(setting, self.line)

    def rule_id_of(self, setting: str) -> str:
        """The entry's rule that states a setting, with its line."""
        return re.sub(r":\d+ ", f":{self.line_of(setting)} ", self.rule_id, count=1) + f".{setting}"


_STRICTER: Mapping[str, tuple[StrEnum, ...]] = {
    "runs": (Runs.DEVICE, Runs.THIRD_PARTY),
    "confirm": (Confirm.NEVER, Confirm.DESTRUCTIVE, Confirm.ALWAYS),
    "integrity": (Integrity.TRUSTED, Integrity.UNTRUSTED),
    "caller": (CallerSees.VALUES, CallerSees.HANDLES),
    "card": (Card.CLOUD, Card.SCAN, Card.HIDDEN),
    "questions": (Questions.ASK, Questions.DECLINE),
}
"""What an entry may say of a tool, each from lax to strict."""


def join_entries(entries: Sequence[ToolPolicy]) -> ToolPolicy:
    """What several entries say of one tool: of each field that any of them states, the strictest word.

    Named after the first. Rules and defaults are not joined here: `Policy.table` has them, place by place.
    """
    if len(entries) < 2:  # one has nothing to be joined with
        return entries[0] if entries else ToolPolicy(name="")
    said: dict[str, Any] = {}
    for name, order in _STRICTER.items():
        words = [getattr(entry, name) for entry in entries if name in entry.stated]
        if words:
            said[name] = max(words, key=order.index)
    errors = [entry for entry in entries if entry.errors is not None]
    if errors:
        said["errors"] = reduce(_join_errors, (entry.errors for entry in errors if entry.errors))
    return replace(
        entries[0],
        stated=frozenset().union(*(entry.stated for entry in entries)),
        stored_as=tuple(place for entry in entries for place in entry.stored_as),
        bars=NO_BARS.union(*(entry.bars for entry in entries)),
        rule_id="; ".join(entry.rule_id for entry in entries),
        **said,
    )


def _join_errors(one: Resolution, other: Resolution) -> Resolution:
    clearance = one.clearance.join(other.clearance)
    names = f"{one.rule_id}; {other.rule_id}"
    return replace(one, locality=clearance.locality, scan=clearance.scan, rule_id=names)


def default_of(defaults: Defaults, side: str) -> Clearance | None:
    """What a set of defaults says of `arguments` or `results`."""
    return defaults.arguments if side == "arguments" else defaults.results


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy, ready to decide.

    >>> policy = Policy(version=1, name="empty")
    >>> policy.results("contacts.search", {"matches": []}).at(("matches",)).locality
    <Locality.HANDLE: 'handle'>
    >>> policy.tool("somebody.elses").runs
    <Runs.THIRD_PARTY: 'third-party'>
    """

    version: int
    name: str
    defaults: Defaults = field(default_factory=Defaults)
    detect: tuple[Detector, ...] = ()
    unknown_names: UnknownNames = UnknownNames.MARK
    never: tuple[Never, ...] = ()
    """Types whose values leave under no rule."""
    tools: Mapping[str, ToolPolicy] = field(default_factory=dict)
    clock: ClockWord = ClockWord.DATE
    relations: RelationsWord = RelationsWord.HIDDEN
    limits: Limits = field(default_factory=Limits)
    clients: Mapping[str, Client] = field(default_factory=dict)
    """Programs that call the tools themselves, by their names."""
    untrusted: tuple[UntrustedFolder, ...] = ()
    """Folders of the user's own stores in which other people's texts lie."""
    keep: tuple[Claim, ...] = ()
    """What the author wants proven; it decides nothing."""
    file: str = ""
    _tables: dict[tuple[tuple[str, ...], str], RuleTable] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def tool(self, name: str, *, source: str = "") -> ToolPolicy:
        """What holds for a tool: the strictest of what its entries say, and the built-in defaults for the rest.

        `source` is the catalogue's word for where the tool comes from (`builtin`, `python`, `mcp:<server>`).
        A tool that is not built in runs at a third party unless the policy says `runs: device`, a Python
        function excepted; and it is confirmed at every call unless an entry speaks of `confirm`, so that no entry
        about something else asks less.
        """
        entry = join_entries(self.entries(name))
        family = name.partition(".")[0]
        built_in = source in ("", BUILT_IN) and family in BUILT_IN_FAMILIES
        trusted = built_in and family not in _WRITTEN_BY_STRANGERS
        unstated: dict[str, Any] = {
            "runs": Runs.DEVICE if built_in or source == PYTHON else Runs.THIRD_PARTY,
            "confirm": Confirm.DESTRUCTIVE if built_in else Confirm.ALWAYS,
            "integrity": Integrity.TRUSTED if trusted else Integrity.UNTRUSTED,
        }
        holds = replace(entry, **{key: value for key, value in unstated.items() if key not in entry.stated})
        if source.startswith(FOREIGN) and holds.confirm is Confirm.DESTRUCTIVE:
            # What can be undone is its server's word alone, which lowers no confirmation.
            return replace(holds, confirm=Confirm.ALWAYS)
        return holds

    def client(self, name: str) -> Client:
        """What holds for a program that calls the tools itself."""
        return self.clients.get(name) or Client(name=name)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Every reader of results that the policy speaks of."""
        return (PLANNER, SUMMARIZER, *(client.sink for client in self.clients.values()))

    @property
    def bars(self) -> frozenset[Bar]:
        """Everything that it bars from some tool, wherever that comes from."""
        rules = (rule.bars or NO_BARS for tool in self.tools.values() for rule in tool.results)
        return NO_BARS.union(*(tool.bars for tool in self.tools.values()), *rules)

    @property
    def never_types(self) -> frozenset[str]:
        """The types whose values leave under no rule."""
        return frozenset(one.type for one in self.never)

    def in_regions(self, regions: tuple[str, ...]) -> "Policy":
        """The same with the regions in which its detectors of phone numbers look where they name none."""
        detect = tuple(
            replace(one, regions=regions)
            if one.kind is DetectorKind.BUILTIN and one.pattern == "phone" and not one.regions
            else one
            for one in self.detect
        )
        return replace(self, detect=detect)

    def distrusts(self, store: str, path: str) -> bool:
        """Whether a file of a built-in tool's store lies in a folder with other people's texts."""
        return any(folder.holds(store, path) for folder in self.untrusted)

    def results(self, tool: str, value: Any) -> Assignment:
        """Resolve every node of a tool's result."""
        return self.table(tool, "results").assign(value)

    def arguments(self, tool: str, arguments: Mapping[str, Any] | None = None) -> Assignment:
        """Resolve every node of a call's arguments; the rules see places only, so values are not needed."""
        return self.table(tool, "arguments").assign(arguments)

    def table(self, tool: str, side: str) -> RuleTable:
        """The rules of a tool for its `arguments` or its `results`."""
        entries = self.entries(tool)
        place = (tuple(entry.name for entry in entries), side)
        known = self._tables.get(place)
        if known is None:
            first = self.default_chain(tool, side)[0]
            default = Resolution(
                locality=first.clearance.locality,
                scan=first.clearance.scan,
                rule_id=first.rule_id,
                bars=NO_BARS.union(*(entry.bars for entry in entries)) if side == "results" else NO_BARS,
            )
            said = [entry.arguments if side == "arguments" else entry.results for entry in entries]
            known = self._tables[place] = RuleTable(
                (rule for rules in said for rule in rules),
                default,
                entries=tuple(len(rules) for rules in said),
                speaking=tuple(default_of(entry.defaults, side) is not None for entry in entries),
                never=self.never,
            )
        return known

    def entries(self, tool: str) -> tuple[ToolPolicy, ...]:
        """The entries that speak of a tool, the exact one first, then wildcards from the longest."""
        keys = [key for key in self.tools if key == tool or (key.endswith("*") and tool.startswith(key[:-1]))]
        return tuple(self.tools[key] for key in sorted(keys, key=lambda key: (key != tool, -len(key))))

    def default_chain(self, tool: str, side: str) -> tuple["DefaultRule", ...]:
        """The defaults below the rules of a tool's `arguments` or `results`; the first one holds."""
        chain = []
        stated = [
            DefaultRule(
                "tool default", word, self._default_id(entry.defaults, side, f"tools.{entry.name}."), line
            )
            for entry in self.entries(tool)
            if (word := default_of(entry.defaults, side)) is not None
            for line in (entry.defaults.lines.get(side, 0),)
        ]
        if stated:
            strictest = reduce(Clearance.join, (rule.clearance for rule in stated))
            names = "; ".join(rule.rule_id for rule in stated)
            chain.append(DefaultRule("tool default", strictest, names, stated[0].line))
        word = default_of(self.defaults, side)
        if word is not None:
            name = self._default_id(self.defaults, side, "")
            chain.append(DefaultRule("policy default", word, name, self.defaults.lines.get(side, 0)))
        chain.append(
            DefaultRule("built-in default", BUILT_IN_DEFAULT, f"built-in default: {BUILT_IN_DEFAULT}", 0)
        )
        return tuple(chain)

    def _default_id(self, defaults: Defaults, side: str, place: str) -> str:
        return f"{file_name(self.file)}:{defaults.lines.get(side, 0)} {place}defaults.{side}"


@dataclass(frozen=True, slots=True)
class DefaultRule:
    """One default: its level, what it says, and where it stands."""

    level: str
    clearance: Clearance
    rule_id: str
    line: int


def file_name(file: str) -> str:
    r"""The last part of a path in any system's spelling.

    >>> file_name("C:\\policies\\laptop.yaml"), file_name("")
    ('laptop.yaml', 'policy')
    """
    return file.replace("\\", "/").rpartition("/")[2] or "policy"

"""Why the policy decides as it does for one argument or one field, and what would change it."""

from dataclasses import dataclass

from umi_edge.policy.document import Assignment, Policy
from umi_edge.policy.paths import Location, path_of
from umi_edge.policy.resolution import RuleTable
from umi_edge.policy.rules import PathRule, Resolution, Shape
from umi_shared.labels import Label, Locality

__all__ = ["Explanation", "Step", "explain", "said_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One place where the policy speaks of a node, nearest first."""

    level: str
    """`exact`, `ancestor`, `tool default`, `policy default` or `built-in default`."""
    path: str = ""
    says: str
    rule_id: str
    line: int
    decides: bool
    """Whether the locality comes from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decision for one node, the chain that led to it, and what would change it."""

    tool: str
    side: str
    path: str
    resolution: Resolution
    steps: tuple[Step, ...]
    depends: tuple[PathRule, ...]
    """Rules with filters or indices from the end: they may join in, depending on the value."""
    change: str
    clients: tuple[str, ...] = ()
    """The clients that the policy lets read it though not everyone may, by name."""
    whole: str | None = None
    """The path of the container, or of the node itself, that is kept whole and whose resolution this is."""

    @property
    def shape_counts(self) -> bool:
        """Whether the node's shape shows though its value stays, at the cost of `limits.shape_bits`."""
        open_ = self.side == "results" and self.whole is None
        return open_ and self.resolution.locality is not Locality.CLOUD


def explain(policy: Policy, tool: str, side: str, location: Location) -> Explanation:
    """Explain the node at `location` of a tool's `arguments` or `results`.

    >>> explain(Policy(version=1, name="x"), "contacts.search", "results", ("a",)).steps[-1].decides
    True
    """
    table = policy.table(tool, side)
    assignment = table.assign(None)
    resolution = assignment.at(location)
    whole = _kept_whole(assignment, location) if side == "results" else None
    if whole is not None:
        resolution = assignment.at(whole)
    steps: list[Step] = []
    deciding = _deciding(table, assignment, location)
    for depth in range(len(location), -1, -1):
        level = "exact" if depth == len(location) else "ancestor"
        rules = assignment.node(location[:depth]).exact
        steps += [_step(rule, level, decides=rule in deciding) for rule in rules]
    decided = bool(deciding)
    for default in policy.default_chain(tool, side):
        says = str(default.clearance)
        steps.append(
            Step(
                level=default.level,
                says=says,
                rule_id=default.rule_id,
                line=default.line,
                decides=not decided,
            )
        )
        decided = True
    return Explanation(
        tool=tool,
        side=side,
        path=path_of(location),
        resolution=resolution,
        steps=tuple(steps),
        depends=tuple(rule for rule in table.rules if not rule.query.plain),
        change=_change(policy, tool, side, location if whole is None else whole, resolution, deciding),
        clients=tuple(
            client.name
            for client in policy.clients.values()
            if resolution.locality is not Locality.CLOUD
            and Label.at(resolution.locality).may_read(client.sink)
        ),
        whole=None if whole is None else path_of(whole),
    )


def _deciding(table: RuleTable, assignment: Assignment, location: Location) -> tuple[PathRule, ...]:
    """The rules from which the locality comes: in each entry the nearest ones, of the entries the strictest."""
    node = assignment.node(location)
    words = {
        entry: said.resolution.clearance for entry, said in enumerate(node.said) if "clearance" in said.spoken
    }
    strictest = [entry for entry, word in words.items() if word == node.resolution.clearance]
    found: list[PathRule] = []
    for entry in strictest or words:
        for depth in range(len(location), -1, -1):
            here = [
                rule
                for rule in assignment.node(location[:depth]).exact
                if rule.clearance is not None and table.entry_of(rule) == entry
            ]
            found += here
            if here:
                break
    return tuple(found)


def _kept_whole(assignment: Assignment, location: Location) -> Location | None:
    """The outermost place on the way of which not even the shape may show."""
    ways = (location[:depth] for depth in range(len(location) + 1))
    return next((way for way in ways if assignment.at(way).shape is Shape.HIDDEN), None)


def said_by(rule: PathRule) -> str:
    """A rule in words, as short as they are."""
    words = [str(rule.clearance)] if rule.clearance else []
    for name in ("type", "show", "shape", "requires", "accepts", "on_violation"):
        value = getattr(rule, name)
        if value is not None:
            words.append(f"{name} {value}")
    words += [str(bar) for bar in sorted(rule.bars or ())]
    words += ["a fresh handle each time"] if rule.link is False else []
    words += ["confirmed"] if rule.confirm else []
    return ", ".join(words) or "nothing more"


def _step(rule: PathRule, level: str, *, decides: bool) -> Step:
    return Step(
        level=level, path=rule.path, says=said_by(rule), rule_id=rule.rule_id, line=rule.line, decides=decides
    )


def _change(
    policy: Policy,
    tool: str,
    side: str,
    location: Location,
    resolution: Resolution,
    deciding: tuple[PathRule, ...],
) -> str:
    """The line that would turn the decision round."""
    stays = resolution.locality in (Locality.HANDLE, Locality.HIDDEN)
    key = policy.tool(tool).name or tool
    line = f'tools: {{"{key}": {{{side}: {{"{path_of(location)}": {"cloud" if stays else "handle"}}}}}}}'
    if not stays:
        return f"it would stay with: {line}"
    # A line below a rule of its own entry replaces what that says; beside it, or in another entry, it does not.
    table = policy.table(tool, side)
    beside = table.assign(None).node(location).exact
    strict = [rule.rule_id for rule in deciding if rule in beside or table.entry_of(rule) > 0]
    also = f", once {' and '.join(strict)} no longer says `{resolution.locality}`" if strict else ""
    return f"the cloud would see it with: {line}{also}"

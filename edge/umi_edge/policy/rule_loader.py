"""Rules from data: paths compiled, contradictions between rules found.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations, product
from typing import Any

from umi_edge.policy.clearance import Clearance
from umi_edge.policy.document import file_name
from umi_edge.policy.paths import Path, PathError, compile_path, path_of, shown_path
from umi_edge.policy.problems import Problems
from umi_edge.policy.rules import OnViolation, PathRule, Shape, parse_show
from umi_edge.policy.yaml_source import Place, Source
from umi_shared.bars import Bar
from umi_shared.labels import Locality

__all__ = ["check_rivals", "load_bars", "load_rules"]


def load_rules(
    bodies: Mapping[str, Any], place: Place, source: Source, problems: Problems, file: str
) -> tuple[PathRule, ...]:
    """The rules under `arguments` or `results` of one tool, which is at `place`, in the order of the file.

    Noted in `problems`: a path that does not compile, two rules for the same path, two that give one node
    different types or `show`s, a filter on arguments.
    """
    rules, told = [], Counter[str]()
    for path, body in bodies.items():
        line = source.line((*place, path))
        try:
            query = _query(path, str(place[-1]), ignore_case=_ignores_case(body))
        except PathError as error:
            problems.add(line, error.message, error.fix)
            continue
        rule_id = f"{file_name(file)}:{line} {'.'.join(map(str, place))} {shown_path(path)}"
        told[rule_id] += 1  # two rules of one line may differ only in what is not printed
        rule = _rule(path, query, body, rule_id + f" ({told[rule_id]})" * (told[rule_id] > 1), line)
        rule = replace(rule, bars=load_bars(body, rule.rule_id, (*place, path), source))
        rules.append(rule)
        if isinstance(body, dict) and "except" in body:
            rules += _exceptions(rule, body["except"], (*place, path), source, problems)
    _check_conflicts(rules, problems)
    return tuple(rules)


def load_bars(body: Any, rule_id: str, place: Place, source: Source) -> frozenset[Bar] | None:
    """What a rule, or a tool's entry, at `place` says of the tools that may be given its values; None for nothing."""
    said = [word for word in ("never_to", "only_to") if isinstance(body, dict) and word in body]
    if not said:
        return None
    return frozenset(
        Bar(
            rule=re.sub(r":\d+ ", f":{source.line((*place, word))} ", rule_id, count=1) + f" {word}",
            tools=tuple(dict.fromkeys(body[word])),
            only=word == "only_to",
        )
        for word in said
    )


def _exceptions(
    rule: PathRule, words: Mapping[str, str], place: Place, source: Source, problems: Problems
) -> Iterator[PathRule]:
    """The exceptions of a rule, as rules that say all that it says but for the locality."""
    if rule.clearance is None:
        problems.add(
            rule.line, f"`{rule.path}` has exceptions and no `locality`", "say from what they are exceptions"
        )
        return
    for number, (path, word) in enumerate(words.items(), 1):
        line = source.line((*place, "except", path))
        try:
            query = compile_path(path, ignore_case=rule.query.ignore_case)
        except PathError as error:
            problems.add(line, error.message, error.fix)
            continue
        if rule.query.plain and not any(map(rule.query.selects, query.places())):
            problems.add(
                line,
                f"`{shown_path(path)}` is no place of `{rule.path}`, to which it is to be an exception",
                "name places that the rule selects, or make it a rule of its own",
            )
        rule_id = re.sub(r":\d+ ", f":{line} ", rule.rule_id, count=1)
        yield replace(
            rule,
            path=shown_path(path),
            query=query,
            clearance=Clearance.of(word),
            excepts=rule.rule_id,
            rule_id=f"{rule_id} except {number}: {shown_path(path)}",
            line=line,
        )


def _ignores_case(body: Any) -> bool:
    return isinstance(body, dict) and body.get("ignore_case", False) is True


def _query(path: str, side: str, *, ignore_case: bool) -> Path:
    if side == "arguments" and not path.startswith("$"):
        return compile_path(path_of((path,)))
    query = compile_path(path, ignore_case=ignore_case)
    if side == "arguments" and not query.plain:
        # Such a rule would make what leaves depend on what a value says: an implicit flow (I3).
        raise PathError(
            f"the argument path `{shown_path(path)}` depends on values or lengths",
            fix="use names, indices from the front, `*` and `..`",
        )
    return query


def _rule(path: str, query: Path, body: Any, rule_id: str, line: int) -> PathRule:
    said: dict[str, Any] = {"locality": body} if isinstance(body, str) else body
    return PathRule(
        path=shown_path(path),
        query=query,
        clearance=Clearance.of(said["locality"]) if "locality" in said else None,
        type=said.get("type"),
        show=parse_show(said["show"]) if "show" in said else None,
        link=said.get("link"),
        shape=Shape(said["shape"]) if "shape" in said else None,
        requires=said.get("requires"),
        accepts=Locality(said["accepts"]) if "accepts" in said else None,
        on_violation=OnViolation(said["on_violation"]) if "on_violation" in said else None,
        confirm=said.get("confirm"),
        rule_id=rule_id,
        line=line,
    )


def _check_conflicts(rules: list[PathRule], problems: Problems) -> None:
    seen: dict[str, PathRule] = {}
    for rule in rules:
        first = seen.setdefault(rule.query.canonical, rule)
        if first is not rule:
            problems.add(
                rule.line,
                f"`{rule.path}` is the same path as `{first.path}` in line {first.line}",
                f"merge it with line {first.line}, or remove one of the two",
            )
    rivals = [rule for rule in rules if rule.type or rule.show]
    for one, other in combinations(rivals[:200], 2):
        if seen[one.query.canonical] is not seen[other.query.canonical] and _overlap(one.query, other.query):
            for field in ("type", "show"):
                _check_conflict(one, other, field, problems)


def check_rivals(rules: Iterable[PathRule], others: Iterable[PathRule], problems: Problems) -> None:
    """Note two entries of one tool that give a node different types: of types none is the stricter."""
    for one, other in product(rules, others):
        if one.type and other.type and one.type != other.type and _overlap(one.query, other.query):
            _check_conflict(other, one, "type", problems)


def _check_conflict(one: PathRule, other: PathRule, field: str, problems: Problems) -> None:
    first, second = getattr(one, field), getattr(other, field)
    if first and second and first != second:
        problems.add(
            other.line,
            f"`{other.path}` gives the {field} {second} to what `{one.path}` in line {one.line} gives {first}",
            f"let both say the same {field}, or make the paths exclude each other",
        )


def _overlap(one: Path, other: Path) -> bool:
    """Whether some node surely matches both; not every overlap is found, and filters never are."""
    if not (one.plain and other.plain):
        return False
    return any(other.selects(node) for node in one.examples()) or any(
        one.selects(node) for node in other.examples()
    )

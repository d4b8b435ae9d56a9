"""JSONPath (RFC 9535) rules' paths: compiled once, evaluated to locations under a budget.

The grammar is `jsonpath-rfc9535`'s. The evaluation is our own, because a rule meets results that strangers
wrote: it is iterative, counts its steps, and matches the regular expressions of `match()` and `search()` with
RE2, which cannot backtrack. A path is *plain* when whether it matches a node depends only on the node's
location: names, non-negative indices, wildcards, forward slices and `..`. Plain paths never look at values.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment
from jsonpath_rfc9535 import filter_expressions as fe
from jsonpath_rfc9535.exceptions import JSONPathError
from jsonpath_rfc9535.selectors import (
    FilterSelector,
    IndexSelector,
    JSONPathSelector,
    NameSelector,
    SliceSelector,
)

from umi_edge.policy.path_evaluation import Budget, Segment, apply, may_select, segments_of, selects
from umi_edge.policy.regexes import i_regexp_problem
from umi_edge.values.json_walk import Location
from umi_shared.errors import PolicyError

__all__ = ["Location", "Path", "PathError", "compile_path", "path_of", "shown_path"]

MAX_PATH_LENGTH = 500
MAX_SEGMENTS = 32
MAX_STEPS = 1_000_000
"""Nodes that one rule may visit in one result; 1 MiB of JSON has far fewer."""


class PathError(PolicyError):
    """A path that is not RFC 9535, or longer than a rule's path may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A compiled path; equal paths have an equal `canonical` text.

    >>> path = compile_path("$.matches[*]['email']")
    >>> path.canonical, path.plain
    ("$['matches'][*]['email']", True)
    >>> path.locations({"matches": [{"email": "x"}, {}]})
    {('matches', 0, 'email')}
    """

    text: str = field(repr=False)
    canonical: str = field(repr=False)
    segments: tuple[Segment, ...] = field(repr=False)
    plain: bool
    names: frozenset[str] = field(repr=False)
    """Every member name that the path spells out."""
    ignore_case: bool = False
    """Whether its filters compare texts in any case."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The regular expressions that its filters spell.

        >>> compile_path("$[?match(@.kind, 'pub.*')]").patterns
        ('pub.*',)
        """
        selectors = [selector for segment in self.segments for selector in segment.selectors]
        filters = [selector.expression for selector in selectors if isinstance(selector, FilterSelector)]
        return tuple(pattern for expression in filters for pattern in _patterns(expression))

    @property
    def shown(self) -> str:
        """As it may be printed (I8)."""
        return shown_path(self.text)

    @property
    def indices(self) -> frozenset[int] | None:
        """The array indices that the path names; None where a slice does."""
        selectors = [selector for segment in self.segments for selector in segment.selectors]
        if any(isinstance(selector, SliceSelector) for selector in selectors):
            return None
        return frozenset(selector.index for selector in selectors if isinstance(selector, IndexSelector))

    def locations(self, value: Any, *, max_steps: int = MAX_STEPS) -> set[Location]:
        """The locations of `value`'s nodes that the path selects.

        Raises `PrivacyError` when it would take more than `max_steps`, or compares values too deep to compare.
        """
        budget = Budget(max_steps, self.shown, ignore_case=self.ignore_case)
        nodes: dict[Location, Any] = {(): value}
        try:
            for segment in self.segments:
                nodes = dict(apply(segment, iter(nodes.items()), value, budget))
        except RecursionError:
            raise budget.exceeded() from None
        return set(nodes)

    def examples(self) -> tuple[Location, ...]:
        """A few locations that the path selects whatever the values are; none for a path with filters.

        Two rules whose paths share such a location overlap for sure.
        """
        return self.places() if self.plain else ()

    def places(self) -> tuple[Location, ...]:
        """As `examples`, with filters that match: a few locations that the path may select."""
        found: tuple[Location, ...] = ((),)
        for segment in self.segments:
            steps = [step for selector in segment.selectors for step in _example_steps(selector)]
            found = tuple((*location, step) for location in found for step in steps)[:64]
        return found

    def looks_at(self) -> tuple[Location, ...]:
        """A place of each kind whose value the path's filters look at; that a member exists is no value.

        >>> compile_path("$.people[?@.age > 17 && @.vip].name").looks_at()
        (('people', 0, 'age'),)
        """
        found: list[Location] = []
        before: Location = ()
        for segment in self.segments:
            for selector in segment.selectors:
                for query in _compared(selector.expression) if isinstance(selector, FilterSelector) else ():
                    example = _example(segments_of(query.query))
                    found.append(
                        (*before, 0, *example) if isinstance(query, fe.RelativeFilterQuery) else example
                    )
            before = (*before, *_example((segment,)))
        return tuple(found)

    def selects(self, location: Location) -> bool:
        """Whether a plain path selects the node at `location`."""
        states = {0}
        for key in location:
            states = {after for state in states for after in self.after(state, key)}
        return len(self.segments) in states

    def after(self, state: int, key: str | int) -> Iterator[int]:
        """The states of a plain path's automaton after one more step down; state n has n segments behind it."""
        if state < len(self.segments):
            segment = self.segments[state]
            if segment.descendant:
                yield state
            if any(selects(selector, key) for selector in segment.selectors):
                yield state + 1

    def may_after(self, state: int, key: str | int) -> Iterator[int]:
        """As `after`, for any path: the states that it may be in, whatever the values are."""
        if state < len(self.segments):
            segment = self.segments[state]
            if segment.descendant:
                yield state
            if any(may_select(selector, key) for selector in segment.selectors):
                yield state + 1


_ESCAPED = str.maketrans(
    {chr(code): f"\\u{code:04x}" for code in range(0x20)}
    | {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\", "'": "\\'"}
)


def path_of(location: Location) -> str:
    r"""The normalized path (RFC 9535, 2.7) of a location, with `.name` where a name is a plain ASCII word.

    >>> path_of(("matches", 0, "e mail", "\n\x1b"))
    "$.matches[0]['e mail']['\\n\\u001b']"
    """
    parts = ["$"]
    for key in location:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif key.isascii() and key.isidentifier():  # lexers differ on other letters
            parts.append(f".{key}")
        else:
            parts.append(f"['{key.translate(_ESCAPED)}']")
    return "".join(parts)


_LITERAL = re.compile(r"""'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|(?<!\w)[-\d][\w.+-]*""", re.DOTALL)


def shown_path(text: str) -> str:
    r"""A path as it may be printed: what its filters compare with is a value of the user's own (I8).

    It need not parse. What stands between quotes after the first `?` is left out, with its quotes, and so are numbers.

    >>> shown_path("$.people[?@.name == 'Ann' && @.age > 17].email")
    '$.people[?@.name == … && @.age > …].email'
    >>> shown_path("$.people[3]['e mail']")
    "$.people[3]['e mail']"
    """
    before, mark, filters = text.partition("?")
    return before + mark + _LITERAL.sub("…", filters)


_ENVIRONMENT = JSONPathEnvironment()


def compile_path(text: str, *, ignore_case: bool = False) -> Path:
    """Compile a path; raises `PathError` with what is wrong and the fix, in plain words.

    With `ignore_case` its filters compare texts in any case; the names of members are as they are spelt.
    """
    if len(text) > MAX_PATH_LENGTH:
        raise PathError(f"a path of more than {MAX_PATH_LENGTH} characters", fix="shorten it, or use `..`")
    try:
        query = _ENVIRONMENT.compile(text)
        canonical = str(query)
    except Exception as error:  # a parser's every failure means the same to its caller
        why = _reason(str(error.args[0]), text) if isinstance(error, JSONPathError) and error.args else ""
        why = why or "it does not parse"
        fix = "write an RFC 9535 path such as `$.items[*].name` or `$..name`"
        raise PathError(f"`{shown_path(text)}` is not a JSONPath: {why}", fix=fix) from None
    if len(query.segments) > MAX_SEGMENTS:
        raise PathError(f"a path of more than {MAX_SEGMENTS} segments", fix="shorten it, or use `..`")
    segments = segments_of(query)
    selectors = [selector for segment in segments for selector in segment.selectors]
    for selector in selectors:
        if isinstance(selector, FilterSelector):
            _check_filter(selector.expression, text)
    return Path(
        text=text,
        canonical=canonical,
        segments=segments,
        plain=all(_is_plain(selector) for selector in selectors),
        names=frozenset(selector.name for selector in selectors if isinstance(selector, NameSelector)),
        ignore_case=ignore_case,
    )


def _reason(said: str, text: str) -> str:
    """What the parser says, where it quotes nothing of a filter (I8)."""
    _, _, filters = text.partition("?")
    reason = _LITERAL.sub("…", said)
    return "" if set(re.findall(r"\w+", filters)) & set(re.findall(r"\w+", reason)) else reason


def _is_plain(selector: JSONPathSelector) -> bool:
    match selector:
        case IndexSelector():
            return selector.index >= 0
        case SliceSelector():
            parts = (selector.slice.start, selector.slice.stop, selector.slice.step)
            return all(part is None or part >= 0 for part in parts)
        case FilterSelector():
            return False
    return True


def _example_steps(selector: JSONPathSelector) -> list[str | int]:
    match selector:
        case NameSelector():
            return [selector.name]
        case IndexSelector():
            return [selector.index]
        case SliceSelector():
            start = selector.slice.start or 0
            return [start] if selects(selector, start) else []
    return [0, "*"]


def _example(segments: Iterable[Segment]) -> Location:
    """One location that segments lead to; where values decide, the first item stands for any."""
    steps = (_example_steps(segment.selectors[0]) for segment in segments)
    return tuple(found[0] for found in steps if found)


def _compared(expression: fe.Expression) -> Iterator[fe.FilterQuery]:
    """The queries of a filter whose values are compared, or given to a function."""
    stack: list[tuple[Any, bool]] = [(expression, False)]
    while stack:
        item, compared = stack.pop()
        match item:
            case fe.FilterQuery() if compared:
                yield item
            case fe.FilterExpression():
                stack.append((item.expression, compared))
            case fe.PrefixExpression():
                stack.append((item.right, compared))
            case fe.LogicalExpression():
                stack += [(item.left, compared), (item.right, compared)]
            case fe.ComparisonExpression():
                stack += [(item.left, True), (item.right, True)]
            case fe.FunctionExtension():
                stack += [(argument, True) for argument in item.args]


def _check_filter(expression: fe.Expression, text: str) -> None:
    """Refuse a regular expression that can never match: its rule would be silently without effect."""
    for pattern in _patterns(expression):
        why = i_regexp_problem(pattern)
        if why:
            fix = "write an I-Regexp (RFC 9485): no anchors, look-around or back-references"
            raise PathError(f"the regular expression in `{shown_path(text)}` {why}", fix=fix)


def _patterns(expression: fe.Expression) -> Iterator[str]:
    """The regular expressions that a filter spells."""
    stack: list[Any] = [expression]
    while stack:
        item = stack.pop()
        match item:
            case fe.FilterExpression():
                stack.append(item.expression)
            case fe.PrefixExpression():
                stack.append(item.right)
            case fe.LogicalExpression() | fe.ComparisonExpression():
                stack += [item.left, item.right]
            case fe.FilterQuery():
                selectors = [s for segment in item.query.segments for s in segment.selectors]
                stack += [s.expression for s in selectors if isinstance(s, FilterSelector)]
            case fe.FunctionExtension():
                stack += item.args
                if item.name in ("match", "search") and isinstance(item.args[1], fe.StringLiteral):
                    yield item.args[1].value

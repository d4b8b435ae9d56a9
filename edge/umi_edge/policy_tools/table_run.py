"""Running table tests: the real labelling, release and check on the values of each row; and which rules they met."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledEntry, LabelledText
from umi_edge.labelling.vault import Origin, Source, Vault
from umi_edge.policy import (
    Allowed,
    Ask,
    Assignment,
    Denied,
    LabelledLeaf,
    Location,
    Policy,
    Resolution,
    Scanner,
    Verdict,
    check_call,
    default_policy,
    read_policy,
)
from umi_edge.policy.detectors import GazetteerSource, gazetteer_sources
from umi_edge.policy.document import file_name
from umi_edge.policy.families import BUILT_IN_FAMILIES
from umi_edge.policy.paths import Path as JsonPath
from umi_edge.policy.paths import path_of
from umi_edge.policy.values_file import read_values_files
from umi_edge.policy_tools.scan_by_type import left_by_types
from umi_edge.policy_tools.subjects import own_hints, own_tool
from umi_edge.policy_tools.table_tests import Expectation, GivenHandle, TableTest, TestFile
from umi_edge.values.json_walk import walk
from umi_shared.errors import PolicyError
from umi_shared.handles import Handle, Text, parts_of, render
from umi_shared.labels import Integrity, Label, Locality, Sink, join_all
from umi_shared.transcript import Call, Entry, Instruction, Observation, text_of

__all__ = ["Coverage", "Failure", "FileReport", "Rule", "coverage", "run_file"]

_WRITTEN = Label.at(Locality.CLOUD, Integrity.UNTRUSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One expectation that does not hold."""

    file: str
    line: int
    test: str
    where: str
    """A path, a sink, or `verdict`."""
    expected: str
    got: str
    rule_id: str = ""
    """The rules that decided, with file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What came of one file; `exercised` are the rules whose outcome some test looked at."""

    file: Path
    policy: Policy
    tests: int
    failures: tuple[Failure, ...]
    exercised: frozenset[str]

    @property
    def failed(self) -> int:
        """How many tests did."""
        return len({(failure.line, failure.test) for failure in self.failures})


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a policy says and that tests can look at."""

    rule_id: str
    line: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The rules of one policy, and those of them that no test exercised."""

    policy: str
    rules: tuple[Rule, ...]
    missed: tuple[Rule, ...]

    @property
    def percent(self) -> float:
        """How many of them are exercised; of an empty policy, all."""
        return 100.0 * (len(self.rules) - len(self.missed)) / len(self.rules) if self.rules else 100.0


def _listed(source: GazetteerSource, given: tuple[Any, ...]) -> tuple[str, ...]:
    """The values of a list: those given as such, and what its path selects in records."""
    records = [one for one in given if isinstance(one, dict)]
    return (*(one for one in given if isinstance(one, str)), *source.values(records))


def run_file(tests: TestFile, policy: Path | None = None) -> FileReport:
    """Run one file's tests against its own policy, or against another one. Raises `PolicyError`."""
    chosen = _policy_of(tests) if policy is None else read_policy(policy)
    lists = {
        source.rule_id: _listed(source, tests.gazetteers.get(source.tool, ()))
        for source in gazetteer_sources(chosen)
    } | read_values_files(chosen)
    scanner = Scanner.of(chosen, lists)
    runs = [_Run(chosen, scanner, tests.path, test) for test in tests.tests]
    failures = tuple(failure for run in runs for failure in run.failures())
    return FileReport(
        file=tests.path,
        policy=chosen,
        tests=len(runs),
        failures=failures,
        exercised=frozenset().union(*(run.exercised for run in runs)),
    )


def _policy_of(tests: TestFile) -> Policy:
    if tests.policy == "built-in":
        return default_policy()
    if not tests.policy:
        raise PolicyError(
            "the tests name no policy", file=str(tests.path), fix="add `policy: FILE`, or give --policy"
        )
    return read_policy(tests.path.parent / tests.policy)


def coverage(reports: Iterable[FileReport]) -> tuple[Coverage, ...]:
    """For each policy that the reports are of, which of its rules no test exercised."""
    policies: dict[str, Policy] = {}
    exercised: dict[str, set[str]] = {}
    for report in reports:
        policies[report.policy.file] = report.policy
        exercised.setdefault(report.policy.file, set()).update(report.exercised)
    found = []
    for file, policy in policies.items():
        rules = tuple(sorted(set(_rules(policy)), key=lambda rule: (rule.line, rule.rule_id)))
        missed = tuple(rule for rule in rules if rule.rule_id not in exercised[file])
        found.append(Coverage(file, rules, missed))
    return tuple(found)


def _rules(policy: Policy) -> Iterator[Rule]:
    """Everything in a policy that decides: paths, tools' own settings, defaults, detectors."""
    for tool in policy.tools.values():
        for rule in (*tool.arguments, *tool.results):
            yield Rule(rule.rule_id, rule.line)
        if tool.stated - {"card", "caller"} or tool.bars:
            yield Rule(tool.rule_id, tool.line)
        if tool.errors is not None:
            yield Rule(tool.errors.rule_id, tool.line_of("errors"))
        for side in ("arguments", "results"):
            first = policy.default_chain(tool.name, side)[0]
            if first.level == "tool default":
                yield Rule(first.rule_id, first.line)
    for side, line in policy.defaults.lines.items():
        yield Rule(f"{file_name(policy.file)}:{line} defaults.{side}", line)
    for client in policy.clients.values():
        yield Rule(client.rule_id, client.line)
    for detector in policy.detect:
        if detector.line:
            yield Rule(detector.rule_id, detector.line)
        for excepted in detector.excepted:
            yield Rule(excepted.rule_id, excepted.line)


@dataclass(slots=True)
class _Run:
    """One test, run."""

    policy: Policy
    scanner: Scanner
    file: Path
    test: TableTest
    exercised: set[str] = field(default_factory=set)

    @property
    def _source(self) -> str:
        """Where the tool comes from: as said, else as its name tells."""
        built_in = self.test.tool.partition(".")[0] in BUILT_IN_FAMILIES
        return self.test.source or ("builtin" if built_in else "mcp:test")

    def failures(self) -> list[Failure]:
        labeller = Labeller.fresh(self.policy, self.scanner, {self.test.tool: self._source})
        if self.test.instruction is not None:
            text = labeller.instruction(self.test.instruction)
            line = self.policy.defaults.lines.get("instruction", 0)
            self.exercised.add(f"{file_name(self.policy.file)}:{line} defaults.instruction")
            return list(self._views(LabelledEntry(Instruction(()), text)))
        if self.test.failure:
            return self._failed(labeller)
        if self.test.arguments is None:
            return self._result(labeller)
        return self._call(labeller, self.test.arguments)

    def _failure(self, line: int, where: str, expected: Any, got: Any, rule: str = "") -> Failure:
        return Failure(
            file=str(self.file),
            line=line,
            test=self.test.name,
            where=where,
            expected=str(expected),
            got=str(got),
            rule_id=rule,
        )

    # Results.

    def _result(self, labeller: Labeller) -> list[Failure]:
        test, assignment = self.test, self.policy.results(self.test.tool, self.test.value)
        found = list(self._expectations(assignment, test.value))
        if test.views:
            text = labeller.result(test.tool, test.value)
            self._meet_all(assignment, test.value, "results")
            found += self._views(LabelledEntry(Observation(test.tool, ()), text))
        return found

    def _failed(self, labeller: Labeller) -> list[Failure]:
        """A failed call: `$` is what the tool says of it."""
        test, rule = self.test, self.policy.tool(self.test.tool, source=self._source).errors
        found: list[Failure] = []
        if rule is not None:
            self.exercised.add(rule.rule_id)
        for expected in test.expect:
            if expected.path.selects(()):
                found += self._compare(expected, (), rule or _ONLY_THE_KIND)
            else:
                got = "a failure has no place but `$`"
                found.append(self._failure(expected.line, expected.path.shown, "a value there", got))
        if test.views:
            kind, text = labeller.failure(test.tool, test.failure, str(test.value))
            found += self._views(LabelledEntry(Observation(test.tool, (), kind), text))
        return found

    def _expectations(self, assignment: Assignment, value: Any) -> Iterator[Failure]:
        side = "results" if self.test.arguments is None else "arguments"
        for expected in self.test.expect:
            locations = sorted(expected.path.locations(value), key=path_of)
            if not locations:
                yield self._failure(
                    expected.line, expected.path.shown, "a value there", f"no such place in the {side} given"
                )
            for location in locations:
                self._meet(assignment, location, side)
                found = assignment.at(location)
                yield from self._compare(expected, location, found)

    def _compare(self, expected: Expectation, location: Location, found: Resolution) -> Iterator[Failure]:
        got: Mapping[str, Any] = {
            "locality": str(found.clearance),
            "type": found.type,
            "show": found.show,
            "link": found.link,
            "shape": found.shape.value,
            "never_to": sorted({tool for bar in found.bars if not bar.only for tool in bar.tools}),
            "only_to": sorted({tool for bar in found.bars if bar.only for tool in bar.tools}),
        }
        for name, said in expected.fields.items():
            wanted = sorted(map(str, said)) if isinstance(said, list) else said
            if got[name] != wanted:
                yield self._failure(
                    expected.line, path_of(location), f"{name} {wanted}", f"{name} {got[name]}", found.rule_id
                )

    # Views.

    def _views(self, entry: LabelledEntry) -> Iterator[Failure]:
        self.exercised |= {span.rule for span in entry.text}
        for name, wanted in self.test.views.items():
            text = _told(release((), [entry], self._sink(name)).payload.entries[0])
            if render(text) != wanted:
                rules = "; ".join(dict.fromkeys(_deciding(entry.text)))
                line = self.test.lines[name.partition(":")[0]]
                yield self._failure(line, f"the {name}'s view", wanted, render(text), rules)

    def _sink(self, name: str) -> Sink:
        kind, _, client = name.partition(":")
        if kind != "client":
            return name
        self.exercised.add(self.policy.client(client).rule_id)
        return self.policy.client(client).sink

    # Calls.

    def _call(self, labeller: Labeller, arguments: Mapping[str, Any]) -> list[Failure]:
        test, assignment = self.test, self.policy.arguments(self.test.tool, arguments)
        found = list(self._expectations(assignment, dict(arguments)))
        self._fill(labeller.vault, arguments)
        written = join_all((_WRITTEN, *(self._label_at(one.tool, one.path) for one in test.read)))
        labelled = labeller.arguments(test.tool, arguments, written, names=set(_names(arguments)))
        if test.views:
            found += self._views(LabelledEntry(Call(test.tool, ()), labelled.text))
        if not (test.verdict or test.reasons is not None or test.redact is not None):
            return found
        self._meet_all(assignment, arguments, "arguments")
        self.exercised.update(entry.rule_id for entry in self.policy.entries(test.tool))
        verdict = self._verdict(labelled.leaves, labeller.vault)
        reasons = verdict.reasons if isinstance(verdict, Ask | Denied) else ()
        redact = frozenset() if isinstance(verdict, Denied) else verdict.redact
        word = {Allowed: "allowed", Ask: "asked", Denied: "denied"}[type(verdict)]
        why = "; ".join(str(reason) for reason in reasons)
        rule = "; ".join(dict.fromkeys(reason.rule_id for reason in reasons))
        if test.verdict and word != test.verdict:
            got = f"{word}: {why}" if why else word
            found.append(self._failure(test.lines["verdict"], "verdict", test.verdict, got, rule))
        codes = sorted({str(reason.code) for reason in reasons})
        if test.reasons is not None and codes != sorted(test.reasons):
            found.append(self._failure(test.lines["reasons"], "reasons", sorted(test.reasons), codes, rule))
        left_out = sorted(path_of(location) for location in redact)
        wanted = sorted(text if text.startswith("$") else f"$.{text}" for text in test.redact or ())
        if test.redact is not None and left_out != wanted:
            found.append(self._failure(test.lines["redact"], "redact", wanted, left_out))
        return found

    def _verdict(self, leaves: Mapping[Location, LabelledLeaf], vault: Vault) -> Verdict:
        own = own_tool(self.test.tool, self._source)
        types = {detector.type for detector in self.policy.detect}
        return check_call(
            self.policy,
            self.test.tool,
            leaves,
            own_hints(own, self.test.hints),
            source=own.source if own else self._source,
            stored_as=own.stored_as if own else (),
            unfound=lambda at: left_by_types(leaves[at], lambda handle: vault[handle].label, types),
        )

    def _fill(self, vault: Vault, arguments: Mapping[str, Any]) -> None:
        """The vault with every handle that the call uses; numbers between them are filled up."""
        given = {one.handle: one for one in self.test.handles}
        texts = [str(step.value) for step in walk(arguments) if isinstance(step.value, str)]
        used = {part for text in texts for part in parts_of(text) if isinstance(part, Handle)}
        last = {
            kind: max(h.number for h in used | set(given) if h.type == kind)
            for kind in {h.type for h in used}
        }
        given_by_test = Origin(Source.RESULT, "test")
        for kind, count in sorted(last.items()):
            if count > _MAX_HANDLES:
                raise PolicyError(
                    f"<{kind}:{count}> is too high a number",
                    file=str(self.file),
                    line=self.test.line,
                    fix="number handles from 1",
                )
            for number in range(1, count + 1):
                handle = Handle(kind, number)
                label = self._label(given.get(handle, GivenHandle(handle=handle)))
                vault.keep(f"value of {handle}", type=kind, label=label, origin=given_by_test, link=False)

    def _label(self, given: GivenHandle) -> Label:
        if given.path is None:
            return Label.at(Locality(given.locality), Integrity(given.integrity))
        return self._label_at(given.tool, given.path)

    def _label_at(self, tool: str, path: JsonPath) -> Label:
        examples = path.examples()
        if not examples:
            raise PolicyError(
                f"`{path.shown}` depends on values, so it does not name a single place",
                file=str(self.file),
                line=self.test.lines.get("handles", self.test.line),
                fix="use names, indices and `*`",
            )
        assignment = self.policy.table(tool, "results").assign(None)
        self._meet(assignment, examples[0], "results", tool)
        entry = self.policy.tool(tool)
        self.exercised.add(entry.rule_id)
        found = assignment.at(examples[0])
        return Label.at(found.locality, entry.integrity).with_bars(found.bars)

    # Coverage.

    def _meet_all(self, assignment: Assignment, value: Any, side: str) -> None:
        for step in walk(value):
            if not step.punctuation:
                self._meet(assignment, step.location, side)

    def _meet(self, assignment: Assignment, location: Location, side: str, tool: str = "") -> None:
        """Note the rules that decide for a node: its own, else the nearest ancestor's, else the default."""
        for depth in range(len(location), -1, -1):
            rules = assignment.node(location[:depth]).exact
            self.exercised |= {rule.rule_id for rule in rules}
            if any(rule.clearance for rule in rules):
                return
        first = self.policy.default_chain(tool or self.test.tool, side)[0]
        self.exercised.add(first.rule_id)


_MAX_HANDLES = 1000
_ONLY_THE_KIND = Resolution(locality=Locality.HIDDEN, rule_id="built-in default for `errors`: only the kind")


def _told(entry: Entry) -> Text:
    return entry.told if isinstance(entry, Observation) else text_of(entry)


def _names(value: Any) -> Iterator[str]:
    return (step.key for step in walk(value) if step.key is not None)


def _deciding(text: LabelledText) -> Iterator[str]:
    """The rules behind a text, without the program's own constants."""
    return (span.rule for span in text if ":" in span.rule)

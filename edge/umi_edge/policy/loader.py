"""Loading a policy: text to data, data to a `Policy`; all that is wrong with a file is reported at once.

I2: docs/design.md#i2-fail-closed
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any

from umi_edge.policy.claim import Claim
from umi_edge.policy.clearance import Clearance
from umi_edge.policy.client import Client
from umi_edge.policy.detector import Detector, DetectorKind, Incomplete
from umi_edge.policy.document import (
    CallerSees,
    Card,
    ClockWord,
    Confirm,
    Defaults,
    Instruction,
    Limits,
    Policy,
    Questions,
    RelationsWord,
    Runs,
    ToolPolicy,
    UnknownNames,
    file_name,
)
from umi_edge.policy.excepted import Excepted
from umi_edge.policy.never import Never
from umi_edge.policy.paths import PathError, compile_path
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.policy.problems import Problems
from umi_edge.policy.regexes import compile_regex
from umi_edge.policy.rule_loader import check_rivals, load_bars, load_rules
from umi_edge.policy.rules import PathRule, Resolution, parse_show
from umi_edge.policy.schema import check_schema
from umi_edge.policy.span_finder import PLUGINS
from umi_edge.policy.stored_as import StoredAs
from umi_edge.policy.stored_as_loader import load_stored_as
from umi_edge.policy.untrusted_folder import UntrustedFolder
from umi_edge.policy.yaml_source import MAX_POLICY_BYTES, Place, Source, read_yaml
from umi_shared.bars import NO_BARS
from umi_shared.errors import PolicyError
from umi_shared.labels import Integrity, Locality
from umi_shared.problems import near

__all__ = ["builtin_detectors", "default_policy", "default_policy_text", "load_policy", "read_policy"]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_ONE_OF = ("pattern", "values", "values_from", "values_file", "plugin")
_LISTED = (DetectorKind.VALUES, DetectorKind.VALUES_FROM, DetectorKind.VALUES_FILE)
_EXCEPTIONS = ("except_values", "except_values_file")
_ONLY_EXCEPTS = frozenset(("type", *_EXCEPTIONS))
_OF_PLUGINS = ("entities", "language", "threshold")


def load_policy(text: str, file: str = "policy") -> Policy:
    """The policy that a YAML text says.

    Raises `InvalidPolicyError`, a `PolicyError` whose `problems` have everything that is wrong, each with its
    line and its fix.
    """
    problems = Problems(file)
    source = read_yaml(text, problems)
    policy = _Builder(check_schema(source, problems), source, problems, file).policy()
    problems.raise_if_any()
    return policy


def read_policy(path: FilePath | str) -> Policy:
    """The policy in a file; raises `PolicyError` when it can't be read, too."""
    return load_policy(read_policy_text(path), str(path))


def read_policy_text(path: FilePath | str) -> str:
    """A policy file's text, as far as the size limit; raises `PolicyError` when it can't be read."""
    return policy_text(policy_bytes(path), str(path))


def policy_bytes(path: FilePath | str) -> bytes:
    """A policy file's bytes, as far as the size limit; raises `PolicyError` when it can't be read."""
    try:
        with FilePath(path).open("rb") as stream:
            return stream.read(MAX_POLICY_BYTES + 1)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        fix = "check the path, or start from `umi policy show-default`"
        raise PolicyError(f"no policy there: {why}", file=str(path), fix=fix) from error


def policy_text(data: bytes, file: str) -> str:
    """The text of a policy file's bytes. Raises `PolicyError` for bytes that are not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > MAX_POLICY_BYTES:
            return "#" * len(data)  # too large whatever it says: the size is the problem to report
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError("not UTF-8 text", file=file, line=line, fix="save it as UTF-8") from None


def default_policy_text() -> str:
    """The policy that holds when the user has none, as it ships."""
    return (files("umi_edge.policy") / "default.yaml").read_text("utf-8")


@cache
def default_policy() -> Policy:
    """The policy that holds when the user has none."""
    return load_policy(default_policy_text(), "default.yaml")


def builtin_detectors() -> tuple[Detector, ...]:
    """A detector of each built-in pattern, which need nothing of the user's."""
    return tuple(
        Detector(
            type=name, kind=DetectorKind.BUILTIN, pattern=name, rule_id=f"built-in detector {name}", line=0
        )
        for name in BUILTIN_PATTERNS
    )


class _Builder:
    """Makes the document of data that the schema admits, or of what is left of it."""

    def __init__(self, data: dict[str, Any], source: Source, problems: Problems, file: str) -> None:
        self.source = source
        self.problems = problems
        self.file = file
        self.data = data

    def policy(self) -> Policy:
        tools = self.data.get("tools", {})
        policy = Policy(
            version=self.data["version"],
            name=self.data.get("name", file_name(self.file).removesuffix(".yaml")),
            defaults=self._defaults(("defaults",), self.data.get("defaults", {})),
            detect=self._detectors(),
            unknown_names=self._unknown_names(),
            never=tuple(
                self._never(index, data) for index, data in enumerate(self.data.get("never", ())) if data
            ),
            tools={name: self._tool(name, entry) for name, entry in tools.items()},
            clock=ClockWord(self.data.get("clock", ClockWord.DATE)),
            relations=RelationsWord(self.data.get("relations", RelationsWord.HIDDEN)),
            limits=self._limits(self.data.get("limits", {})),
            clients={name: self._client(name, entry) for name, entry in self.data.get("clients", {}).items()},
            untrusted=tuple(self._untrusted()),
            keep=tuple(
                self._keep(index, data) for index, data in enumerate(self.data.get("keep", ())) if data
            ),
            file=self.file,
        )
        self._check_never(policy)
        for name, entry in policy.tools.items():
            for other in policy.entries(name):
                if other is not entry:
                    check_rivals(entry.arguments, other.arguments, self.problems)
                    check_rivals(entry.results, other.results, self.problems)
        return policy

    def _line(self, *place: str | int) -> int:
        return self.source.line(place)

    def _rule_id(self, *place: str | int, name: str) -> str:
        return f"{file_name(self.file)}:{self._line(*place)} {name}"

    def _defaults(self, place: Place, data: dict[str, str]) -> Defaults:
        words = {side: Clearance.of(data[side]) for side in ("arguments", "results") if side in data}
        return Defaults(
            instruction=Instruction(data.get("instruction", "scan")),
            arguments=words.get("arguments"),
            results=words.get("results"),
            lines={key: self._line(*place, key) for key in data},
        )

    def _limits(self, data: dict[str, Any]) -> Limits:
        given = dict(data)
        size = given.get("result_bytes")
        if isinstance(size, str):
            number, unit = re.fullmatch(r"(\d+) ?(\w+)", size).groups()  # type: ignore[union-attr]  # the schema's
            given["result_bytes"] = int(number) * _UNITS[unit]
            if given["result_bytes"] > _UNITS["GiB"]:
                line = self._line("limits", "result_bytes")
                self.problems.add(line, f"`result_bytes` is {size}, which is too much", "give 1GiB or less")
        return Limits(**given)

    def _tool(self, name: str, data: dict[str, Any]) -> ToolPolicy:
        place: Place = ("tools", name)
        stated: dict[str, Any] = {
            key: kind(data[key])
            for key, kind in (
                ("runs", Runs),
                ("confirm", Confirm),
                ("integrity", Integrity),
                ("caller", CallerSees),
                ("card", Card),
                ("questions", Questions),
            )
            if key in data
        }
        return ToolPolicy(
            name=name,
            arguments=self._rules(name, data, "arguments"),
            results=self._rules(name, data, "results"),
            defaults=self._defaults((*place, "defaults"), data.get("defaults", {})),
            errors=self._errors(place, data["errors"]) if "errors" in data else None,
            stored_as=self._stored_as(place, data["stored_as"]) if "stored_as" in data else (),
            bars=load_bars(data, self._rule_id(*place, name=f"tools.{name}"), place, self.source) or NO_BARS,
            stated=frozenset(stated),
            rule_id=self._rule_id(*place, name=f"tools.{name}"),
            line=self._line(*place),
            lines={key: self._line(*place, key) for key in data},
            **stated,
        )

    def _client(self, name: str, data: dict[str, Any]) -> Client:
        place: Place = ("clients", name)
        return Client(
            name=name,
            accepts=Locality(data.get("accepts", Locality.CLOUD)),
            tools=tuple(data.get("tools", ("*",))),
            rule_id=self._rule_id(*place, name=f"clients.{name}"),
            line=self._line(*place),
        )

    def _errors(self, place: Place, word: str) -> Resolution:
        """What holds for a tool's error texts: of a handle, not even that two of them are equal shows."""
        clearance = Clearance.of(word)
        return Resolution(
            locality=clearance.locality,
            scan=clearance.scan,
            type="error",
            link=False,
            rule_id=self._rule_id(*place, "errors", name=".".join(map(str, (*place, "errors")))),
        )

    def _stored_as(self, place: Place, data: Any) -> StoredAs:
        return load_stored_as(
            data,
            (*place, "stored_as"),
            self.source,
            self.problems,
            file=self.file,
            tools=self.data.get("tools", {}),
        )

    def _rules(self, tool: str, data: dict[str, Any], side: str) -> tuple[PathRule, ...]:
        place = ("tools", tool, side)
        return load_rules(data.get(side, {}), place, self.source, self.problems, self.file)

    def _detectors(self) -> tuple[Detector, ...]:
        said: Any = self.data.get("detect")
        listed = said.get("detectors") if isinstance(said, dict) else said
        if "detect_also" in self.data:
            if listed is not None:
                fix = "move its lines to `detect`, or remove `detect` to keep every built-in detector"
                self.problems.add(
                    self._line("detect_also"), "`detect_also` adds to what `detect` replaces", fix
                )
            place: Place = ("detect_also",)
            lines = dict(enumerate(self.data["detect_also"]))
            alone = [index for index, data in lines.items() if data and data.keys() <= _ONLY_EXCEPTS]
            own = [self._detector(place, at, lines[at]) for at in lines if lines[at] and at not in alone]
            return (*own, *self._built_in([(at, lines[at]) for at in alone]))
        if listed is not None:
            return self._listed(self._detect, listed)
        # An absent list must not mean "find less": the people of the contacts would leave in what the user types (I2).
        return tuple(self._built_in([]))

    def _built_in(self, exceptions: list[tuple[int, dict[str, Any]]]) -> Iterator[Detector]:
        """The built-in detectors, with what lines of exceptions alone say of those of their type."""
        built_in = default_policy().detect
        excepted: dict[str, list[Excepted]] = {}
        for index, data in exceptions:
            line = self._line("detect_also", index)
            if not any(one.type == data["type"] for one in built_in):
                fix = near(data["type"], {one.type for one in built_in})
                self.problems.add(
                    line, f"there is no built-in detector of {data['type']} to except from", fix
                )
            rule_id = self._rule_id("detect_also", index, name=f"detect_also[{index}] {data['type']}")
            excepted.setdefault(data["type"], []).extend(self._excepted(data, rule_id, line))
        for one in built_in:  # no lines of this file
            yield replace(one, line=0, excepted=tuple(excepted.get(one.type, ())))

    def _excepted(self, data: dict[str, Any], rule_id: str, line: int) -> tuple[Excepted, ...]:
        if not any(key in data for key in _EXCEPTIONS):
            return ()
        file = self._beside(data["except_values_file"]) if "except_values_file" in data else ""
        return (Excepted.of(rule_id, values=data.get("except_values", ()), file=file, line=line),)

    def _listed(self, place: Place, lines: list[Any]) -> tuple[Detector, ...]:
        return tuple(
            self._detector(place, index, data) for index, data in enumerate(lines) if data is not None
        )

    @property
    def _detect(self) -> Place:
        """Where the list of detectors stands."""
        return ("detect", "detectors") if isinstance(self.data.get("detect"), dict) else ("detect",)

    def _unknown_names(self) -> UnknownNames:
        said = self.data.get("detect")
        return UnknownNames(
            said.get("unknown_names", UnknownNames.MARK) if isinstance(said, dict) else "mark"
        )

    def _detector(self, place: Place, index: int, data: dict[str, Any]) -> Detector:
        line = self._line(*place, index)
        rule_id = self._rule_id(*place, index, name=f"{place[0]}[{index}] {data['type']}")
        given = [key for key in _ONE_OF if key in data]
        if len(given) != 1:
            found = " and ".join(f"`{key}`" for key in given) or "none of them"
            fix = f"give one of {', '.join(f'`{key}`' for key in _ONE_OF)}"
            self.problems.add(line, f"the detector of {data['type']} has {found}", fix)
            given = ["values"]
        pattern, builtin = self._pattern(data, line)
        kind = DetectorKind.BUILTIN if builtin else DetectorKind(given[0])
        if "parts" in data and kind not in _LISTED:
            self.problems.add(line, "`parts` has no effect on a pattern", "remove it")
        if "incomplete" in data and kind is not DetectorKind.VALUES_FROM:
            self.problems.add(line, "`incomplete` has no effect without `values_from`", "remove it")
        if "region" in data and pattern != "phone":
            self.problems.add(line, "`region` has an effect only on `builtin:phone`", "remove it")
        self._check_plugin(data, line)
        origin = data.get("values_from", {})
        return Detector(
            type=data["type"],
            kind=kind,
            pattern=pattern,
            values=tuple(data.get("values", ())),
            file=self._beside(data["values_file"]) if "values_file" in data else "",
            tool=origin.get("tool", ""),
            path=self._path(origin["path"], *place, index, "values_from", "path") if origin else None,
            incomplete=Incomplete(data.get("incomplete", Incomplete.STOP)),
            show=parse_show(data["show"]) if "show" in data else None,
            parts=data.get("parts", False),
            regions=(data["region"],) if "region" in data else (),
            plugin=data.get("plugin", ""),
            entities=tuple(data.get("entities", ())),
            language=data.get("language", "en"),
            threshold=data.get("threshold", 0.5),
            excepted=self._excepted(data, rule_id, line),
            rule_id=rule_id,
            line=line,
        )

    def _beside(self, file: str) -> str:
        """A path that the policy names, from the policy's own folder."""
        return str(FilePath(self.file).parent / FilePath(file).expanduser())

    def _check_plugin(self, data: dict[str, Any], line: int) -> None:
        if "plugin" not in data:
            for key in _OF_PLUGINS:
                if key in data:
                    self.problems.add(line, f"`{key}` has no effect without `plugin`", "remove it")
            return
        if data["plugin"] not in PLUGINS:
            fix = near(data["plugin"], PLUGINS)
            self.problems.add(line, f"there is no plug-in `{data['plugin']}`", fix)
        elif "entities" not in data:
            fix = "add what it is to find, such as `entities: [PERSON, LOCATION]`"
            self.problems.add(line, f"the detector of {data['type']} has no `entities`", fix)

    def _untrusted(self) -> Iterator[UntrustedFolder]:
        for index, text in enumerate(self.data.get("untrusted", ())):
            line = self._line("untrusted", index)
            try:
                if text is not None:
                    rule_id = self._rule_id("untrusted", index, name=f"untrusted[{index}]")
                    yield UntrustedFolder.of(text, rule_id=rule_id, line=line)
            except ValueError:
                fix = "write the store, then a path with slashes and without `..`, such as notes/clippings/**"
                self.problems.add(line, f"`untrusted[{index}]` names no folder", fix)

    def _never(self, index: int, data: dict[str, str]) -> Never:
        name = f"never[{index}] {data['type']}"
        return Never(
            type=data["type"],
            rule_id=self._rule_id("never", index, name=name),
            line=self._line("never", index),
        )

    def _check_never(self, policy: Policy) -> None:
        """Note each type of `never` that nothing finds: it would leave in every text."""
        types = sorted({detector.type for detector in policy.detect})
        for one in policy.never:
            if one.type not in types:
                fix = f"add one to `detect_also`, or name a type that is found: {', '.join(types)}"
                self.problems.add(
                    one.line, f"no detector looks for `{one.type}`, which is never to leave", fix
                )

    def _keep(self, index: int, data: dict[str, Any]) -> Claim:
        if set(data) not in ({"type"}, {"tool", "path"}):
            line = self._line("keep", index)
            self.problems.add(line, f"`keep[{index}]` is not a claim", "give `type`, or `tool` and `path`")
        return Claim(
            type=data.get("type", ""),
            tool=data.get("tool", ""),
            path=self._path(data["path"], "keep", index, "path") if "path" in data else None,
            rule_id=self._rule_id("keep", index, name=f"keep[{index}]"),
            line=self._line("keep", index),
        )

    def _path(self, path: str, *place: str | int) -> Any:
        try:
            return compile_path(path)
        except PathError as error:
            self.problems.add(self._line(*place), error.message, error.fix)
            return None

    def _pattern(self, data: dict[str, Any], line: int) -> tuple[str, bool]:
        """The pattern of a detector, and whether it is a built-in one's name."""
        pattern: str = data.get("pattern", "")
        if pattern != "builtin" and not pattern.startswith("builtin:"):
            self._check_regex(pattern, line, data["type"])
            return pattern, False
        name = pattern.partition(":")[2] or data["type"]
        if name not in BUILTIN_PATTERNS:
            fix = near(name, BUILTIN_PATTERNS)
            self.problems.add(line, f"there is no built-in pattern `{name[:64]}`", fix)
        return name, True

    def _check_regex(self, pattern: str, line: int, kind: str) -> None:
        if not pattern:
            return
        try:
            regex = compile_regex(pattern)
        except ValueError as error:
            fix = "use RE2's syntax (no look-around, no back-references)"
            self.problems.add(line, f"the pattern of {kind} {error}", fix)
            return
        if regex.fullmatch("") is not None:
            self.problems.add(
                line, f"the pattern of {kind} matches the empty text", "let it want one character"
            )

"""Table tests of a policy: given this result, call or instruction, expect these localities, views and verdicts.

    policy: laptop.yaml                      # beside this file; `built-in` for the one that ships
    gazetteers: {contacts.list: ["Alice Moreau"]}      # what `values_from` would load
    tests:
      - name: addresses stay
        result: {tool: contacts.search, value: {matches: [{email: alice@example.org}]}}
        expect: {"$.matches[*].email": {locality: handle, type: email}}
        planner: '{"matches":[{"email":"<email:1>"}]}'
      - name: why a search failed stays
        failure: {tool: contacts.search, kind: not-found, text: nobody is called Alice}
        planner: "failed: not-found"
      - name: the editor may read where people work
        result: {tool: contacts.search, value: {matches: [{company: Atelier}]}}
        client: {zed: '{"matches":[{"company":"Atelier"}]}'}
      - name: mail to strangers is refused
        call: {tool: mail.send, arguments: {to: "<email:1>", body: Hello}}
        handles: {"<email:1>": {from: "mail.search $.messages[0].from"}}
        verdict: denied
        reasons: [not-trusted]
      - name: what a model writes after it has read a private title is not searched for
        call: {tool: web.search, arguments: {q: Hello}}
        read: ["calendar.list $.events[*].title"]
        verdict: denied
        reasons: [barred]

The real labelling, release and check run on these values; nothing is called, sent or asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from umi_edge.policy.loader import policy_bytes, policy_text
from umi_edge.policy.paths import Path as JsonPath
from umi_edge.policy.paths import PathError, compile_path
from umi_edge.policy.problems import Problems
from umi_edge.policy.yaml_source import Place, Source, read_yaml
from umi_edge.tools import FailureKind, Hints
from umi_shared.errors import PolicyError
from umi_shared.handles import Handle, parts_of
from umi_shared.problems import near

__all__ = [
    "Expectation",
    "GivenHandle",
    "GivenPlace",
    "TableTest",
    "TestFile",
    "example_text",
    "read_test_file",
    "test_files",
]

_SUFFIXES = (".test.yaml", ".test.yml")
_GIVEN = ("instruction", "result", "failure", "call")
_VIEWS = ("planner", "summarizer", "client")
_KEYS = ("name", *_GIVEN, "handles", "read", "expect", "verdict", "reasons", "redact", *_VIEWS)
_FIELDS = ("locality", "type", "show", "link", "shape", "never_to", "only_to")
VERDICTS = ("allowed", "asked", "denied")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of every node that a path selects."""

    path: JsonPath
    fields: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenHandle:
    """The value that a handle in a call stands for."""

    handle: Handle
    locality: str = "handle"
    integrity: str = "untrusted"
    tool: str = ""
    """With `path`: the value came from there, so the policy says what holds for it."""
    path: JsonPath | None = None


@dataclass(frozen=True, slots=True)
class GivenPlace:
    """A place in a tool's results."""

    tool: str
    path: JsonPath


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTest:
    """One row: what is given, and what is expected."""

    name: str
    line: int
    instruction: str | None = field(default=None, repr=False)
    tool: str = ""
    source: str = ""
    hints: Hints = field(default_factory=Hints)
    value: Any = field(default=None, repr=False)
    failure: str = ""
    """The kind of the failure, and in `value` what the tool says of it."""
    arguments: Mapping[str, Any] | None = field(default=None, repr=False)
    handles: tuple[GivenHandle, ...] = ()
    read: tuple[GivenPlace, ...] = ()
    """What the model that wrote the call had read in clear."""
    expect: tuple[Expectation, ...] = ()
    verdict: str = ""
    reasons: tuple[str, ...] | None = None
    redact: tuple[str, ...] | None = None
    views: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By sink, the exact text that it sees."""
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """By key of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """One file of tests, and the policy that they are of."""

    __test__ = False  # pytest looks at everything that is called Test

    path: Path
    policy: str
    gazetteers: Mapping[str, tuple[Any, ...]] = field(repr=False)
    """By tool: values, or records as the tool gives them."""
    tests: tuple[TableTest, ...]


def example_text() -> str:
    """The tests of the built-in policy, as they ship: every rule of it is exercised."""
    return (files("umi_edge.policy_tools") / "default.test.yaml").read_text("utf-8")


def test_files(target: Path) -> tuple[Path, ...]:
    """The test files in a folder and the folders in it, or the one that is named.

    Raises `PolicyError` where there is none: tests that are not found must not look like tests that pass.
    """
    found = (
        sorted(one for one in target.rglob("*") if one.name.endswith(_SUFFIXES))
        if target.is_dir()
        else [target]
    )
    if not found:
        raise PolicyError(f"no test is in {target}", fix=f"name the files with {' or '.join(_SUFFIXES)}")
    return tuple(found)


test_files.__test__ = False  # type: ignore[attr-defined]


def read_test_file(path: Path) -> TestFile:
    """The tests in a file; raises `InvalidPolicyError` with all that is wrong, each at its line."""
    problems = Problems(str(path))
    text = policy_text(policy_bytes(path), str(path))
    source = read_yaml(text, problems, what="test file", start="policy: laptop.yaml")
    found = _Reader(source, problems).file(path)
    problems.raise_if_any()
    return found


class _Reader:
    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems

    def _wrong(self, place: Place, message: str, fix: str) -> None:
        self.problems.add(self.source.line(place), message, fix)

    def _known(self, data: Any, place: Place, known: tuple[str, ...]) -> dict[str, Any]:
        """The mapping at a place, without keys that mean nothing."""
        if not isinstance(data, dict):
            self._wrong(place, "a mapping is expected here", f"give {', '.join(known)}")
            return {}
        for key in data:
            if key not in known:
                self._wrong((*place, key), f"unknown field `{str(key)[:64]}`", near(str(key), known))
        return {key: value for key, value in data.items() if key in known}

    def file(self, path: Path) -> TestFile:
        data = self._known(self.source.data, (), ("policy", "gazetteers", "tests"))
        rows = data.get("tests")
        if not isinstance(rows, list) or not rows:
            self._wrong(("tests",), "there are no tests", "add `tests:` with `- name: ...` rows")
            rows = []
        lists = data.get("gazetteers", {})
        if not isinstance(lists, dict):
            self._wrong(("gazetteers",), "`gazetteers` is not a mapping", "give `tool: [values]`")
            lists = {}
        return TestFile(
            path=path,
            policy=str(data.get("policy", "")),
            gazetteers={
                str(tool): tuple(value if isinstance(value, dict) else str(value) for value in values)
                for tool, values in lists.items()
                if isinstance(values, list)
            },
            tests=tuple(self._test(row, ("tests", index)) for index, row in enumerate(rows)),
        )

    def _test(self, row: Any, place: Place) -> TableTest:
        data = self._known(row, place, _KEYS)
        given = [key for key in _GIVEN if key in data]
        if len(given) != 1:
            found = " and ".join(f"`{key}`" for key in given) or "none of them"
            self._wrong(place, f"this test has {found}", f"give one of {', '.join(_GIVEN)}")
        if not any(key in data for key in ("expect", "verdict", "reasons", "redact", *_VIEWS)):
            self._wrong(
                place,
                "this test expects nothing",
                "add `expect`, `verdict`, `planner`, `summarizer` or `client`",
            )
        for key in ("verdict", "reasons", "redact", "read"):
            if key in data and "call" not in data:
                self._wrong((*place, key), f"`{key}` is of a call", "give `call`")
        verdict = str(data.get("verdict", ""))
        if verdict and verdict not in VERDICTS:
            self._wrong((*place, "verdict"), f"`verdict` is `{verdict[:40]}`", near(verdict, VERDICTS))
        call = self._known(data.get("call", {}), (*place, "call"), ("tool", "source", "hints", "arguments"))
        result = self._known(data.get("result", {}), (*place, "result"), ("tool", "source", "value"))
        failure = self._failure(data, place)
        result = result | failure
        tool = str(call.get("tool", result.get("tool", "")))
        if not tool and "instruction" not in data and given:
            self._wrong(place, "the test has no tool", "add `tool`")
        arguments = call.get("arguments", {})
        if not isinstance(arguments, dict):
            self._wrong((*place, "call", "arguments"), "`arguments` is not a mapping", "give `name: value`")
            arguments = {}
        return TableTest(
            name=str(data.get("name", f"test {place[-1]}")),
            line=self.source.line(place),
            instruction=str(data["instruction"]) if "instruction" in data else None,
            tool=tool,
            source=str(call.get("source", result.get("source", ""))),
            hints=self._hints(call.get("hints", []), (*place, "call", "hints")),
            value=failure.get("text", result.get("value")),
            failure=str(failure.get("kind", "")),
            arguments=arguments if "call" in data else None,
            handles=self._handles(data.get("handles", {}), (*place, "handles")),
            read=tuple(self._read(data.get("read", []), (*place, "read"))),
            expect=self._expect(data.get("expect", {}), (*place, "expect")),
            verdict=verdict,
            reasons=tuple(map(str, data["reasons"])) if isinstance(data.get("reasons"), list) else None,
            redact=tuple(map(str, data["redact"])) if isinstance(data.get("redact"), list) else None,
            views=self._views(data, place),
            lines={key: self.source.line((*place, key)) for key in data},
        )

    def _views(self, data: Mapping[str, Any], place: Place) -> dict[str, str]:
        """What each reader is expected to see; a client is named by the policy's word for it."""
        said = {sink: str(data[sink]) for sink in ("planner", "summarizer") if sink in data}
        clients = data.get("client", {})
        if not isinstance(clients, dict):
            self._wrong((*place, "client"), "`client` is not a mapping", "give `name: view`")
            return said
        return said | {f"client:{name}": str(view) for name, view in clients.items()}

    def _failure(self, data: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """What a `failure` row gives; empty for another row."""
        if "failure" not in data:
            return {}
        here = (*place, "failure")
        said = self._known(data["failure"], here, ("tool", "source", "kind", "text"))
        kinds = tuple(FailureKind)
        kind = str(said.get("kind", FailureKind.ERROR))
        if kind not in kinds:
            self._wrong((*here, "kind"), f"`kind` is `{kind[:40]}`", near(kind, kinds))
        return said | {"kind": kind, "text": str(said.get("text", ""))}

    def _hints(self, words: Any, place: Place) -> Hints:
        known = tuple(Hints.__dataclass_fields__)
        if not isinstance(words, list) or not set(map(str, words)) <= set(known):
            self._wrong(
                place, "`hints` is a list of what the tool says of itself", f"use: {', '.join(known)}"
            )
            return Hints()
        return Hints(**dict.fromkeys(map(str, words), True))

    def _handles(self, data: Any, place: Place) -> tuple[GivenHandle, ...]:
        found = []
        for text, body in (data if isinstance(data, dict) else {}).items():
            here = (*place, text)
            parts = parts_of(str(text))
            if len(parts) != 1 or not isinstance(parts[0], Handle):
                self._wrong(here, f"`{str(text)[:64]}` is not a handle", 'write it as "<email:1>"')
                continue
            said = self._known(body, here, ("from", "locality", "integrity"))
            tool, _, path = str(said.get("from", "")).partition(" ")
            found.append(
                GivenHandle(
                    handle=parts[0],
                    locality=self._word(
                        said, "locality", ("cloud", "planner", "summarizer", "handle", "hidden"), here
                    ),
                    integrity=self._word(said, "integrity", ("untrusted", "trusted"), here),
                    tool=tool,
                    path=self._path(path.strip(), here) if tool else None,
                )
            )
        if not isinstance(data, dict):
            self._wrong(place, "`handles` is not a mapping", 'give `"<email:1>": {integrity: trusted}`')
        return tuple(found)

    def _read(self, data: Any, place: Place) -> Iterator[GivenPlace]:
        if not isinstance(data, list):
            self._wrong(place, "`read` is not a list", 'give `["calendar.list $.events[*].title"]`')
            return
        for index, text in enumerate(data):
            tool, _, path = str(text).partition(" ")
            compiled = self._path(path.strip(), (*place, index))
            if compiled is not None:
                yield GivenPlace(tool, compiled)

    def _word(self, said: Mapping[str, Any], key: str, words: tuple[str, ...], place: Place) -> str:
        word = str(said.get(key, "handle" if key == "locality" else words[0]))
        if word not in words:
            self._wrong((*place, key), f"`{key}` is `{word[:40]}`", near(word, words))
            return words[0]
        return word

    def _expect(self, data: Any, place: Place) -> tuple[Expectation, ...]:
        if not isinstance(data, dict):
            self._wrong(place, "`expect` is not a mapping", 'give `"$.path": locality`')
            return ()
        found = []
        for text, body in data.items():
            here = (*place, text)
            path = self._path(str(text) if str(text).startswith("$") else f"$['{text}']", here)
            fields = {"locality": body} if isinstance(body, str) else self._known(body, here, _FIELDS)
            if path is not None and fields:
                found.append(Expectation(path=path, fields=fields, line=self.source.line(here)))
        return tuple(found)

    def _path(self, text: str, place: Place) -> JsonPath | None:
        try:
            return compile_path(text)
        except PathError as error:
            self._wrong(place, error.message, error.fix)
            return None

"""Every broken policy gives clear errors with file, line and fix, all of them at once, and nothing private."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umi_edge.policy import InvalidPolicyError, Policy, load_policy, read_policy
from umi_edge.policy.detector import DetectorKind
from umi_edge.policy.lint import warnings_of
from umi_edge.policy.loader import default_policy, default_policy_text
from umi_edge.policy.schema import schema_text
from umi_shared.errors import PolicyError

DESIGN = """
version: 1
name: laptop
defaults: {instruction: scan, arguments: handle, results: handle}   # built in: the same
detect:
  - {type: email, pattern: builtin}
  - {type: person, values_from: {tool: contacts.list, path: "$[*].name"}}   # a gazetteer from the user's own data
  - {type: project, values: ["Project Neptune"]}
tools:
  contacts.search:
    results:
      "$.matches[*].email": {locality: handle, type: email, show: domain}
      "$.matches[*].company": cloud
  mail.search:
    integrity: untrusted            # its results came from strangers
    results: {"$..subject": planner}
  mail.send:
    confirm: always
    arguments:
      to:   {type: email, requires: trusted}
      body: hidden
  web.search:
    runs: third-party               # arguments leave the device
    arguments:
      q: {accepts: cloud, on_violation: ask}     # deny | ask | redact
limits: {steps: 12, call_seconds: 30, result_bytes: 1MiB, declassified_bits: 256}
"""


def _errors(text: str) -> InvalidPolicyError:
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(text, "laptop.yaml")
    for problem in caught.value.problems:
        assert problem.message
        assert problem.fix
    return caught.value


def test_the_designs_example_says_what_it_says() -> None:
    policy = load_policy(DESIGN, "laptop.yaml")
    assert (policy.version, policy.name, policy.limits.result_bytes) == (1, "laptop", 1 << 20)
    assert [detector.kind for detector in policy.detect] == ["builtin", "values_from", "values"]
    rule = policy.tools["web.search"].arguments[0]
    assert (rule.accepts, rule.on_violation, rule.line) == ("cloud", "ask", 25)
    assert rule.rule_id == "laptop.yaml:25 tools.web.search.arguments q"


def test_json_is_a_policy_too() -> None:
    assert load_policy(json.dumps({"version": 1, "limits": {"steps": 3}})).limits.steps == 3


def test_a_policy_without_detectors_looks_for_all_that_the_built_in_one_does() -> None:
    """Trial: the policy of the README looked for patterns alone, and the people of the contacts left in clear."""
    found = load_policy("version: 1").detect
    assert [replace(one, line=0) for one in default_policy().detect] == list(found)
    assert {"person", "email"} <= {one.type for one in found if one.kind is DetectorKind.VALUES_FROM}


@pytest.mark.parametrize(
    ("text", "line", "message", "fix"),
    [
        ("", 0, "empty", "show-default"),
        ("# nothing\n", 0, "empty", "show-default"),
        ("- version: 1\n", 1, "not a mapping", "version: 1"),
        ("just words", 1, "not a mapping", "version: 1"),
        ("version: 1\n---\nversion: 1\n", 2, "second YAML document", "one per file"),
        ("version: 1\ntools:\n\tx: 1\n", 3, "tab", "spaces"),
        ("version: 1\nname: [a\n", 3, "not valid YAML", "brackets"),
        ("version: 1\nname: a: b\n", 2, "not valid YAML", "quotes"),
        ("version: 1\nname: @x\n", 2, "not valid YAML", "quotes"),
        ("version: 1\nname: 'x\n", 3, "not valid YAML", "quotes"),
        ("version: 1\nname: \x00\n", 2, "control character", "remove"),
        ("name: x\n", 1, "lacks `version`", "add"),
        ("version: 2\n", 1, "`version` is `2`", "1"),
        ("version: 1\nversion: 1\n", 2, "twice: line 1 and line 2", "line 1"),
        ("version: 1\nlimts: {steps: 1}\n", 2, "unknown field `limts`", "`limits`"),
        ("version: 1\nname: &a x\n", 2, "anchor", "write the value out"),
        ("version: 1\nname: *a\n", 2, "anchor or alias", "write the value out"),
        ("version: 1\nname: !foo x\n", 2, "tag", "remove"),
        ("version: 1\n? [a]\n: x\n", 2, "key", "key: value"),
        ("version: 1\ndetect: []\n", 2, "empty", "add to it"),
        ("version: 1\ndetect:\n  - {type: emial, pattern: builtin}\n", 3, "no built-in pattern `emial`", "`email`"),
        ("version: 1\ndetect:\n  - {type: x}\n", 3, "none of them", "`pattern`"),
        ("version: 1\ndetect:\n  - {type: x, pattern: 'a*'}\n", 3, "matches the empty text", "one character"),
        ("version: 1\ndetect:\n  - {type: x, pattern: '(?=a)b'}\n", 3, "does not compile", "RE2"),
        ("version: 1\ndetect:\n  - {type: x, pattern: a, parts: true}\n", 3, "`parts`", "remove"),
        ("version: 1\ndetect:\n  - {type: x, pattern: a, region: CH}\n", 3, "`region`", "remove"),
        ("version: 1\ndetect:\n  - {type: x, values: []}\n", 3, "empty", "add to it"),
        ("version: 1\ndetect:\n  - type: x\n    values_from:\n      tool: t\n      path: 'x['\n", 6, "JSONPath", "RFC"),
        ("version: 1\ntools:\n  x:\n    results: {}\n", 4, "empty", "remove the line"),
        ("version: 1\ntools:\n  x: {}\n", 3, "empty", "remove the line"),
        ("version: 1\ntools:\n  x:\n", 3, "is empty", "mapping"),
        ("version: 1\ntools:\n  9x: {card: scan}\n", 3, "not a tool's name", "letter"),
        ("version: 1\ntools:\n  x:\n    results:\n      '$.a': cluod\n", 5, "`cluod`", "`cloud`"),
        ("version: 1\ntools:\n  x:\n    results:\n      '$.a': {localty: cloud}\n", 5, "`localty`", "`locality`"),
        ("version: 1\ntools:\n  x:\n    results:\n      '$.a': {requires: trusted}\n", 5, "`requires`", "use one of"),
        ("version: 1\ntools:\n  x:\n    results:\n      '$.a': {show: domian}\n", 5, "`domian`", "bucket(n)"),
        ("version: 1\ntools:\n  x:\n    results:\n      '$.a': {type: E-Mail}\n", 5, "type", "`email`"),
        ("version: 1\ntools:\n  x:\n    results:\n      'a.b': cloud\n", 5, "not a JSONPath", "RFC 9535"),
        ("version: 1\ntools:\n  x:\n    arguments:\n      '$[?@.a].b': cloud\n", 5, "depends on values", "names"),
        ("version: 1\ntools:\n  x:\n    arguments:\n      '$.a[-1]': cloud\n", 5, "depends on values", "names"),
        ("version: 1\nlimits: {steps: 0}\n", 2, "`limits.steps` is `0`", "1 or more"),
        ("version: 1\nlimits: {result_bytes: 4XB}\n", 2, "`4XB`", "1MiB"),
        ("version: 1\nlimits: {result_bytes: 4GiB}\n", 2, "too much", "1GiB"),
        ("version: 1\ndefaults: {results: 7}\n", 2, "`7`", "use one of"),
    ],
)  # fmt: skip
def test_one_clear_error_with_line_and_fix(text: str, line: int, message: str, fix: str) -> None:
    error = _errors(text)
    assert error.file == "laptop.yaml"
    problem = next(problem for problem in error.problems if message in problem.message)
    assert problem.line == line
    assert fix in problem.fix
    assert len(error.problems) == 1, error


def test_all_errors_of_a_file_are_reported_in_its_order() -> None:
    error = _errors(
        "version: 1\nnam: x\ntools:\n  a:\n    results:\n      '$.b[': cloud\n      '$.c': cluod\n"
        "      '$.d': handle\n      \"$['d']\": cloud\nlimits: {steps: -1}\n"
    )
    assert [problem.line for problem in error.problems] == [2, 6, 7, 9, 10]
    assert str(error).count("laptop.yaml:") == 5
    assert str(error).count("Fix: ") == 6


def test_two_rules_for_one_path_are_named_with_both_lines() -> None:
    error = _errors("version: 1\ntools:\n  a:\n    results:\n      '$.b': cloud\n      \"$['b']\": handle\n")
    assert "line 5" in error.problems[0].message
    assert error.problems[0].line == 6


@pytest.mark.parametrize("field", ["type: a|type: b", "show: year|show: month"])
def test_rules_that_surely_contradict_each_other_are_named_with_both_lines(field: str) -> None:
    one, other = field.split("|")
    error = _errors(
        f"version: 1\ntools:\n  a:\n    results:\n      '$.b[*].c': {{{one}}}\n      '$..c': {{{other}}}\n"
    )
    assert error.problems[0].line == 6
    assert "line 5" in error.problems[0].message


def test_rules_that_say_the_same_do_not_contradict() -> None:
    load_policy("version: 1\ntools:\n  a:\n    results:\n      '$.b.c': {type: x}\n      '$..c': {type: x}\n")


SECRET = "Pr0ject-Xanadu"


@pytest.mark.parametrize(
    "line",
    [
        f"{{type: x, values: [{SECRET}], pattern: '({SECRET}'}}",
        f"{{type: x, values: {SECRET}}}",
        f"{{type: x, values: {{{SECRET}: 1}}}}",
        f"{{type: x, values: [[{SECRET}]]}}",
        f"{{type: x, values: ['{SECRET}', 'y']}}",
        f"{{type: x, pattern: '{SECRET}('}}",
        f"{{type: x, values: ['{SECRET}]}}",
        f"{{type: x, values: [&{SECRET} a, *{SECRET}]}}",
        f"{{type: x, values: [!{SECRET} a]}}",
        f"{{type: x, values: [!a!{SECRET} a]}}",
        f"{{type: x, values: ['{SECRET}'], values: ['{SECRET}']}}",
        f"{{type: x, values: ['{SECRET * 40}']}}",
    ],
)
def test_no_error_quotes_a_detectors_value(line: str) -> None:
    error = _errors(f"version: 1\ndetect:\n  - {line}\n")
    assert SECRET not in str(error)
    assert SECRET not in repr(error)
    chain = [error.__cause__, None if error.__suppress_context__ else error.__context__]
    assert not any(SECRET in str(link) for link in chain)


def test_no_repr_shows_a_detectors_value() -> None:
    policy = load_policy(f"version: 1\ndetect:\n  - {{type: x, values: [{SECRET}]}}\n")
    assert SECRET not in repr(policy)
    assert SECRET not in repr(policy.detect)


def test_a_bomb_of_aliases_does_not_grow() -> None:
    lines = ["version: 1", "a0: &a0 [x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    error = _errors("\n".join(lines))
    assert any("anchor or alias" in problem.message for problem in error.problems)


def test_a_policy_of_ten_megabytes_is_refused_at_once() -> None:
    assert "larger than 1024 KiB" in str(_errors("version: 1\n" + "#" * 10_000_000))


def test_a_policy_of_too_many_values_is_refused() -> None:
    assert "more than 40000 values" in str(_errors("version: 1\nx: [" + "a," * 41_000 + "]"))


@pytest.mark.parametrize(
    "text", ["x: " + "[" * 3000, "x: " + "{a: " * 3000, "version: 1\nx:\n" + "- " * 900 + "a"]
)
def test_a_policy_that_is_too_deep_is_refused(text: str) -> None:
    assert "levels of nesting" in str(_errors(text))


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy there") as caught:
        read_policy(tmp_path / "none.yaml")
    assert caught.value.fix
    with pytest.raises(PolicyError, match="no policy there"):
        read_policy(tmp_path)


def test_a_file_that_is_not_text_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"version: 1\nname: \xff\xfe\n")
    with pytest.raises(PolicyError, match="not UTF-8") as caught:
        read_policy(path)
    assert caught.value.line == 2


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\xff" * 10_000_000)
    with pytest.raises(PolicyError, match="larger than"):
        read_policy(path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read_policy(path).version == 1


def test_the_schema_is_a_schema_and_explains_every_field() -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"]
    fields = [*schema["properties"].values(), *schema["$defs"]["tool"]["properties"].values()]
    assert all("description" in field or "$ref" in field for field in fields)


LINES = default_policy_text().splitlines()
PIECES = st.sampled_from(
    ["[", "]", "{", "}", ":", " ", "\t", "- ", "&a ", "*a", "!x ", "'", '"', "#", "\n", "|", "0"]
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_mutated_policy_loads_or_is_refused(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "insert", "swap"])):
            case "drop":
                lines[at] = ""
            case "double":
                lines.insert(at, lines[at])
            case "insert":
                where = data.draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:where] + data.draw(PIECES) + lines[at][where:]
            case "swap":
                lines[at] = lines[at].replace(":", "", 1)
    _load("\n".join(lines))


@given(st.text(max_size=80) | st.lists(PIECES | st.text("ab:", max_size=3), max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_loads_or_is_refused(text: str) -> None:
    _load(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"version": st.just(1)},
        optional={
            "detect": JSON | st.lists(JSON, max_size=2),
            "tools": JSON | st.dictionaries(st.sampled_from(["a", "b*"]), JSON | st.fixed_dictionaries(
                {}, optional={"results": JSON, "arguments": JSON, "defaults": JSON, "runs": JSON}), max_size=2),
            "limits": JSON,
            "defaults": JSON,
            "name": JSON,
        },
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_data_of_about_the_right_shape_loads_or_is_refused(data: dict[str, object]) -> None:
    _load(json.dumps(data))


def _load(text: str) -> Policy | None:
    try:
        return load_policy(text, "fuzz.yaml")
    except InvalidPolicyError as error:
        refused = error
    assert all(problem.fix for problem in refused.problems)
    return None


def test_a_detector_may_do_without_what_its_tool_cannot_read_and_is_warned_of():
    text = 'version: 1\ndetect_also:\n  - {type: x, values_from: {tool: a.b, path: "$[*]"}, incomplete: %s}\n'
    assert [p.line for p in warnings_of(load_policy(text % "allow"))] == [3]
    assert warnings_of(load_policy(text % "stop")) == ()
    with pytest.raises(PolicyError):
        load_policy(text % "yes")
    with pytest.raises(PolicyError, match="without `values_from`"):
        load_policy("version: 1\ndetect: [{type: email, pattern: builtin, incomplete: allow}]\n")


def test_detect_also_adds_to_all_that_the_built_in_policy_looks_for() -> None:
    policy = load_policy("version: 1\ndetect_also: [{type: client, values: [Moreau]}]", "p.yaml")
    first, *others = policy.detect
    assert (first.type, first.rule_id) == ("client", "p.yaml:2 detect_also[0] client")
    assert [replace(one, line=0) for one in default_policy().detect] == others
    assert len({one.rule_id for one in policy.detect}) == len(policy.detect)


def test_detect_and_detect_also_do_not_go_together() -> None:
    text = "version: 1\ndetect: [{type: email, pattern: builtin}]\ndetect_also: [{type: x, values: [Moreau]}]"
    with pytest.raises(PolicyError, match="adds to what `detect` replaces") as raised:
        load_policy(text)
    assert "Moreau" not in str(raised.value)


def test_a_wrong_line_of_detect_also_quotes_no_value() -> None:
    with pytest.raises(PolicyError) as raised:
        load_policy(
            "version: 1\ndetect_also:\n  - {type: x, values: [M]}\n  - {type: x, pattern: 'Zweig('}\n"
        )
    assert ":3" in str(raised.value)
    assert ":4" in str(raised.value)
    assert "Zweig" not in str(raised.value)


def test_detect_also_goes_with_a_word_about_unknown_names() -> None:
    text = "version: 1\ndetect: {unknown_names: ask}\ndetect_also: [{type: client, values: [Moreau]}]"
    assert [one.type for one in load_policy(text).detect][:2] == ["client", default_policy().detect[0].type]

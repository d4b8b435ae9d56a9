"""`umi policy`: check, explain, schema, show-default."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_edge.commands.policy import command
from umi_edge.policy.loader import default_policy_text, load_policy
from umi_edge.policy.schema import schema_text
from umi_shared.errors import PolicyError

POLICY = """version: 1
defaults: {results: planner}
tools:
  contacts.search:
    results:
      "$.matches[*].email": {locality: handle, type: email, show: domain}
      "$.matches": hidden
      "$.matches[?@.old].email": cloud
    arguments:
      name: scan
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "laptop.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return str(path)


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    assert not result.exception
    return result.output


def test_check_shows_what_stays_and_what_leaves(file: str) -> None:
    out = _run("check", file)
    assert "contacts.search\targuments\tname\tleaves, scanned" in out
    assert "contacts.search\tresults\t$.matches[*].email\tstays (handle)\ttype email, show domain" in out
    assert "contacts.search\tresults\t(all else)\tleaves to the planner\tpolicy default" in out
    assert "Defaults let values out." in out
    assert "ok, 1 tools" in out


@pytest.mark.parametrize(
    ("detects", "knows"),
    [
        ("", True),
        ("detect: [{type: email, pattern: builtin}]", False),
        ("detect: {unknown_names: mark}", True),
    ],
)
def test_check_says_where_no_detector_knows_the_contacts(tmp_path: Path, detects: str, knows: bool) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\n{detects}\n", encoding="utf-8")
    assert ("None of them knows your contacts" in _run("check", str(path))) is not knows


def test_check_names_the_folders_with_other_peoples_texts(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nuntrusted: [notes/clippings/**]\n", encoding="utf-8")
    assert "what lies in notes/clippings/**." in _run("check", str(path))
    assert '"folder": "notes/clippings/**"' in _run("check", "--json", str(path))
    path.write_text("version: 1\n", encoding="utf-8")
    assert "Not your own words" not in _run("check", str(path))


def test_check_reports_every_error_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\nnam: x\nlimits: {steps: 0}\n", encoding="utf-8")
    result = CliRunner().invoke(command, ["check", str(path), "--json"], standalone_mode=False)
    assert result.return_value == PolicyError.exit_code
    report = json.loads(result.output)
    assert not report["ok"]
    assert [problem["line"] for problem in report["problems"]] == [2, 3]


def test_check_raises_for_people(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy there"):
        CliRunner().invoke(
            command, ["check", str(tmp_path / "none")], catch_exceptions=False, standalone_mode=False
        )


def test_explain_quotes_the_deciding_line_and_the_chain(file: str) -> None:
    out = _run("explain", file, "--tool", "contacts.search", "--path", "$.matches[*].email")
    assert "results $.matches[0].email: stays (handle), type email, show domain" in out
    lines = [line.split() for line in out.splitlines()]
    chain = [
        line for line in lines if line[:1] in (["->"], ["exact"], ["ancestor"], ["policy"], ["built-in"])
    ]
    assert [line[0] for line in chain] == ["->", "ancestor", "policy", "built-in"]
    assert 'line 6: "$.matches[*].email": {locality: handle, type: email, show: domain}' in out
    assert "may join in, depending on the value: line 8" in out
    assert "the cloud would see it with" in out


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ("notes.search", "the planner is told of it\n"),
        (
            "crm.neptune",
            "not told of it: {file}:5 detect[1] project finds something of type project in its name",
        ),
        ("open.neptune", "the planner is told of it\n"),
        ("shut.down", "not told of it: its policy says `card: hidden`"),
        ("crm.people", "told of it, unless {file}:4 detect[0] person finds something in its name"),
    ],
)
def test_explain_says_whether_the_planner_is_told_of_a_tool(tmp_path: Path, tool: str, says: str) -> None:
    """A detector's find in the name hides a tool, but none of umi's own, and none that the policy clears."""
    path = tmp_path / "laptop.yaml"
    path.write_text(
        "version: 1\nname: p\ndetect:\n"
        '  - {type: person, values_from: {tool: contacts.list, path: "$[*].name"}}\n'
        "  - {type: project, values: [Neptune, notes]}\n"
        "tools: {open.*: {card: cloud}, shut.*: {card: hidden}}\n"
    )
    out = _run("explain", str(path), "--tool", tool)
    assert says.format(file=path.name) in out
    assert (
        says.format(file=path.name).strip("\n").removeprefix("the planner ")
        in json.loads(_run("explain", str(path), "--tool", tool, "--json"))["planner"]
    )


def test_explain_for_programs(file: str) -> None:
    report = json.loads(
        _run("explain", file, "--tool", "contacts.search", "--path", "$.else", "--argument", "name", "--json")
    )
    result, argument = report["places"]
    assert (result["locality"], argument["locality"]) == ("planner", "scan")
    assert [step["decides"] for step in result["chain"]] == [True, False]
    assert result["chain"][0]["text"] == "defaults: {results: planner}"
    assert "handle" in result["change"]


def test_explain_follows_its_own_advice(file: str) -> None:
    report = json.loads(_run("explain", file, "--tool", "contacts.search", "--path", "$.else", "--json"))
    line = report["places"][0]["change"].partition("with: ")[2]
    changed = load_policy("version: 1\n" + line)
    assert changed.results("contacts.search", {}).at(("else",)).locality == "handle"


def test_explain_says_that_a_hidden_shape_keeps_all(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text('version: 1\ntools: {a.b: {results: {"$.x": {locality: cloud, shape: hidden}}}}\n')
    assert "it stays whole" in _run("explain", str(path), "--tool", "a.b", "--path", "$.x.y")
    report = json.loads(_run("explain", str(path), "--tool", "a.b", "--path", "$.x", "--json"))
    assert report["places"][0]["kept_whole"]


def test_explain_of_a_tool_that_is_not_listed(file: str) -> None:
    out = _run("explain", file, "--tool", "un.listed")
    assert "not listed: built-in defaults" in out
    assert "runs third-party, confirm always" in out


@pytest.mark.parametrize("path", ["$[?@.a]", "matches"])
def test_explain_of_no_one_place_says_so(file: str, path: str) -> None:
    with pytest.raises(PolicyError):
        _run("explain", file, "--tool", "contacts.search", "--path", path)


def test_schema_and_default_are_printed_as_they_ship() -> None:
    assert _run("schema") == schema_text()
    assert _run("show-default") == default_policy_text()


def test_the_default_explains_itself(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text(_run("show-default"), encoding="utf-8")
    assert "What no rule mentions stays" in _run("check", str(path))


def test_explain_says_what_holds_inside_of_what_is_kept_whole(tmp_path: Path) -> None:
    """A part that says `shape: open` is kept with the whole all the same."""
    path = tmp_path / "p.yaml"
    path.write_text(
        'version: 1\ntools: {a.b: {results: {"$.x": {locality: scan, shape: hidden}, '
        '"$.x.y": {locality: cloud, shape: open}}}}\n'
    )
    out = _run("explain", str(path), "--tool", "a.b", "--path", "$.x.y")
    assert "results $.x.y: stays (handle)" in out
    assert "the shape of $.x is hidden" in out


JOINED = """version: 1
tools:
  crm.*: {confirm: always, results: {"$": hidden}}
  crm.list:
    results:
      "$.a": cloud
      "$.b[?@.c == 1]": cloud
"""


def test_check_shows_what_holds_and_not_what_is_outweighed(tmp_path: Path) -> None:
    (file := tmp_path / "p.yaml").write_text(JOINED)
    lines = CliRunner().invoke(command, ["check", str(file)]).output.splitlines()
    rows = [line.split("\t") for line in lines if line.startswith("crm.list\tresults")]
    assert [row[3] for row in rows] == ["stays (hidden)"] * 3
    assert sum("no effect" in line for line in lines) == 2


def test_explain_names_the_entry_that_decides_and_what_else_would_have_to_change(tmp_path: Path) -> None:
    (file := tmp_path / "p.yaml").write_text(JOINED)
    found = CliRunner().invoke(command, ["explain", str(file), "--tool", "crm.list", "--path", "$.a"]).output
    (decides,) = [line for line in found.splitlines() if line.startswith("  ->")]
    assert "line 3" in decides
    assert "once p.yaml:3 tools.crm.*.results $ no longer says `hidden`" in found
    everything = CliRunner().invoke(command, ["explain", str(file), "--tool", "crm.list"]).output
    assert "crm.*" in everything


FILTERS = """version: 1
defaults: {results: handle}
detect: [{type: client, values_from: {tool: crm.list, path: "$[?@.kind=='Moreau'].name"}}]
tools:
  crm.list:
    results:
      "$[?@.name == 'Moreau' && @.pay > 4815162].city": cloud
      "$[?match(@.name, 'Zweig.*')].city": {locality: cloud, link: false}
      "$[?@.name == 'Zweig'].city": {type: city, show: domain}
  crm.put: {stored_as: {city: {tool: crm.list, path: "$[?@.name == 'Zweig'].town"}}}
keep: [{tool: crm.list, path: "$[?@.name == 'Moreau'].city"}]
"""
WRONG = """version: 1
tools:
  a.b:
    results:
      "$[?@.name == 'Moreau'].city": nonsense
      "$[?@.name == 'Moreau' = ].city": cloud
      "$[?@.name = 'Zweig'].city": cloud
      "$[?match(@.name, 'Moreau(')].city": cloud
      "$[?@.name == \\"Zweig].city": cloud
      "$[?@.name == 'Zweig'].x": {type: a}
      '$[?@["name"] == "Zweig"].x': {type: b}
      "$[?@.pay > 4815162].y": {nonsense: 1}
    arguments:
      "$.a[?@.name == 'Moreau']": cloud
      "$.b[?@.name == 'Moreau']": cloud
      "$.b[?@.name == 'Moreau']": handle
detect: [{type: client, values_from: {tool: crm.list, path: "$[?@.kind='Moreau'].name"}}]
"""


@pytest.mark.parametrize("json_too", [[], ["--json"]])
@pytest.mark.parametrize(
    ("policy", "arguments"),
    [
        (WRONG, ["check", "p.yaml"]),
        (FILTERS, ["check", "p.yaml"]),
        (FILTERS, ["explain", "p.yaml", "--tool", "crm.list", "--path", "$[0].city"]),
        (FILTERS, ["explain", "p.yaml", "--tool", "crm.put", "--argument", "city"]),
        (FILTERS, ["prove", "p.yaml"]),
        (FILTERS, ["test", "x.test.yaml", "--coverage"]),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "wrong" if one is WRONG else "",
)
def test_what_a_filter_compares_with_is_not_printed(
    tmp_path: Path, monkeypatch, policy, arguments, json_too
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(policy)
    test = {"name": "t", "result": {"tool": "crm.list", "value": [{"name": "x", "city": "y"}]}}
    test["expect"] = {"$[?@.name == 'Moreau'].city": "hidden", "$[0].city": "hidden"}
    (tmp_path / "x.test.yaml").write_text(json.dumps({"policy": "p.yaml", "tests": [test]}))
    found = CliRunner().invoke(command, [*arguments, *json_too])
    said = f"{found.output}{found.stderr}{found.exception}"
    assert not {"Moreau", "Zweig", "4815162"} & set(re.findall(r"\w+", said)), said
    assert "…" in said or "\\u2026" in said, said


@pytest.mark.parametrize(
    "item",
    [
        "- {type: client, values: [Moreau, Zweig]}",
        "- {values: [Moreau, Zweig], type: client}",
        "- {type: client, pattern: 'Moreau|Zweig'}",
        "- {type: client, parts: true, values: [Moreau,\n      Zweig]}",
        "- type: client  # Moreau\n    values: [Zweig]",
    ],
)
@pytest.mark.parametrize("section", ["detect", "detect_also"])
def test_a_failing_table_test_prints_nothing_that_a_detector_looks_for(
    tmp_path: Path, section: str, item: str
) -> None:
    policy = f'version: 1\n{section}:\n  {item}\ntools: {{a.b: {{results: {{"$": scan}}}}}}\n'
    (tmp_path / "p.yaml").write_text(policy)
    (tmp_path / "x.test.yaml").write_text(
        "policy: p.yaml\ntests:\n  - {name: t, instruction: about Zweig, planner: none}\n"
    )
    found = CliRunner().invoke(command, ["test", str(tmp_path), "--coverage"])
    assert f"{section}[0] client" in found.output
    assert "FAIL" in found.output
    assert not {"Moreau", "Zweig"} & set(re.findall(r"\w+", found.output))

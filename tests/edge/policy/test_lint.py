"""Warnings: what a policy says without effect, or with more than it seems to."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_edge.commands.policy import command
from umi_edge.policy import default_policy, load_policy
from umi_edge.policy.lint import warnings_of


def _warned(rules: str, side: str = "results") -> list[str]:
    text = f"version: 1\ntools:\n  a.b:\n    {side}:\n      {rules}\n"
    found = warnings_of(load_policy(text, "p.yaml"))
    assert all(one.line >= 5 and one.fix for one in found)
    return [one.message for one in found]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ('"$.x": {locality: scan, show: domain}', "leaves but for what the detectors find"),
        ('"$.x": {locality: cloud, show: year}', "the value itself leaves"),
        ('"$.x": {locality: hidden, show: year}', "leaves no trace"),
        ('"$": scan\n      "$.x": {show: domain}', "leaves but for what the detectors find"),
    ],
)
def test_a_show_that_shows_nothing_is_warned_of(rules: str, why: str) -> None:
    (message,) = _warned(rules)
    assert "shows nothing" in message
    assert why in message


@pytest.mark.parametrize(
    "rules",
    [
        '"$.x": {locality: handle, show: domain}',
        '"$.x": {show: domain}',
        '"$.x": {locality: planner, show: domain}',
        '"$.x": {locality: cloud, shape: hidden, show: count}',
        '"$.a[?@.b == 1]": {show: count}',
    ],
)
def test_a_show_of_what_stays_is_not(rules: str) -> None:
    assert not any("shows nothing" in message for message in _warned(rules))


def test_a_show_on_an_argument_is_warned_of() -> None:
    (message,) = _warned("to: {locality: handle, show: domain}", "arguments")
    assert "on an argument" in message


@pytest.mark.parametrize(
    "rules",
    [
        '"$.people[?@.age > 17].name": cloud',
        "\"$.people[?match(@.name, 'A.*')].team\": cloud",
        '"$.people[*].age": scan\n      "$.people[?@.age > 17].name": cloud',
        '"$.people[?@.team == $.mine].name": cloud\n      "$.people[*].team": cloud',
        '"$..[?@.old == true]": cloud',
    ],
)
def test_a_filter_on_what_stays_is_warned_of(rules: str) -> None:
    (message,) = _warned(rules)
    assert "looks at values that stay" in message


@pytest.mark.parametrize(
    "rules",
    [
        '"$.people[*].team": cloud\n      "$.people[?@.team == \'blue\'].name": cloud',
        '"$.people[?@.name].team": cloud',
        '"$.people[-1].name": cloud',
    ],
)
def test_a_filter_on_what_leaves_or_on_shape_is_not(rules: str) -> None:
    assert _warned(rules) == []


def test_the_default_policy_has_no_warning() -> None:
    assert warnings_of(default_policy()) == ()


def test_check_prints_warnings_and_is_content(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text('version: 1\ntools:\n  a.b:\n    results:\n      "$.x": {locality: cloud, show: year}\n')
    result = CliRunner().invoke(command, ["check", str(path)], standalone_mode=False)
    assert result.return_value == 0
    assert f"warning: {path}:5: `show: year` of a.b" in result.output
    result = CliRunner().invoke(command, ["check", str(path), "--json"], standalone_mode=False)
    assert result.return_value == 0
    assert [one["line"] for one in json.loads(result.output)["warnings"]] == [5]


def test_a_list_that_replaces_the_built_in_detectors_is_told_what_it_drops():
    (found,) = warnings_of(load_policy("version: 1\ndetect:\n  - {type: email, pattern: builtin}\n"))
    assert (found.line, "phone, iban, card" in found.message, "email" in found.message) == (3, True, False)
    assert "detect_also" in found.fix
    kept = "version: 1\ndetect_also: [{type: x, values: [Neptune]}]\n"
    assert not warnings_of(load_policy(kept))
    assert not warnings_of(default_policy())


@pytest.mark.parametrize(
    ("pattern", "warned"),
    [("^pub", True), ("pub$", True), ("a[^b]c", False), ("pub", False)],
)
def test_anchors_of_a_paths_regular_expression_are_letters_and_told(pattern, warned):
    path = f"$.a[?match(@.kind, '{pattern}')].b"
    text = f'version: 1\ntools:\n  x.y:\n    results:\n      "$.a[*].kind": cloud\n      {json.dumps(path)}: cloud\n'
    found = [one for one in warnings_of(load_policy(text)) if "letters like others" in one.message]
    assert [one.line for one in found] == ([6] if warned else [])


def test_ignore_case_without_a_filter_has_no_effect():
    text = "version: 1\ntools: {x.y: {results: {'$.a': {locality: cloud, ignore_case: true}}}}"
    (found,) = warnings_of(load_policy(text))
    assert "`ignore_case`" in found.message

"""`umi tools call`: what a tool gives, and who would read what of it; consent holds for it too."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from umi_edge.cli import umi
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.errors import PrivacyError, ToolError

SERVER = Path(__file__).parent.parent / "tools" / "mcp_server.py"
POLICY = """
version: 1
name: mine
detect: [{type: project, values: [Neptune]}]
tools:
  contacts.search:
    results:
      "$.matches[*].name": planner
      "$.matches[*].email": {locality: handle, type: email, show: domain}
      "$.matches[*].company": cloud
  test.text: {runs: third-party, confirm: never, results: {"$": {locality: scan}}}
  test.environment: {runs: third-party, confirm: never, results: {"$..*": {locality: scan}}}
  test.add: {runs: device, confirm: never, results: {"$": {locality: handle, shape: hidden}}}
"""


@pytest.fixture
def config(tmp_path) -> str:
    make_sample_home(tmp_path / "home", date(2026, 11, 23))
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = {
        "home": {"contacts": str(tmp_path / "home" / "contacts")},
        "policy": str(tmp_path / "policy.yaml"),
        "ledger": str(tmp_path / "state" / "ledger.jsonl"),
        "mcpServers": {
            "test": {"command": sys.executable, "args": [str(SERVER)], "env": {"SAYS": "About Neptune."}}
        },
    }
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    return str(tmp_path / "config.yaml")


def call(config: str, *arguments: str) -> Result:
    result = CliRunner().invoke(umi, ["tools", "call", *arguments, "--config", config], standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def leaves(config: str, *arguments: str) -> dict[str, dict]:
    return {leaf["path"]: leaf for leaf in json.loads(call(config, *arguments, "--json").stdout)}


def test_each_part_of_a_result_is_shown_with_its_label_and_what_each_reader_would_see(config):
    shown = leaves(config, "contacts.search", '{"name": "Alice Moreau"}')
    name, email = shown["$.matches[0].name"], shown["$.matches[0].email"]
    assert (name["locality"], name["planner"]) == ("planner", '"Alice Moreau"')
    assert "Alice" not in name["summarizer"]
    assert email["value"] == "alice.moreau@example.org"
    assert (email["locality"], email["integrity"]) == ("handle", "trusted")
    assert "<email:1>" in email["planner"]
    assert "alice.moreau@" not in email["planner"] + email["summarizer"] + email["caller"]
    assert not email["third_party"]
    assert shown["$.matches[0].company"]["planner"] == '"Atelier Moreau"'
    assert shown["$.matches[0].company"]["third_party"]
    assert "contacts.search.results" in email["rule"]


def test_a_scanned_text_is_shown_as_it_would_leave(config):
    shown = leaves(config, "test.text", '{"value": "About Neptun" }')
    assert shown["$"]["planner"] == '"About Neptun"'
    shown = leaves(config, "test.environment", '{"name": "SAYS"}')
    assert shown["$.value"]["planner"] == '"About <project:1>."'


def test_a_result_of_hidden_shape_is_one_handle(config):
    shown = leaves(config, "test.add", '{"a": 1, "b": 2}')
    assert list(shown) == ["$"]
    assert "<" in shown["$"]["planner"]
    assert "3" not in shown["$"]["planner"]


def test_on_a_terminal_there_is_a_line_for_each_part(config):
    output = call(config, "contacts.search", '{"name": "Alice Moreau"}').output
    assert "$.matches[0].email" in output
    assert "<email:1>" in output


def test_what_wants_a_yes_is_declined_where_nobody_can_be_asked(config, tmp_path):
    began = tmp_path / "began"
    result = call(config, "test.die", json.dumps({"counter": str(began)}))
    assert "You did not say yes, so nothing was done." in result.output
    assert "test.die is declined, for nobody is at a terminal to say yes to it: " in result.output
    assert "(rule: " in result.output
    assert str(began) not in result.output
    assert not began.exists()


def test_a_failure_says_what_the_tool_said_and_bad_arguments_say_which(config):
    with pytest.raises(ToolError, match="missing name"):
        call(config, "contacts.search", "{}")
    with pytest.raises(Exception, match="JSON object"):
        call(config, "contacts.search", "[]")
    with pytest.raises(ToolError, match="no tool named"):
        call(config, "contacts.serch", "{}")


def test_a_tool_of_a_server_that_does_not_start_is_answered_with_why(tmp_path):
    config = tmp_path / "broken.yaml"
    config.write_text('mcpServers: {broken: {command: "umi-no-such-command"}}\nledger: ledger\n')
    with pytest.raises(ToolError, match="the MCP server broken did not start"):
        call(config, "broken.any", "{}")


def test_a_call_that_the_policy_denies_is_not_made(config, tmp_path):
    policy = (tmp_path / "policy.yaml").read_text()
    denied = policy.replace(
        "test.text: {runs: third-party,",
        "test.text: {runs: third-party, arguments: {value: {accepts: cloud, on_violation: deny}},",
    )
    (tmp_path / "policy.yaml").write_text(denied)
    with pytest.raises(PrivacyError, match="the policy denies this call"):
        call(config, "test.text", '{"value": "About Neptune."}')

"""`umi-cloud ca`, `enroll`, `revoke` and `devices`, as the operator runs them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from umi_cloud.auth.authority import Authority
from umi_cloud.cli import umi_cloud
from umi_shared.enrolment_token import EnrolmentToken
from umi_shared.errors import ConfigError


@pytest.fixture
def run(state: Path):
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(umi_cloud, [*arguments, "--state", str(state)])

    return invoke


def test_a_registry_that_knows_nobody_is_not_asked_who_would_be_locked_out(run, state, tmp_path):
    """A mistyped --state: an empty registry was made there, said "nobody", and all laptops were locked out."""
    run("ca", "init")
    run("enroll", "alices-laptop")
    mistyped = ("--state", str(tmp_path / "mistyped"), "--certificates", str(state))
    CliRunner().invoke(umi_cloud, ["ca", "rotate", "--at-once", *mistyped])
    result = CliRunner().invoke(umi_cloud, ["ca", "retire", *mistyped])
    assert isinstance(result.exception, ConfigError)
    assert "knows no laptop" in result.exception.message
    assert Authority.load(state).following is not None
    assert CliRunner().invoke(umi_cloud, ["ca", "retire", "--lock-out", *mistyped]).exit_code == 0
    assert Authority.load(state).following is None


def test_from_no_state_to_a_token(run, state):
    assert "Certificate authority" in run("ca", "init", "--host", "planner.example").stdout
    result = run("enroll", "alices-laptop")
    token = EnrolmentToken.parse(result.stdout)
    assert token.device == "alices-laptop"
    assert token.service_address == "planner.example:7443"
    assert token.enrolment_address == "planner.example:7444"
    assert token.server_fingerprint == Authority.load(state).server_fingerprint
    assert "umi enroll" in result.stderr


def test_the_json_of_each_command_is_one_document(run):
    made = json.loads(run("ca", "init", "--json").stdout)
    assert made["hosts"] == ["localhost", "127.0.0.1", "::1"]
    invited = json.loads(run("enroll", "a", "--valid", "30m", "--json").stdout)
    expires = datetime.fromisoformat(invited["expires"])
    assert timedelta(minutes=29) < expires - datetime.now(UTC) < timedelta(minutes=31)
    (device,) = json.loads(run("devices", "--json").stdout)
    assert (device["name"], device["status"], device["requests"], device["tokens"]) == ("a", "invited", 0, 0)


def test_the_table_names_each_device(run):
    run("ca", "init")
    run("enroll", "alices-laptop")
    table = run("devices").stdout
    assert "alices-laptop" in table
    assert "invited" in table
    assert "\x1b" not in table


def test_an_address_the_certificate_does_not_name_is_refused_with_the_command_that_mends_it(run):
    run("ca", "init")
    result = run("enroll", "a", "--address", "planner.example:443")
    assert isinstance(result.exception, ConfigError)
    assert "umi-cloud ca init --renew-server --host planner.example" in result.exception.fix
    run("ca", "init", "--renew-server", "--host", "planner.example")
    token = EnrolmentToken.parse(run("enroll", "a", "--address", "planner.example:443").stdout)
    assert token.enrolment_address == "planner.example:444"


def test_a_new_server_certificate_is_in_the_audit_before_it_is_made(run, state, monkeypatch):
    run("ca", "init")
    before = Authority.load(state).server_fingerprint

    def fail(*_):
        raise ConfigError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Authority, "issue_server", fail)
        assert run("ca", "init", "--renew-server", "--host", "planner.example").exit_code != 0
    assert Authority.load(state).server_fingerprint == before
    assert run("ca", "init", "--renew-server").exit_code == 0
    assert Authority.load(state).server_fingerprint != before
    lines = [json.loads(line) for line in run("audit", "export").stdout.splitlines()]
    made = [one for one in lines if one["event"] == "authority"]
    assert [one["detail"] for one in made] == [
        "the server's certificate is made anew, for planner.example",
        "the server's certificate is made anew",
    ]
    assert all(one["who"].startswith("operator ") for one in made)


def test_revoking_takes_an_invitation_back(run):
    run("ca", "init")
    run("enroll", "a")
    assert run("revoke", "a").exit_code == 0
    assert run("devices").stdout.startswith("No devices yet")
    assert isinstance(run("revoke", "a").exception, ConfigError)


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a/b", "a" * 64, "é"])
def test_a_name_that_is_none_is_refused_and_no_token_is_kept(run, state, name):
    run("ca", "init")
    result = run("enroll", "--", name) if name.startswith("-") else run("enroll", name)
    assert result.exit_code != 0
    assert result.stdout == ""


@pytest.mark.parametrize("valid", ["0m", "8d", "99999d"])
def test_a_time_out_of_range_is_refused(run, valid):
    run("ca", "init")
    assert isinstance(run("enroll", "a", "--valid", valid).exception, ConfigError)


def test_without_an_authority_the_fix_is_ca_init(run):
    result = run("enroll", "a")
    assert isinstance(result.exception, ConfigError)
    assert "umi-cloud ca init" in result.exception.fix

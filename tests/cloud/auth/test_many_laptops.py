"""Many laptops at once: invited from a list, listed, found by a filter, shut out; on each database."""

import asyncio
import csv
import io
import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cloud.auth.conftest import enrol
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.cli import umi_cloud
from umi_shared.enrolment_token import EnrolmentToken
from umi_shared.errors import ConfigError


@pytest.fixture
def run(place: str, state: Path, authority: Authority):
    def invoke(*arguments: str, typed: str = "") -> Result:
        more = ["--certificates", str(state)] if arguments[0] == "enroll" else []
        return CliRunner().invoke(umi_cloud, [*arguments, "--state", place, *more], input=typed)

    return invoke


@pytest.fixture
def fleet(place: str, clock) -> None:
    """Five laptops, of which two belong to sales."""

    async def fill() -> None:
        async with registry_at(place, clock=clock) as registry:
            for number in range(5):
                label = "sales" if number < 2 else ""
                await enrol(registry, clock, f"d{number}", f"s{number}", label=label)

    asyncio.run(fill())


@pytest.fixture
def laptops(tmp_path: Path) -> Path:
    path = tmp_path / "laptops.csv"
    path.write_text("name,label\n" + "".join(f"n{number},Number {number}\n" for number in range(1203)))
    return path


def standings(run) -> dict[str, str]:
    return {one["name"]: one["status"] for one in json.loads(run("devices", "--json").stdout)}


def test_a_list_becomes_a_file_of_tokens_that_only_its_owner_reads(run, laptops, tmp_path):
    target = tmp_path / "tokens.csv"
    said = run("enroll", "--from", str(laptops), "--to", str(target), "--valid", "7d")
    assert said.exit_code == 0, said.exception
    assert "umi1" not in said.output
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert len(rows) == 1203
    assert [EnrolmentToken.parse(row["token"]).device for row in rows] == [row["name"] for row in rows]
    assert len({row["token"] for row in rows}) == 1203
    assert set(standings(run).values()) == {"invited"}
    assert len(standings(run)) == 1203


def test_nothing_is_written_over_and_nothing_is_left_where_it_fails(run, fleet, laptops, tmp_path):
    target = tmp_path / "tokens.csv"
    target.write_text("mine")
    said = run("enroll", "--from", str(laptops), "--to", str(target))
    assert isinstance(said.exception, ConfigError)
    assert target.read_text() == "mine"
    assert len(standings(run)) == 5
    laptops.write_text("new\nd3\n")
    target.unlink()
    said = run("enroll", "--from", str(laptops), "--to", str(target))
    assert isinstance(said.exception, ConfigError)
    assert "d3" in said.exception.message
    assert not target.exists()
    assert "new" not in standings(run)
    assert run("enroll", "--from", str(laptops), "--to", str(target), "--replace").exit_code == 0


@pytest.mark.parametrize("arguments", [(), ("a", "--from", "x"), ("--from", "x"), ("a", "--to", "x")])
def test_a_name_or_two_files_are_wanted(arguments, run):
    assert run("enroll", *arguments).exit_code == 2


def test_a_filter_shows_those_who_are_meant_and_counts_the_rest(run, fleet):
    shown = run("devices", "--label", "SALES", "--limit", "1").stdout
    assert "d0" in shown
    assert "d1" not in shown
    assert "2 of 5 laptops: 2 active. The first 1 are shown" in shown
    assert "0 of 5 laptops" in run("devices", "--idle", "1d").stdout
    assert [one["name"] for one in json.loads(run("devices", "--name", "d[34]", "--json").stdout)] == [
        "d3",
        "d4",
    ]
    assert len(json.loads(run("devices", "--expiring", "91d", "--json").stdout)) == 5


def test_many_are_shut_out_once_the_operator_has_seen_them_and_says_yes(run, fleet):
    assert run("revoke", "--label", "sales", "--dry-run").exit_code == 0
    refused = run("revoke", "--label", "sales", typed="n\n")
    assert "d0" in refused.stderr
    assert "Revoke these 2 laptops?" in refused.stderr
    assert run("revoke", "--label", "sales").exit_code != 0  # nobody answers
    assert set(standings(run).values()) == {"active"}
    assert "2 laptops are shut out" in run("revoke", "--label", "sales", typed="y\n").stdout
    assert standings(run) == {
        "d0": "revoked",
        "d1": "revoked",
        "d2": "active",
        "d3": "active",
        "d4": "active",
    }


def test_a_list_is_shut_out_and_who_is_not_known_is_named(run, fleet, tmp_path):
    gone = tmp_path / "gone.csv"
    gone.write_text("d2\nnobody\nd4\nneither\n")
    said = run("revoke", "--from", str(gone), "--yes")
    assert isinstance(said.exception, ConfigError)
    assert "'nobody', nor 1 others" in said.exception.message
    assert [name for name, standing in standings(run).items() if standing == "revoked"] == ["d2", "d4"]


def test_a_filter_beside_names_takes_in_nobody_else(run, fleet):
    said = run("revoke", "d0", "d3", "--label", "sales", "--yes")
    assert said.exit_code == 0
    assert [name for name, standing in standings(run).items() if standing == "revoked"] == ["d0"]


def test_nobody_is_shut_out_by_a_command_that_names_nobody(run, fleet):
    assert isinstance(run("revoke").exception, ConfigError)
    assert set(standings(run).values()) == {"active"}


def test_the_audit_is_exported_as_json_lines_and_as_csv(run, fleet):
    run("revoke", "d0")
    lines = [json.loads(line) for line in run("audit", "export", "--since", "1d").stdout.splitlines()]
    assert len(lines) == 11
    assert {line["event"] for line in lines} == {"invited", "enrolled", "revoked"}
    (revoked,) = [line for line in lines if line["event"] == "revoked"]
    assert revoked["device"] == "d0"
    assert revoked["who"].startswith("operator ")
    rows = list(csv.DictReader(io.StringIO(run("audit", "export", "--since", "2000-01-01", "--csv").stdout)))
    assert rows == lines
    assert run("audit", "export", "--since", "2100-01-01").stdout == ""
    assert run("audit", "export", "--since", "yesterday").exit_code == 2

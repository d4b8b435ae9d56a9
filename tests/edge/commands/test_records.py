"""`umi records`: what umi has written, the user's word that it is right, and the mending of a damaged list."""

import json

import pytest
from click.testing import CliRunner

from umi_edge.cli import umi
from umi_edge.records import Marked
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop_records import read_records
from umi_edge.tools import Record


@pytest.fixture
def config(tmp_path):
    return EdgeConfig(ledger=tmp_path / "data" / "ledger.jsonl")


@pytest.fixture
def run(config):
    def run_it(*arguments):
        environment = {"UMI_LEDGER": str(config.ledger)}
        result = CliRunner(env=environment).invoke(umi, ["records", *arguments], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.return_value, result.output

    return run_it


def write(config, text="Call Eve Canary tomorrow at nine"):
    records = read_records(config)
    marked = Marked(by_stranger=True, said=("somebody else's text: mail.read",), marks=records.marks([text]))
    number = records.write(tool="notes.create", store="notes", approved=True, fields={"text": marked})
    records.name(number, "call-eve")


def test_nothing_written_is_said(run):
    assert run() == (0, "umi has written nothing but your own words.\n")


def test_what_was_written_is_listed_without_its_words(run, config):
    write(config)
    code, output = run()
    assert code == 0
    for said in ("notes.create", "somebody else's text: mail.read", "approved by you", "call-eve"):
        assert said in output
    assert "Canary" not in output
    (entry,) = json.loads(run("--json")[1])["records"]
    assert (entry["number"], entry["tool"], entry["trusted"]) == (1, "notes.create", False)


def test_a_record_that_the_user_trusts_is_their_own(run, config):
    write(config)
    record = Record(at=(), texts=("Call Eve Canary tomorrow at nine",), id="call-eve")
    assert read_records(config).doubts("notes", [record]).records
    assert run("trust", "1")[1] == "Record 1 counts as your own.\n"
    assert read_records(config).doubts("notes", [record]).records == {}
    assert "trusted by you" in run()[1]


def test_a_damaged_list_is_said_with_its_fix_and_begun_anew(run, config):
    write(config)
    write(config, "Call Bob tomorrow at nine")
    lines = config.written_records.read_bytes().splitlines(keepends=True)
    config.written_records.write_bytes(b"".join(lines[:-1]))
    code, output = run()
    assert code == 2
    assert "umi records renew" in output
    assert "its end is missing" in output
    assert "with 2 records" in run("renew")[1]
    assert run()[0] == 0
    assert run("renew")[1] == "The list is sound; nothing was changed.\n"

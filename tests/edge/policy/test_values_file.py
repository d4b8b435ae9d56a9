"""A detector's file of values: read as it is now, never quoted, and without it nothing goes on."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_edge.cli import umi
from umi_edge.labelling.gazetteers import read_gazetteers
from umi_edge.policy import InvalidPolicyError, Scanner, load_policy, read_policy
from umi_edge.policy.values_file import read_values_files
from umi_edge.tools import Catalogue
from umi_shared.errors import PrivacyError

CLIENTS = ("Nadja Petrov", "Anne-Marie Delacroix", "Kestrel Holdings Ltd")


@pytest.fixture
def policy(tmp_path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "version: 1\ndetect_also:\n  - {type: client, values_file: lists/clients.txt, parts: true}\n"
    )
    (tmp_path / "lists").mkdir()
    return file


def listed(policy: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    (policy.parent / "lists/clients.txt").write_bytes(data)
    return policy


def values(policy: Path) -> list[str]:
    (found,) = read_values_files(read_policy(policy)).values()
    return list(found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_value_a_line_in_the_encodings_that_editors_write(policy, encoding, end):
    assert values(
        listed(policy, (end.join((*CLIENTS, "", "  ", CLIENTS[0])) + end).encode(encoding))
    ) == list(CLIENTS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it has no value"),
        ("\n \n", "it has no value"),
        ("Nadja Petrov\nx\n", "line 2 is no value"),
        ("Nadja Petrov\n" + "x" * 201, "line 2 is no value"),
        ("# clients\nNadja Petrov\n", "line 1 has a remark"),
        ("Nadja Petrov;12\n", "line 1 has a remark, columns"),
        ("Nadja Petrov\nDelacroix\t12\n", "line 2 has a remark, columns"),
        ("Nadja Petrov\n\u200b\u200b\u200b\n", "line 2 has a remark, columns, or nothing that shows"),
        (b"Nadja Petrov\nDelacroix\nM\xfcller\n", "line 3 is not UTF-8"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_stops_and_tells_a_lines_number_alone(policy, content, said):
    with pytest.raises(PrivacyError) as raised:
        values(listed(policy, content))
    assert said in raised.value.message
    assert "policy.yaml:3 detect_also[0] client" in raised.value.message
    assert not any(word in str(raised.value) for word in ("Petrov", "Delacroix", "xx"))
    assert raised.value.__context__ is None, "an exception that was caught has the file's bytes"


def test_a_file_that_is_missing_or_a_folder_stops(policy):
    with pytest.raises(PrivacyError, match="no such file"):
        values(policy)
    (policy.parent / "lists/clients.txt").mkdir()
    with pytest.raises(PrivacyError, match="no such file"):
        values(policy)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read every file")
def test_a_file_that_may_not_be_read_stops(policy):
    listed(policy, "Nadja Petrov").parent.joinpath("lists/clients.txt").chmod(0)
    with pytest.raises(PrivacyError, match="Permission denied"):
        values(policy)


def test_no_scanner_is_made_without_the_file_having_been_read(policy):
    with pytest.raises(PrivacyError, match="was not read from its file"):
        Scanner(read_policy(policy).detect, {})


@pytest.mark.parametrize(
    "written",
    ["Petrov, Nadja", "N. Petrov", "Petrov's", "Anne Marie Delacroix", "A.-M. Delacroix", "KESTREL HOLDINGS"],
)
async def test_names_are_found_in_the_forms_in_which_they_are_written(policy, written):
    rules = read_policy(listed(policy, "\n".join(CLIENTS)))
    only = [detector for detector in rules.detect if detector.type == "client"]
    found = Scanner(only, (await read_gazetteers(rules, Catalogue(()))).values).scan(f"ask {written} now")
    assert [(one.type, one.start) for one in found] == [("client", 4)]


async def test_it_is_read_again_when_the_lists_are(policy):
    rules = read_policy(listed(policy, "Nadja Petrov"))
    rule = next(one.rule_id for one in rules.detect if one.file)
    assert (await read_gazetteers(rules, Catalogue(()))).values[rule] == ("Nadja Petrov",)
    listed(policy, "Tom Becker")
    assert (await read_gazetteers(rules, Catalogue(()))).values[rule] == ("Tom Becker",)
    listed(policy, "")
    with pytest.raises(PrivacyError):
        await read_gazetteers(rules, Catalogue(()))


def test_a_path_from_the_root_is_taken_as_it_is(tmp_path):
    policy = load_policy(
        f"version: 1\ndetect: [{{type: client, values_file: {tmp_path}/x}}]", "here/policy.yaml"
    )
    assert policy.detect[0].file == f"{tmp_path}/x"


def test_a_detector_has_one_of_a_file_and_a_list():
    with pytest.raises(InvalidPolicyError, match="values"):
        load_policy("version: 1\ndetect: [{type: client, values_file: a.txt, values: [Nadja]}]")


def run(*arguments: str):
    return CliRunner().invoke(umi, arguments, standalone_mode=False)


def test_check_counts_what_the_file_has_and_prints_none_of_it(policy):
    ran = run("policy", "check", str(listed(policy, "\n".join(CLIENTS))))
    assert (ran.return_value, "detect_also[0] client has 3 values, from" in ran.output) == (0, True)
    assert not any(word in ran.output for word in ("Petrov", "Delacroix", "Kestrel"))
    told = json.loads(run("policy", "check", str(policy), "--json").output)
    assert [one["values"] for one in told["detect"] if "file" in one] == [3]


def test_check_fails_where_no_session_would_start(policy):
    listed(policy, "Nadja Petrov\nx\n")
    ran = run("policy", "check", str(policy), "--json")
    told = json.loads(ran.output)
    assert (ran.return_value, told["ok"]) == (PrivacyError.exit_code, False)
    assert "line 2" in told["problems"][0]["message"]
    assert "Petrov" not in ran.output


def test_a_failing_table_test_prints_nothing_of_the_file(policy):
    listed(policy, "\n".join([*CLIENTS, *(f"Client Number{chr(97 + n)}{chr(97 + n)}" for n in range(20))]))
    (policy.parent / "x.test.yaml").write_text(
        "policy: policy.yaml\ntests:\n  - {name: wrong, instruction: Call Nadja, planner: Call nobody}\n"
    )
    ran = run("policy", "test", str(policy.parent))
    assert ran.return_value == 1
    assert "detect_also[0]" in ran.output
    assert not any(word in ran.output for word in ("Petrov", "Delacroix", "Number"))

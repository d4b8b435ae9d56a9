"""`umi policy detect` shows what the detectors find in a text, a file or what is piped in, and by which line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from umi_edge.commands.policy import command

CARD = "BEGIN:VCARD\nVERSION:3.0\nN:Moreau;Alice;;;\nFN:Alice Moreau\nEND:VCARD\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "contacts").mkdir()
    (tmp_path / "contacts" / "alice.vcf").write_text(CARD)
    path = tmp_path / "config.yaml"
    path.write_text(f"home: {{contacts: {tmp_path / 'contacts'}}}\n")
    return path


def _run(config: Path, *arguments: str, piped: str | None = None) -> Result:
    return CliRunner().invoke(command, ["detect", "--config", str(config), *arguments], input=piped)


def test_a_text_is_searched_with_the_lists_of_the_users_tools(config: Path) -> None:
    ran = _run(config, "Call Alice on +41 79 123 45 67")
    assert ran.output.splitlines()[0].startswith("1:6  <person>  Alice  (default.yaml:")
    assert "1:15  <phone>  +41 79 123 45 67" in ran.output


def test_a_file_gives_its_lines_and_control_characters_do_not_reach_the_terminal(
    config: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note.md"
    note.write_text("hello\n  -----BEGIN PRIVATE KEY-----\x1b[31m1\n")
    ran = _run(config, str(note))
    assert f"{note}:2:3  <api_key>" in ran.output
    assert "\x1b" not in ran.output


def test_what_is_piped_in_comes_out_as_json(config: Path) -> None:
    ran = _run(config, "-", "--json", piped="hello\nann@example.org\n")
    (found,) = json.loads(ran.output)["found"]
    assert (found["line"], found["column"], found["type"], found["text"]) == (
        2,
        1,
        "email",
        "ann@example.org",
    )


def test_nothing_found_is_said(config: Path) -> None:
    assert "all of this leaves" in _run(config, "What time is it?").output


def test_another_policy_can_be_tried(config: Path, tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("version: 1\ndetect:\n  - {type: project, values: [Neptune]}\n")
    ran = _run(config, "Alice leads Neptune", "--policy", str(policy))
    assert ran.output == "1:13  <project>  Neptune  (mine.yaml:3 detect[0] project)\n"

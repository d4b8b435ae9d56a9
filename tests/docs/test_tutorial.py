"""The tutorial, followed to the letter: its files written, its one line changed, its commands run in order."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Block, blocks_of, commands_of
from umi_edge.tools.sample_home import make_sample_home

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

DEMO = "umi demo --keep tour"
"""Run by `test_demo`, and slow: here the home that it keeps is written without it."""
PROVE = "umi policy prove policy.yaml"
"""Ends with 1: the line that was changed has a price, and the tutorial says so."""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> tuple[Path, dict[str, str]]:
    """The folder that the tutorial leaves behind, and what each command printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    programs = folder / "bin"
    programs.mkdir()
    for program, module in (("umi", "umi_edge"), ("umi-cloud", "umi_cloud")):
        (programs / program).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (programs / program).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "UMI_CONFIG": str(folder / "config.yaml"),
    }
    printed = {}
    for block in blocks_of(DOCS / "tutorial.md"):
        if block.title.endswith(".yaml"):
            write(folder, block)
        for command in commands_of(block):
            printed[command] = run(folder, command, environment)
    return folder, printed


def write(folder: Path, block: Block) -> None:
    """Make the file that a block shows, or the change that a diff shows."""
    file = folder / block.title
    if block.language != "diff":
        file.write_text(block.text)
        return
    before, after = changed_lines(block)
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


def changed_lines(block: Block) -> tuple[str, str]:
    (before,) = re.findall(r"^-(.*)$", block.text, re.MULTILINE)
    (after,) = re.findall(r"^\+(.*)$", block.text, re.MULTILINE)
    return before, after


def run(folder: Path, command: str, environment: dict[str, str]) -> str:
    if command == DEMO:
        make_sample_home(folder / "tour/home", date(2026, 6, 1))
        return ""
    ran = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == int(command == PROVE), f"{command}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    return ran.stdout


def answers(printed: dict[str, str]) -> Iterator[str]:
    return (text for command, text in printed.items() if command.startswith("umi ask"))


def test_both_questions_are_answered_with_the_real_value(followed: tuple[Path, dict[str, str]]) -> None:
    _, printed = followed
    assert ["paul.martin@example.com" in text for text in answers(printed)] == [True, True]


def test_the_first_message_holds_the_handle_and_not_the_name(followed: tuple[Path, dict[str, str]]) -> None:
    _, printed = followed
    message = printed["umi ledger show --message 1"]
    assert "<person:1>" in message
    assert "Paul" not in message


def test_the_proof_names_the_changed_line_and_what_it_costs(followed: tuple[Path, dict[str, str]]) -> None:
    _, printed = followed
    kept = [line.split(" stays on this device")[0] for line in printed[PROVE].splitlines()]
    assert {f"NOT proven: every {one}" for one in ("email", "phone", "person")} <= set(kept)
    assert {"proven: mail.read: $.body", "proven: notes.*: $..text"} <= set(kept)
    assert "tools.contacts.search.results $.matches[*].company" in printed[PROVE]


def test_the_changed_line_is_what_let_the_company_out(followed: tuple[Path, dict[str, str]]) -> None:
    folder, printed = followed
    (line,) = (
        number
        for number, text in enumerate((folder / "policy.yaml").read_text().splitlines(), start=1)
        if "matches[*].company" in text
    )
    told = f"policy.yaml:{line} tools.contacts.search.results $.matches[*].company"
    assert told in printed["umi ledger show --last 2"]

"""Each example runs as a stranger would run it, shows what it says, and is typed as mypy's strictest settings want."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from umi_shared.models import shipped_adapter

FOLDER = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py"))
MAX_LINES = 80
with_models = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shipped_adapter("planner") is None, reason="this build ships no trained adapters yet"),
    pytest.mark.usefixtures("smollm2"),
]


def run(name: str) -> str:
    """What an example prints."""
    ran = subprocess.run(
        [sys.executable, str(FOLDER / name)], capture_output=True, text=True, timeout=280, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


class TestWithModels:
    pytestmark = with_models

    def test_the_tool_is_used_and_its_private_values_stay(self):
        printed = run("python_tool.py")
        left = printed.partition("What left")[2]
        assert "What does the invoice of  <person:1>  say?" in left
        assert "R-17" in left
        assert "<iban:1>" in left
        assert "The answer: " in printed
        planned = printed.partition("The answer")[0]
        for private in ("Alice", "Moreau", "DE89"):
            assert private not in planned + left

    def test_the_mcp_server_is_started_and_its_result_is_searched(self):
        printed = run("mcp_server.py")
        assert re.search(r'tickets.find, as the planner sees it: .*"open".*<email:1>', printed)
        assert "@example.org" not in printed.partition("The answer")[0]

    def test_the_program_is_asked_for_consent_and_told_of_each_event(self):
        printed = run("inside_a_program.py")
        asked, ended = printed.index("May this be done? mail.send"), printed.index("- Ended")
        assert printed.index("- Instructed") < asked < printed.index("- Asked") < ended
        assert "alice@example.org" in printed
        assert "done: contacts.search (done) mail.send (done)" in printed
        assert re.search(r"In the outbox: \S+", printed)

    def test_what_the_detector_finds_leaves_as_a_handle(self):
        printed = run("custom_detector.py")
        assert "Who owns the badge  <badge:1> ?" in printed
        assert "7-1204-1" not in printed.partition("as it left")[2]

    def test_the_ledger_holds_all_that_was_captured_and_a_change_is_found(self):
        printed = run("ledger_walk.py")
        answer, _, walk = printed.partition("1. To the planner")
        assert "7395" in answer
        assert "7395" not in walk
        sent = len(re.findall(r"To the (?:planner|summarizer):", printed))
        assert f"{sent} captured messages are in the ledger; complete: True" in walk
        assert "0 not signed yet" in walk
        assert "this entry was changed after it was written" in walk


def test_the_engine_plans_and_is_served():
    printed = run("custom_engine.py")
    assert "Nothing is left to do." in printed.replace("\n", "")
    assert re.search(r"Serving at 127\.0\.0\.1:\d+", printed)
    assert "The engine is closed." in printed


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_short_and_says_how_to_run_it_and_what_to_see(name):
    text = (FOLDER / name).read_text("utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    if name != "tickets_server.py":  # mcp_server.py starts it
        assert f"Run it: python examples/{name}" in text
        assert "\nSee: " in text
        assert f"`python examples/{name}`" in (FOLDER / "README.md").read_text("utf-8")


def test_examples_use_only_what_the_packages_offer_programs():
    for name in PROGRAMS:
        for package in re.findall(
            r"^\s*(?:from|import) (umi_[\w.]+)", (FOLDER / name).read_text("utf-8"), re.MULTILINE
        ):
            assert package in ("umi_edge", "umi_cloud"), name


def test_examples_are_typed():
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *(str(FOLDER / name) for name in PROGRAMS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER.parent,
    )
    assert ran.returncode == 0, ran.stdout

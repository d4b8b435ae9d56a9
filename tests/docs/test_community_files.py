"""What tells people how to take part is true: the Makefile's words, the hooks, the workflow, the changelog."""

import re
import tomllib

import pytest
from ruamel.yaml import YAML

from tests.docs.pages import ROOT


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_contributing_names_each_word_of_the_makefile_that_has_a_help_text():
    words = set(re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), re.MULTILINE)) - {"help"}
    assert set(re.findall(r"^\| `make ([a-z-]+)`", text_of("CONTRIBUTING.md"), re.MULTILINE)) == words


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(((?!http)[^)#]+)[^)]*\)", text_of(name)):
        assert (ROOT / target).exists(), target


def test_a_leak_is_reported_in_private_and_to_no_address_that_nobody_reads():
    said = text_of("SECURITY.md")
    assert "Report a vulnerability" in said
    assert "@" not in said


def test_linux_runs_what_ci_runs_and_other_systems_the_laptops_tests():
    jobs = YAML(typ="safe").load(text_of(".github/workflows/ci.yml"))["jobs"]
    assert [step["run"] for step in jobs["linux"]["steps"] if "run" in step] == [".ci/run"]
    assert {system.partition("-")[0] for system in jobs["edge"]["strategy"]["matrix"]["os"]} == {
        "macos",
        "windows",
    }
    assert "tests/edge" in jobs["edge"]["steps"][-1]["run"]


def test_the_hooks_run_tools_that_make_set_up():
    (repository,) = YAML(typ="safe").load(text_of(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"  # nothing is fetched at a commit
    checked = text_of("Makefile")
    for hook in repository["hooks"]:
        program = hook["entry"].split()[0]
        assert program == "make" or f"$(BIN)/{program.removeprefix('.venv/bin/')}" in checked


def test_the_changelog_has_the_version_that_is_built():
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert version in headings

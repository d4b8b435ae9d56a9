"""`umi-cloud render`."""

import json

import pytest
from click.testing import CliRunner

from umi_cloud.commands.render import ROLES, command
from umi_cloud.episodes import Role
from umi_shared.errors import ConfigError


def rendered(*arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("role", ROLES)
def test_the_papers_files_are_printed(toolbench, role):
    """One object a line, with the published input and target, in order."""
    published = json.loads((toolbench / f"train_{role}_example.json").read_text(encoding="utf-8"))
    data = toolbench / "raw_data_stage_2_example.json"
    rows = rendered("--dialect", "alpha-umi", "--role", role, "--data", data, "--limit", len(published))
    assert rows == [{"input": row["input"], "target": row["target"]} for row in published]


def test_the_roles_are_those_of_the_training_sets():
    """The command lists them itself, so that its help imports nothing."""
    assert tuple(Role) == ROLES


def test_an_unknown_dialect_is_refused(toolbench):
    """The error names the dialects there are."""
    with pytest.raises(ConfigError, match="alpha-umi"):
        rendered(
            "--dialect", "alpha", "--role", "planner", "--data", toolbench / "raw_data_stage_2_example.json"
        )

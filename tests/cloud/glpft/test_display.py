"""What a person sees of a training run: a bar on a terminal, lines in a file; and what is said where it cannot run."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_cloud import extras
from umi_cloud.cli import umi_cloud
from umi_cloud.commands._training_display import TrainingDisplay
from umi_cloud.episodes import Role
from umi_cloud.glpft import Progress, Recipe, Stage
from umi_cloud.glpft.run import StageResult
from umi_shared.errors import ConfigError
from umi_shared.screen.console import Screen

STAGE = Stage(name="planner", roles=(Role.PLANNER,), learning_rate=1e-3, tokens=1000)
RECIPE = Recipe(name="small", base="", episodes=Path(), output=Path(), stages=(STAGE,))
HALF = Progress(steps=5, seconds=60, tokens=500, losses={"planner": 0.25})


def shown(*, terminal: bool) -> str:
    out = io.StringIO()
    with TrainingDisplay(RECIPE, Screen(file=out, force_terminal=terminal, width=120)) as display:
        display.loads(STAGE, "loading the base model")
        display.progresses(STAGE, HALF)
        display.progresses(STAGE, HALF)
        display.finishes(STAGE, StageResult(progress=HALF, held_out={"planner": 0.5}))
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_pace_loss_and_time_left_are_shown(terminal: bool):
    text = shown(terminal=terminal)
    for word in (
        "small/1 planner",
        "50%",
        "500 tokens, 8/s",
        "planner 0.2500",
        "1:00 min left",
        "held out: planner 0.5",
    ):
        assert word in text
    assert ("━" in text) == terminal


def test_a_log_file_gets_a_line_a_while():
    assert shown(terminal=False).count("50%") == 1


def test_without_the_packages_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in ("torch", "peft") else name)
    path = Path(__file__).parents[3] / "cloud" / "recipes" / "embedded.yaml"
    result = CliRunner().invoke(umi_cloud, ["glpft", "--recipe", str(path)])
    assert isinstance(result.exception, ConfigError)
    assert "torch, peft" in str(result.exception)
    assert "pip install 'umi-runtime[glpft]'" in str(result.exception)

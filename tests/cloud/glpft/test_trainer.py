"""The trainer: a budget that ends, losses that fall, and a run that goes on where it stopped."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from umi_cloud.episodes import Role
from umi_cloud.glpft import Recipe, Stage
from umi_cloud.glpft.prefix_tree import TokenRow
from umi_cloud.glpft.trainer import Progress, Trainer

torch = pytest.importorskip("torch", reason="training needs PyTorch")
transformers = pytest.importorskip("transformers")

STAGE = Stage(name="backbone", roles=(Role.PLANNER, Role.CALLER), learning_rate=1e-2, tokens=3000)


def recipe(folder: Path, **changes: Any) -> Recipe:
    plain = Recipe(
        name="small",
        base="",
        episodes=folder / "none",
        output=folder,
        stages=(STAGE,),
        chunk_tokens=60,
        warmup_steps=2,
    )
    return replace(plain, **changes)


@dataclass
class SmallTrainee:
    """A Llama of a few thousand parameters, trained whole."""

    model: Any

    @classmethod
    def fresh(cls) -> "SmallTrainee":
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            vocab_size=128, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
        )
        return cls(transformers.LlamaForCausalLM(config))

    @property
    def body(self) -> Any:
        return self.model.model

    @property
    def head(self) -> Any:
        return self.model.lm_head

    def parameters(self) -> list[Any]:
        return list(self.model.parameters())

    def save(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        torch.save(self.model.state_dict(), folder / "model.pt")

    @classmethod
    def saved(cls, folder: Path) -> "SmallTrainee":
        trainee = cls.fresh()
        trainee.model.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
        return trainee


def episodes() -> list[Any]:
    def row(text: str, prompt: int, role: Role) -> TokenRow:
        return TokenRow(tokens=tuple(map(ord, text)), prompt_length=prompt, role=role)

    return [
        ("abc", (row(f"abc {letter}: go", 6, Role.PLANNER), row(f"abc {letter}: go do", 9, Role.CALLER)))
        for letter in "defghijklm"
    ]


def trainer(folder: Path, trainee: SmallTrainee, reports: list[Progress], **changes: Any) -> Trainer:
    return Trainer(
        recipe=recipe(folder, **changes),
        stage=STAGE,
        trainee=trainee,  # type: ignore[arg-type]  # what it needs of one
        episodes=episodes(),
        folder=folder,
        report=lambda progress: reports.append(replace(progress)),
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_losses_of_every_role_fall_until_the_budget_is_spent(tmp_path: Path, workers: int):
    reports: list[Progress] = []
    progress = trainer(tmp_path, SmallTrainee.fresh(), reports, workers=workers).run()
    assert progress.tokens >= STAGE.tokens
    assert set(reports[0].losses) == {"planner", "caller"}
    assert all(reports[-1].losses[role] < 0.5 * reports[0].losses[role] for role in ("planner", "caller"))


def test_workers_side_by_side_compute_what_one_does(tmp_path: Path):
    ends = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        ends.append(trainer(folder, SmallTrainee.fresh(), [], workers=workers).run().losses["planner"])
    assert ends[0] == pytest.approx(ends[1], rel=1e-2)


def test_an_interrupted_run_goes_on_where_it_was_saved(tmp_path: Path):
    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.steps >= 10:
            raise StoppedError

    first = trainer(tmp_path, SmallTrainee.fresh(), [], save_minutes=0)
    first.report = stop
    with pytest.raises(StoppedError):
        first.run()
    saved = json.loads((tmp_path / "checkpoint.json").read_text())
    assert 0 < saved["steps"] < 10

    reports: list[Progress] = []
    again = trainer(tmp_path, SmallTrainee.saved(tmp_path / "adapter"), reports)
    progress = again.run()
    assert reports[0].steps == 10
    assert progress.tokens >= STAGE.tokens

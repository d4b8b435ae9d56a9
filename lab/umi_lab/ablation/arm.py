"""An arm of the ablation: a recipe and a seed, trained before, measured scenario by scenario."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from umi_cloud.glpft import Recipe
from umi_cloud.glpft.export import export_adapters
from umi_cloud.glpft.run import StageResult
from umi_lab.ablation.figures import ScenarioScore
from umi_lab.closed_loop.figures import stepwise
from umi_lab.closed_loop.harness import Harness
from umi_lab.closed_loop.shadow import shadow
from umi_lab.synthesis.scenario import Scenario

__all__ = ["Arm", "append_score", "digest", "read_scores"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One recipe with one seed."""

    recipe: Recipe

    def results(self) -> dict[str, StageResult] | None:
        """The result of each training stage; None while one of them is not done."""
        found = {
            stage.name: StageResult.read(self.recipe.output / stage.name) for stage in self.recipe.stages
        }
        done = {name: result for name, result in found.items() if result is not None}
        return done if len(done) == len(found) else None

    def held_out(self) -> dict[str, float]:
        """The loss on held-out episodes by role, after the last stage that trained the role."""
        return {
            role: loss for result in (self.results() or {}).values() for role, loss in result.held_out.items()
        }

    def adapters(self) -> dict[str, Path]:
        """The GGUF adapters of the three roles, written anew: that takes a second."""
        return export_adapters(self.recipe, self.recipe.output / "gguf")

    async def scores(
        self, adapters: Mapping[str, Path], harness: Harness, scenarios: Iterable[tuple[int, Scenario]]
    ) -> AsyncIterator[ScenarioScore]:
        """What the models would do at each of the oracle's steps; scenarios that it cannot play are left out."""
        name = digest(adapters)
        for number, scenario in scenarios:
            if comparisons := list(await shadow(scenario, harness)):
                shares = stepwise(comparison.as_json() for comparison in comparisons)
                yield ScenarioScore(
                    arm=self.recipe.name,
                    seed=self.recipe.seed,
                    scenario=number,
                    adapters=name,
                    right={what: (share.part, share.whole) for what, share in shares.items()},
                )


def digest(adapters: Mapping[str, Path]) -> str:
    """A short digest of what the files hold, which other adapters do not share. Raises `OSError`."""
    whole = hashlib.sha256()
    for role in sorted(adapters):
        whole.update(adapters[role].read_bytes())
    return whole.hexdigest()[:12]


def read_scores(path: Path) -> Iterator[ScenarioScore]:
    """The scores in a file of JSON lines; lines that cannot be read, such as a torn one, are left out."""
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            right = {name: (part, whole) for name, (part, whole) in row.pop("right").items()}
            yield ScenarioScore(**row, right=right)
        except (ValueError, TypeError, KeyError):
            continue


def append_score(path: Path, score: ScenarioScore) -> None:
    """Append a score to a file, as one line of JSON. Raises `OSError`."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(score)) + "\n")

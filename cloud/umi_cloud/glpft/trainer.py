"""The trainer: one stage, step by step, saved so that it can go on where it stopped."""

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from umi_cloud.glpft.base_model import Trainee
from umi_cloud.glpft.chunks import EpisodeRows, chunks
from umi_cloud.glpft.prefix_tree import PrefixTree
from umi_cloud.glpft.recipe import Recipe, Stage

__all__ = ["Progress", "Trainer", "tree_losses"]

_FLOOR = 0.05
"""Of the learning rate, at the end of the cosine."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a stage is; written with every checkpoint."""

    steps: int = 0
    seconds: float = 0
    tokens: int = 0
    """Computed: common beginnings counted once."""
    targets: int = 0
    chunks: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    """Mean loss per target token by role, over the steps since the last report."""

    def share(self, stage: Stage) -> float:
        """How much of the stage's budget is spent, 0 to 1 and over."""
        shares = [0.0]
        if stage.minutes:
            shares.append(self.seconds / 60 / stage.minutes)
        if stage.tokens:
            shares.append(self.tokens / stage.tokens)
        return max(shares)


def tree_losses(trainee: Trainee, tree: PrefixTree) -> Any:
    """The loss of each target of a tree, in the order of `PrefixTree.targets()`, `(targets,)`.

    The head is computed where something is to be predicted only.
    """
    import torch  # noqa: PLC0415  # training only

    edges = tree.targets()
    hidden = trainee.body(
        input_ids=torch.tensor([tree.tokens]),
        position_ids=torch.tensor([tree.depths]),
        attention_mask=torch.from_numpy(tree.mask())[None, None],
        use_cache=False,
    ).last_hidden_state[0]
    logits = trainee.head(hidden[[source for source, _ in edges]]).float()
    labels = torch.tensor([tree.tokens[target] for _, target in edges])
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


@dataclass(slots=True, kw_only=True)
class Trainer:
    """Trains one stage. `report` is called every few steps."""

    recipe: Recipe
    stage: Stage
    trainee: Trainee
    episodes: Sequence[EpisodeRows] = field(repr=False)
    folder: Path
    report: Callable[[Progress], None] = lambda _: None
    progress: Progress = field(default_factory=Progress)
    _sums: dict[str, list[float]] = field(default_factory=dict)

    def run(self) -> Progress:
        """Train to the end of the budget, from the last checkpoint if there is one."""
        import torch  # noqa: PLC0415  # training only

        optimizer = torch.optim.AdamW(
            self.trainee.parameters(), lr=self.stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        self._resume(optimizer)
        saved = self.progress.seconds
        stream = islice(self._trees(), self.progress.chunks, None)
        while self.progress.share(self.stage) < 1:
            started = time.monotonic()
            self._step(optimizer, [next(stream) for _ in range(self.recipe.chunks_per_step)])
            self.progress.seconds += time.monotonic() - started
            if self.progress.steps % 5 == 0:
                self._tell()
            if self.progress.seconds - saved > 60 * self.recipe.save_minutes:
                self._save(optimizer)
                saved = self.progress.seconds
        self._tell()
        self._save(optimizer)
        return self.progress

    def _trees(self) -> Iterator[PrefixTree]:
        """Pass after pass over the episodes, each in another order; the same for the same seed."""
        rng = random.Random(f"{self.recipe.seed}/{self.stage.name}")  # noqa: S311  # not for secrets
        first = int(self.stage.skip * len(self.episodes))
        yield from chunks(self.episodes[first:], self.recipe.chunk_tokens, rng)
        while True:
            yield from chunks(self.episodes, self.recipe.chunk_tokens, rng)

    def _step(self, optimizer: Any, trees: list[PrefixTree]) -> None:
        import torch  # noqa: PLC0415  # training only

        for group in optimizer.param_groups:
            group["lr"] = self._rate()
        total = sum(len(tree.targets()) for tree in trees)
        parameters = self.trainee.parameters()
        with ThreadPoolExecutor(self.recipe.workers) as workers:
            results = list(workers.map(lambda tree: self._gradients(tree, parameters, total), trees))
        for parameter, *gradients in zip(parameters, *(gradients for gradients, _ in results), strict=True):
            parameter.grad = sum(gradients[1:], start=gradients[0])
        for tree, (_, losses) in zip(trees, results, strict=True):
            self._count(tree, losses)
        torch.nn.utils.clip_grad_norm_(self.trainee.parameters(), self.recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        self.progress.steps += 1
        self.progress.targets += total
        self.progress.chunks += len(trees)

    def _gradients(
        self, tree: PrefixTree, parameters: list[Any], total: int
    ) -> tuple[Sequence[Any], list[float]]:
        """A tree's share of the gradients, apart from the other trees': they are computed side by side."""
        import torch  # noqa: PLC0415  # training only

        losses = tree_losses(self.trainee, tree)
        return torch.autograd.grad(losses.sum() / total, parameters), losses.tolist()

    def _count(self, tree: PrefixTree, losses: list[float]) -> None:
        for role, loss in zip(tree.roles(), losses, strict=True):
            entry = self._sums.setdefault(role, [0.0, 0.0])
            entry[0] += loss
            entry[1] += 1
        self.progress.tokens += len(tree)

    def _rate(self) -> float:
        """Warm-up, then a cosine over the budget."""
        warm = min(1.0, (self.progress.steps + 1) / max(1, self.recipe.warmup_steps))
        share = min(1.0, self.progress.share(self.stage))
        cosine = _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * share))
        return self.stage.learning_rate * warm * cosine

    def _tell(self) -> None:
        if not self._sums:
            return  # nothing is new since the last report
        self.progress.losses = {role: total / count for role, (total, count) in self._sums.items() if count}
        self._sums.clear()
        with (self.folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps(asdict(self.progress)) + "\n")
        self.report(self.progress)

    def _save(self, optimizer: Any) -> None:
        """The adapter, then the optimizer, then the note that makes both count."""
        import torch  # noqa: PLC0415  # training only

        self.trainee.save(self.folder / "adapter")
        torch.save(optimizer.state_dict(), self.folder / "optimizer.pt")
        note = self.folder / "checkpoint.tmp"
        note.write_text(json.dumps(asdict(self.progress)))
        note.replace(self.folder / "checkpoint.json")

    def _resume(self, optimizer: Any) -> None:
        import torch  # noqa: PLC0415  # training only

        note = self.folder / "checkpoint.json"
        if note.exists():
            self.progress = Progress(**json.loads(note.read_text()))
            state = torch.load(self.folder / "optimizer.pt", weights_only=True)
            optimizer.load_state_dict(state)

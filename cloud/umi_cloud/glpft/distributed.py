"""The process group: the processes and devices that train together, through accelerate; the smallest is one CPU."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from umi_cloud.glpft.base_model import Trainee
from umi_cloud.glpft.forward_pass import Chunk, target_losses
from umi_cloud.glpft.recipe import Recipe, Tuning
from umi_shared.errors import ConfigError

__all__ = ["ProcessGroup"]

_SHARDED = ("FSDP", "DEEPSPEED", "MEGATRON_LM")


class ProcessGroup:
    """One process among those that `accelerate launch` started, or alone.

    Every process computes its own chunks of a step; gradients are averaged between them.
    """

    def __init__(self, accelerator: Any, workers: int = 1) -> None:
        """Raises `ConfigError` for several `workers` on anything but one process on a CPU."""
        if workers > 1 and (accelerator.num_processes > 1 or accelerator.device.type != "cpu"):
            raise ConfigError(
                "`workers` above 1 is for one process on a CPU",
                fix="set `workers: 1`, and let `accelerate launch` start the processes",
            )
        self._accelerator = accelerator
        self._workers = workers
        self._trainee: Trainee | None = None
        self._model: Any = None
        self._optimizer: Any = None

    @classmethod
    def found(cls, recipe: Recipe) -> "ProcessGroup":
        """The group that `accelerate launch` describes in the environment; else this machine's one GPU, or its CPU."""
        from accelerate import Accelerator  # noqa: PLC0415  # training only
        from accelerate.state import AcceleratorState  # noqa: PLC0415

        AcceleratorState._reset_state()  # the recipe before may have had another precision
        whole = recipe.tuning is Tuning.FULL and recipe.precision != "float32"
        mixed = {"bfloat16": "bf16", "float16": "fp16"}[recipe.precision] if whole else "no"
        return cls(
            Accelerator(mixed_precision=mixed, gradient_accumulation_steps=recipe.chunks_per_step),
            recipe.workers,
        )

    @property
    def size(self) -> int:
        """How many processes there are."""
        return int(self._accelerator.num_processes)

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return int(self._accelerator.process_index)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return bool(self._accelerator.is_main_process)

    @property
    def sharded(self) -> bool:
        """Whether no process holds the model whole."""
        return self._accelerator.distributed_type.value in _SHARDED

    def prepare(self, trainee: Trainee, optimizer: Any) -> None:
        """Move a model and its optimizer to the device, in shards if the configuration says so."""
        self._trainee = trainee
        if self._accelerator.distributed_type.value == "DEEPSPEED":
            # DeepSpeed takes the batch's size from a data loader. There is none, since chunks differ in size.
            plugin = self._accelerator.state.deepspeed_plugin
            plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = 1
        self._model, self._optimizer = self._accelerator.prepare(trainee.model, optimizer)

    def gradients(self, chunks: Sequence[Chunk], targets: int) -> list[list[float]]:
        """Add up the gradients of a step; returns the losses of this process's chunks.

        `chunks` are those of all processes, and `targets` is the number of their targets, which all weigh the same.
        """
        own = chunks[self.rank :: self.size]
        if self._workers > 1:
            return self._side_by_side(own, targets)
        found = []
        for chunk in own:
            with self._accelerator.accumulate(self._model):
                losses = self.losses(chunk)
                # accelerate divides by the passes of a step, and the processes average.
                self._accelerator.backward(losses.sum() * (len(own) * self.size / targets))
            found.append(losses.detach())
        return [losses.tolist() for losses in found]

    def losses(self, chunk: Chunk) -> Any:
        """The losses of a chunk's targets, as a tensor."""
        return target_losses(self._model, chunk, self._accelerator.device)

    def step(self, learning_rate: float, clip_norm: float) -> bool:
        """Change the weights by the gradients, then clear the gradients; whether the gradients were finite.

        The norm is that of all processes, so that they agree. Gradients that are not finite change nothing.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        norm = self._accelerator.clip_grad_norm_(self._trained(), clip_norm)
        # float16's scaler finds its scale by steps that overflow, and leaves those out by itself.
        finite = self._accelerator.scaler is not None or norm is None or math.isfinite(float(norm))
        if finite:
            self._optimizer.step()
        self._optimizer.zero_grad()
        return finite

    def sum(self, values: Sequence[float]) -> list[float]:
        """The values of all processes, added up. Every process must call it."""
        if self.size == 1:
            return list(values)
        import torch  # noqa: PLC0415  # training only

        tensor = torch.tensor(
            values, dtype=torch.float64 if self._accelerator.device.type == "cpu" else torch.float32
        )
        return [
            float(x) for x in self._accelerator.reduce(tensor.to(self._accelerator.device), "sum").tolist()
        ]

    def wait(self) -> None:
        """Wait until every process has come here."""
        self._accelerator.wait_for_everyone()

    def save(self, folder: Path) -> None:
        """Write weights, optimizer and random states. Every process must call it."""
        if self.sharded:
            self._accelerator.save_state(str(folder / "shards"))
        elif self.is_main:
            import torch  # noqa: PLC0415  # training only

            self.publish(folder / "weights")
            torch.save({"optimizer": self._optimizer.state_dict(), **_random_states()}, folder / "state.pt")
        self.wait()

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, except the weights of a trainee without shards: those it began with."""
        if self.sharded:
            self._accelerator.load_state(str(folder / "shards"))
            return
        import torch  # noqa: PLC0415  # training only

        state = torch.load(folder / "state.pt", weights_only=True, map_location="cpu")
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["cpu"])
        if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])

    def publish(self, folder: Path) -> None:
        """Write the whole adapter or model. With shards, every process must call it."""
        assert self._trainee is not None  # noqa: S101  # prepared before
        state = self._accelerator.get_state_dict(self._model) if self.sharded else None
        if self.is_main:
            self._trainee.save(folder, state)

    def _trained(self) -> list[Any]:
        return [parameter for parameter in self._model.parameters() if parameter.requires_grad]

    def _side_by_side(self, chunks: Sequence[Chunk], targets: int) -> list[list[float]]:
        """The losses. Each worker's gradients are kept apart, then added up: `backward` would mix them."""
        import torch  # noqa: PLC0415  # training only

        parameters = self._trained()

        def gradients(chunk: Chunk) -> tuple[Sequence[Any], list[float]]:
            losses = self.losses(chunk)
            return torch.autograd.grad(losses.sum() / targets, parameters), losses.tolist()

        with ThreadPoolExecutor(self._workers) as workers:
            results = list(workers.map(gradients, chunks))
        for parameter, *parts in zip(parameters, *(parts for parts, _ in results), strict=True):
            parameter.grad = sum(parts[1:], start=parts[0])
        return [losses for _, losses in results]


def _random_states() -> dict[str, Any]:
    import torch  # noqa: PLC0415  # training only

    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }

"""The tuning of one model on this machine, kept in the cache folder; the configuration stays as its owner wrote it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from umi_edge.caller.fingerprint import fingerprint
from umi_shared.durable_file import make_private_directory, write_durably

__all__ = ["Tuning"]

_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How to run a model here."""

    threads: int
    weights: str = ""
    """A file with the same weights in a format that this machine is faster with; empty for the model's own."""
    cores: int
    """The number of cores of the machine that it was measured on; with another number it is not used."""

    @classmethod
    def read(cls, folder: Path, model: Path) -> Self | None:
        """The tuning of a model file, or None: none was made, or it was made for another machine or another file."""
        try:
            path = cls.path(folder, model)
            with path.open("rb") as file:
                tuning = cls(**json.loads(file.read(_MAX_BYTES)))
            sound = 0 < tuning.threads <= tuning.cores == os.cpu_count() and isinstance(tuning.weights, str)
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return tuning if sound and (not tuning.weights or Path(tuning.weights).is_file()) else None

    def write(self, folder: Path, model: Path) -> None:
        """Keep it. Raises `ConfigError` when the folder cannot be written, `OSError` without the model."""
        make_private_directory(folder)
        write_durably(self.path(folder, model), json.dumps(asdict(self), indent=2).encode())

    @staticmethod
    def path(folder: Path, model: Path) -> Path:
        """Where the tuning of a model lies; another file at the model's place has another one. Raises `OSError`."""
        return folder / f"{fingerprint(model)[:32]}.json"

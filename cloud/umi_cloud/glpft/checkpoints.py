"""Checkpoints: folders from which a stage can go on, each of them whole or absent."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from umi_cloud.glpft.distributed import ProcessGroup
from umi_cloud.glpft.progress import Progress

__all__ = ["Checkpoint", "Checkpoints"]

_NOTE = "progress.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One state of a stage."""

    folder: Path
    progress: Progress

    @property
    def weights(self) -> Path:
        """The saved adapter or model, unless it was saved in shards."""
        return self.folder / "weights"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one stage; deleting the newest goes back to the one before it."""

    folder: Path
    keep: int = 2
    """How many of the newest are kept; 0 keeps all."""

    def newest(self) -> Checkpoint | None:
        """The newest complete checkpoint; None without any."""
        found = self._all()
        if not found:
            return None
        progress = Progress(**json.loads((found[-1] / _NOTE).read_text("utf-8")))
        return Checkpoint(found[-1], progress)

    def write(self, group: ProcessGroup, progress: Progress) -> None:
        """Save a state beside the others, then rename it into place; a call that every process must make."""
        draft = self.folder / ".draft"
        if group.is_main:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
        group.wait()
        group.save(draft)
        if group.is_main:
            (draft / _NOTE).write_text(json.dumps(asdict(progress)), "utf-8")
            place = self.folder / f"step-{progress.steps:07}"
            shutil.rmtree(place, ignore_errors=True)
            draft.rename(place)
            for old in self._all()[: -self.keep] if self.keep else ():
                shutil.rmtree(old)
        group.wait()

    def _all(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob(f"step-*/{_NOTE}"))

"""The record of one benchmark: its figures, how they were made and what else was running, as one JSON file."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from umi_lab.bench.figure import Figure
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.surroundings import Surroundings
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED

__all__ = ["Record", "read_records"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What `docs/benchmarks/NAME.json` holds."""

    name: str
    figures: tuple[Figure, ...]
    recipe: dict[str, Any]
    surroundings: dict[str, Any]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, name: str, outcome: Outcome, setting: Setting, surroundings: Surroundings, when: str) -> Self:
        """The record of a benchmark that has just run."""
        return cls(
            name=name,
            figures=tuple(outcome.figures),
            recipe=_recipe(name, setting, when),
            surroundings=surroundings.as_json(),
            notes=tuple(outcome.notes),
            details=dict(outcome.details),
        )

    def write(self, folder: Path) -> Path:
        """Write it into a folder, under its name, and return its path. Raises `OSError`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        fields = {
            name: getattr(self, name) for name in ("name", "recipe", "surroundings", "notes", "details")
        }
        fields["figures"] = [figure.as_json() for figure in self.figures]
        path.write_text(json.dumps(fields, indent=1, ensure_ascii=False) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote. Raises ConfigError for any other file."""
        try:
            fields = json.loads(path.read_text())
            figures = tuple(Figure.from_json(row) for row in fields.pop("figures"))
            return cls(**{**fields, "figures": figures, "notes": tuple(fields["notes"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} is not a record of a benchmark", fix="remove it and run the benchmark"
            ) from error


def read_records(folder: Path) -> list[Record]:
    """All records of a folder, by name. Raises ConfigError for a file that is not a record."""
    return [Record.read(path) for path in sorted(folder.glob("*.json"))]


def _recipe(name: str, setting: Setting, when: str) -> dict[str, Any]:
    options = [f"--only {name}"]
    options += [f"--model {setting.model}"] if setting.model != EMBEDDED else []
    options += [f"--adapter {setting.adapter}"] if setting.adapter else []
    options += ["--quick"] if setting.quick else []
    return {
        "command": f'make bench BENCH_ARGS="{" ".join(options)}"',
        "model": setting.model_file.name,
        "adapter": setting.caller_adapter.name if setting.caller_adapter else "none",
        "dialect": setting.dialect.name,
        "quick": setting.quick,
        "when": when,
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} logical cores",
        "system": platform.platform(terse=True),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("llama-cpp-python", "llguidance", "grpcio")},
        },
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    ran = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.strip() or "unknown"

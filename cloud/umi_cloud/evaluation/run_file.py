"""The file of a run: JSON lines, first a header with what was run, then the rows. No row is run again."""

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from umi_shared.errors import ConfigError

__all__ = ["RunFile", "RunHeader", "command_line", "fingerprint"]


def command_line(name: str) -> str:
    """The command that this process was started with, as `umi-cloud evaluate` has it."""
    words = sys.argv[sys.argv.index(name) + 1 :] if name in sys.argv else []
    return shlex.join(["umi-cloud", "evaluate", name, *words])


def fingerprint(path: Path) -> str:
    """The first twelve hexadecimal digits of a file's SHA-256, enough to tell models and data apart."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What a run depends on; two runs with equal headers give the same rows."""

    kind: str
    """The evaluation that made the rows, such as `closed-loop`."""
    seed: int
    model: str
    """The base model's file name and fingerprint."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    """The fingerprint of each role's adapter."""
    dialect: str = ""
    recipe: str = ""
    """The recipe that trained the adapters, as the user names it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Every other option that changes rows."""
    command: str = ""
    """The command that makes the rows again."""

    def same_run(self, other: "RunHeader") -> bool:
        """Whether rows of both runs may be in one file; how many were asked for does not matter."""
        return _essence(self) == _essence(other)


def _essence(header: RunHeader) -> dict[str, Any]:
    essence: dict[str, Any] = json.loads(json.dumps(asdict(header)))
    del essence["command"], essence["recipe"]
    return essence


@dataclass(slots=True)
class RunFile:
    """Rows of one run, in a file or in memory only."""

    header: RunHeader
    path: Path | None = None
    rows: list[dict[str, Any]] = field(default_factory=list, repr=False)

    @classmethod
    def open(cls, path: Path | None, header: RunHeader) -> Self:
        """Continue a file, or begin one; an incomplete last line is dropped.

        Raises `ConfigError` for a file of another run.
        """
        if path is None:
            return cls(header)
        if not path.exists() or not path.stat().st_size:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_line({"run": asdict(header)}), encoding="utf-8")
            return cls(header, path)
        found = cls.read(path)
        if not found.header.same_run(header):
            raise ConfigError(
                f"{path} holds rows of another run ({found.header.kind}, seed {found.header.seed}, other "
                "model, adapters or options)",
                fix="choose another file with --out, or delete this one",
            )
        path.write_text("".join(map(_line, [{"run": asdict(found.header)}, *found.rows])), encoding="utf-8")
        return found

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises `ConfigError` when it is not the file of a run."""
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
            header = RunHeader(**json.loads(lines[0])["run"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} does not begin with what was run", fix="give a file that `umi-cloud evaluate` wrote"
            ) from error
        return cls(header, path, [row for line in lines[1:] if (row := _row(line)) is not None])

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Keep rows that belong together, and write them at once: an interrupted run loses nothing else."""
        self.rows += map(dict, rows)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(map(_line, rows)))


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None

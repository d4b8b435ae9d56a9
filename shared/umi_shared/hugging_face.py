"""Find and fetch one GGUF of a Hugging Face repository, and check it against the hash that the hub names."""

import hashlib
import io
import logging
import re
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umi_shared.errors import ModelError

__all__ = ["Fetched", "Offer", "choose_file", "fetch", "find"]

_TIMEOUT_SECONDS = 15.0
_SPARE_BYTES = 64 << 20
"""How much of the disk stays free beside the model."""
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One file that a repository offers."""

    repository: str
    revision: str
    file: str
    size_bytes: int
    """0 when the hub does not say."""
    sha256: str
    """Its SHA-256 in hexadecimal; empty when the hub does not say, as for small files, which are not models."""
    licence: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file, whole and checked."""

    path: Path
    sha256: str
    licence: str


def choose_file(files: list[str], quantization: str) -> str:
    """The one GGUF of a repository whose name ends in that quantization, or is that very name.

    >>> choose_file(["a-Q4_0.gguf", "a-IQ4_0.gguf", "mmproj-a-Q4_0.gguf", "README.md"], "Q4_0")
    'a-Q4_0.gguf'

    Raises `ModelError` when there is none, or the model is split over several files.
    """
    ggufs = [file for file in files if file.lower().endswith(".gguf")]
    if quantization in ggufs:
        return quantization
    # A projector for images (mmproj) is not a model, though it is named like one.
    models = [file for file in ggufs if "mmproj" not in file.lower()]
    ending = re.compile(rf"(?:^|[-._/]){re.escape(quantization)}\.gguf$", re.IGNORECASE)
    chosen = [file for file in models if ending.search(file)]
    if len(chosen) == 1:
        return chosen[0]
    single = sorted(file for file in models if not _SPLIT.search(file))
    fix = f"there are: {', '.join(single[:20]) or 'no GGUF files of one piece'}"
    pieces = re.compile(rf"(?:^|[-._/]){re.escape(quantization)}-\d{{5}}-of-\d{{5}}\.gguf$", re.IGNORECASE)
    if not chosen and any(pieces.search(file) for file in models):
        raise ModelError(f"{quantization} is split over several files, which umi does not join", fix=fix)
    if chosen:
        raise ModelError(
            f"several GGUFs are called …{quantization}.gguf: {', '.join(sorted(chosen)[:20])}",
            fix="give the whole name of one in place of the quantization",
        )
    raise ModelError(f"no GGUF is called …{quantization}.gguf", fix=fix)


def find(name: str, *, endpoint: str | None = None) -> Offer:
    """Ask the hub for `owner/repo:quantization`, without fetching the model.

    Raises `ModelError` when the hub cannot be reached, or the repository is not there or closed.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415  # slow to import

    repository, _, quantization = name.partition(":")
    with _explained(repository):
        info = HfApi(endpoint=endpoint).model_info(repository, files_metadata=True, timeout=_TIMEOUT_SECONDS)
        siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        file = choose_file(list(siblings), quantization)
        chosen = siblings[file]
        return Offer(
            repository=repository,
            revision=info.sha or "main",
            file=file,
            size_bytes=chosen.size or 0,
            sha256=chosen.lfs.sha256 if chosen.lfs else "",
            licence=_licence(info),
        )


def fetch(
    name: str,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    *,
    endpoint: str | None = None,
) -> Fetched:
    """Fetch `owner/repo:quantization` into a folder; the hub's client may leave other files there, too.

    Raises `ModelError` as `find` does, when the disk has no room, and when the file is not the one that the
    hub's hash names.
    """
    from huggingface_hub import hf_hub_download  # noqa: PLC0415  # slow to import

    offer = find(name, endpoint=endpoint)
    check_room(folder, offer.size_bytes)
    with _explained(offer.repository), _quiet_hub():
        path = Path(
            hf_hub_download(
                offer.repository,
                offer.file,
                revision=offer.revision,
                local_dir=folder,
                endpoint=endpoint,
                tqdm_class=_bar(progress),
            )
        )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    if offer.sha256 and digest != offer.sha256:
        raise ModelError(
            f"{offer.file} is not the file that the hub names: its SHA-256 is {digest}, not {offer.sha256}",
            fix="try again; if it fails again, choose another repository",
        )
    return Fetched(path, digest, offer.licence)


def check_room(folder: Path, size_bytes: int) -> None:
    """Raise `ModelError` where a file of that size would fill the disk, before any of it is fetched."""
    free = shutil.disk_usage(folder).free
    if size_bytes + _SPARE_BYTES > free:
        raise ModelError(
            f"the disk of {folder} has {free / 1e9:.1f} GB left, and the model needs {size_bytes / 1e9:.1f} GB",
            fix="make room; `umi models list` shows what is there",
        )


def _licence(info: Any) -> str:
    card = info.card_data
    named = (card.get("license_name") or card.get("license")) if card else None
    tag = next((tag for tag in info.tags or () if tag.startswith("license:")), "")
    return str(named or tag.partition(":")[2] or "unknown")


@contextmanager
def _explained(repository: str) -> Any:
    """The hub's errors in our words; its own texts are pages long, and hold urls."""
    from huggingface_hub import errors as hub  # noqa: PLC0415

    by_hand = "or fetch the GGUF yourself and name its path"
    try:
        yield
    except ModelError:
        raise
    except hub.GatedRepoError as error:
        raise ModelError(
            f"{repository} is gated: its owners want you to accept their terms first",
            fix="accept the terms on its page on the hub, then run `hf auth login`",
        ) from error
    except (hub.RepositoryNotFoundError, hub.RevisionNotFoundError, hub.HFValidationError) as error:
        raise ModelError(
            f"the hub has no repository {repository} that you may read",
            fix="check the name; for a private repository run `hf auth login`",
        ) from error
    except hub.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no status"
        raise ModelError(
            f"the hub failed to answer for {repository} ({status})", fix=f"try again later, {by_hand}"
        ) from error
    except Exception as error:  # the hub's client raises whatever its HTTP library does
        if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
            raise ModelError(
                f"{repository} cannot be written to the disk: {error.strerror}", fix="make room on the disk"
            ) from error
        raise ModelError(
            f"{repository} cannot be fetched: {type(error).__name__}",
            fix=f"check the network and the name, {by_hand}",
        ) from error


@contextmanager
def _quiet_hub() -> Any:
    """Keep the hub's client from logging urls at every retry."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _bar(progress: Callable[[int, int], None]) -> Any:
    """A progress bar class for the hub's client that shows nothing, and tells us."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # noqa: PLC0415  # the hub's own dependency

    class Bar(tqdm):  # type: ignore[misc]  # untyped
        monitor_interval = 0  # no thread

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*arguments, **options | {"file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> bool | None:
            shown: bool | None = super().update(n)
            progress(int(self.n), int(self.total or 0))
            return shown

    return Bar

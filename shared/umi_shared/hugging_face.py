"""Fetching one GGUF of a Hugging Face repository, checked against the hash that the hub names."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from umi_shared.errors import ModelError

__all__ = ["Fetched", "choose_file", "fetch"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file, whole and checked."""

    path: Path
    sha256: str
    licence: str


def choose_file(files: list[str], quantization: str) -> str:
    """The one GGUF of a repository whose name says that quantization.

    >>> choose_file(["a-Q4_0.gguf", "a-Q4_K_M.gguf", "README.md"], "Q4_K_M")
    'a-Q4_K_M.gguf'

    Raises `ModelError` when there is none, or the model is split over several files.
    """
    ggufs = [file for file in files if file.lower().endswith(".gguf")]
    chosen = [file for file in ggufs if f"{quantization.lower()}.gguf" in file.lower()]
    if len(chosen) == 1:
        return chosen[0]
    offered = ", ".join(sorted(ggufs)[:20]) or "none"
    if any(f"{quantization.lower()}-00001-of-" in file.lower() for file in ggufs):
        raise ModelError(
            f"{quantization} is split over several files, which umi does not join",
            fix=f"there are: {offered}",
        )
    raise ModelError(f"no single GGUF is called …{quantization}.gguf", fix=f"there are: {offered}")


def fetch(name: str, folder: Path) -> Fetched:
    """Fetch `owner/repo:quantization` into a folder; huggingface_hub shows its own progress bar.

    Raises `ModelError` when the hub cannot be reached, the repository is not there or closed, or the file is
    not the one that the hub's hash names.
    """
    from huggingface_hub import HfApi, hf_hub_download  # noqa: PLC0415  # slow to import
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    repository, _, quantization = name.partition(":")
    try:
        info = HfApi().model_info(repository, files_metadata=True)
        siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        file = choose_file(list(siblings), quantization)
        path = Path(hf_hub_download(repository, file, revision=info.sha, local_dir=folder))
    except HfHubHTTPError as error:
        raise ModelError(
            f"the hub refuses {repository}: {error}",
            fix="check the name; a closed model needs `hf auth login`",
        ) from error
    except ModelError:
        raise
    except Exception as error:  # the hub's client raises whatever its HTTP library does
        raise ModelError(
            f"{repository} cannot be fetched: {type(error).__name__}",
            fix="check the network and the name; or fetch the GGUF yourself and name its path",
        ) from error
    digest = _sha256(path)
    stored = siblings[file].lfs
    if stored is not None and digest != stored.sha256:
        raise ModelError(
            f"{file} is not the file that the hub names: its SHA-256 is {digest}", fix="try again"
        )
    licence = str(getattr(info.card_data, "license", None) or "unknown") if info.card_data else "unknown"
    return Fetched(path, digest, licence)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

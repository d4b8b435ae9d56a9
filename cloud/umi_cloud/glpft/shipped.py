"""The set that umi ships: GGUF adapters for the embedded model; what other engines load is made from them."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from umi_cloud.adapters import gguf_to_peft
from umi_cloud.glpft.base_model import base_path
from umi_cloud.hf_folder import write_hf_folder
from umi_shared.adapter_folder import read_adapter_folder, shipped_adapters
from umi_shared.errors import ModelError

__all__ = ["shipped_set", "write_for_vllm"]

_CLOUD_ROLES = ("planner", "summarizer")


def shipped_set() -> dict[str, dict[str, Any]]:
    """Path, size in bytes and SHA-256 of each role's adapter; empty where this version ships none.

    Raises `ModelError` for a file that is not the one that ships, `ConfigError` for a damaged list of files.
    """
    found = {}
    for role, file in shipped_adapters().items():
        file.check()
        found[role] = {"path": str(file.path), "bytes": file.path.stat().st_size, "sha256": file.sha256}
    return found


def write_for_vllm(base: str, adapters: Path | None, out: Path) -> dict[str, Path]:
    """Write PEFT folders of the cloud's roles, the base as a Hugging Face folder, and a `cloud.yaml` that names them.

    `adapters` is a folder of GGUF adapters; without it they are those that umi ships. Raises `ModelError` when an
    adapter is missing, or does not fit the base, and `ConfigError` when the folder's list of files is damaged.
    """
    source = base_path(base)
    files = shipped_adapters() if adapters is None else read_adapter_folder(adapters)
    missing = [role for role in _CLOUD_ROLES if role not in files]
    if missing:
        raise ModelError(
            f"there is no adapter for the {' and the '.join(missing)}"
            + (f" in {adapters}" if adapters else ": this version ships none"),
            fix="write them with `umi-cloud glpft --recipe … --export FOLDER`, and give --adapters FOLDER",
        )
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for role in _CLOUD_ROLES:
        files[role].check()
        written[role] = out / role
        gguf_to_peft(files[role].path, source, written[role])
    folder = source if source.is_dir() else write_hf_folder(source, out / "base")
    written |= {"base": folder, "cloud.yaml": out / "cloud.yaml"}
    roles = {role: str(written[role].resolve()) for role in _CLOUD_ROLES}
    engine = {"kind": "vllm", "model": str(folder.resolve()), "adapters": roles, "dialect": "umi"}
    with written["cloud.yaml"].open("w", encoding="utf-8") as file_:
        YAML().dump({"engine": engine}, file_)
    return written

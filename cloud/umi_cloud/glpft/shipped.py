"""The set that umi ships: one GGUF adapter a role for the embedded model; what other engines load is made of it."""

import hashlib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from umi_cloud.adapters import gguf_to_peft
from umi_cloud.glpft.base_model import base_path
from umi_cloud.hf_folder import write_hf_folder
from umi_shared.errors import ModelError
from umi_shared.models import shipped_adapter

__all__ = ["shipped_set", "write_for_vllm"]

_CLOUD_ROLES = ("planner", "summarizer")


def shipped_set() -> dict[str, dict[str, Any]]:
    """Path, size and SHA-256 of each adapter; empty where this version ships none."""
    paths = {role: shipped_adapter(role) for role in ("planner", "caller", "summarizer")}
    return {
        role: {
            "path": str(path),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for role, path in paths.items()
        if path is not None
    }


def write_for_vllm(base: str, adapters: Path | None, out: Path) -> dict[str, Path]:
    """Write PEFT folders of the cloud's roles, the base as a Hugging Face folder, and a `cloud.yaml` that names them.

    `adapters` holds `planner.gguf` and `summarizer.gguf`; without it they are those that umi ships. Raises
    `ModelError` when an adapter is missing, or does not fit the base.
    """
    source = base_path(base)
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for role in _CLOUD_ROLES:
        file = shipped_adapter(role) if adapters is None else adapters / f"{role}.gguf"
        if file is None or not file.exists():
            raise ModelError(
                f"there is no adapter for the {role}"
                + (f" at {file}" if file else ", this version ships none"),
                fix="write them with `umi-cloud glpft --recipe … --export FOLDER`, and give --adapters FOLDER",
            )
        written[role] = out / role
        gguf_to_peft(file, source, written[role])
    folder = source if source.is_dir() else write_hf_folder(source, out / "base")
    written |= {"base": folder, "cloud.yaml": out / "cloud.yaml"}
    roles = {role: str(written[role].resolve()) for role in _CLOUD_ROLES}
    engine = {"kind": "vllm", "model": str(folder.resolve()), "adapters": roles, "dialect": "umi"}
    with written["cloud.yaml"].open("w", encoding="utf-8") as file_:
        YAML().dump({"engine": engine}, file_)
    return written

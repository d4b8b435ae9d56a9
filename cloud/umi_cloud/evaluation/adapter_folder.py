"""A folder of GGUF adapters, as `umi-cloud glpft --export` writes it: one file a role."""

from pathlib import Path

from umi_shared.errors import ConfigError

__all__ = ["ROLES", "adapters_in"]

ROLES = ("planner", "caller", "summarizer")


def adapters_in(folder: Path | None, roles: tuple[str, ...] = ROLES) -> dict[str, Path]:
    """The adapters by role, none for no folder; some may be missing, and then the base model plays the role.

    Raises `ConfigError` for a folder that holds none of them.
    """
    if folder is None:
        return {}
    found = {role: path for role in roles if (path := folder / f"{role}.gguf").exists()}
    if not found:
        raise ConfigError(
            f"{folder} holds none of {', '.join(f'{role}.gguf' for role in roles)}",
            fix="write them with `umi-cloud glpft --recipe … --export FOLDER`",
        )
    return found

"""The types of the fields of a dataclass of settings, beyond Python's own, and the error for a wrong one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from umi_shared.errors import ConfigError
from umi_shared.models import parse_spec

__all__ = [
    "MAY_BE_ZERO",
    "NO_SETTING",
    "ModelSpec",
    "PathText",
    "SettingError",
    "TextKind",
    "also_called",
    "resolved",
]


@dataclass(frozen=True, slots=True)
class TextKind:
    """In `Annotated[str, TextKind(…)]`: how the text of a file, and the folder of its paths, make the setting.

    Raises `ConfigError` with a message that follows the setting's name, as "names no model" does.
    """

    read: Callable[[str, Path], str]


def resolved(text: str, folder: Path) -> Path:
    """A path of a file: `~` is the home, and a relative one is relative to the folder."""
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:  # ~somebody who is not there
        return folder / text


def _path_text(text: str, folder: Path) -> str:
    return str(resolved(text, folder)) if text else ""


def _model_spec(text: str, folder: Path) -> str:
    try:
        return str(resolved(text, folder)) if parse_spec(text)[0] == "path" else text
    except ConfigError as error:
        raise ConfigError("names no model", fix=error.fix) from None


PathText = Annotated[str, TextKind(_path_text)]
"""A path that is kept as text, or empty for none."""

ModelSpec = Annotated[str, TextKind(_model_spec)]
"""A path of a model, or another spec that `umi_shared.models.parse_spec` knows, as `hf:owner/repo:Q4_K_M`."""

MAY_BE_ZERO = "may be zero"
"""In `Annotated[int, MAY_BE_ZERO]`: zero has a meaning, though it is not the default."""

NO_SETTING: Mapping[str, Any] = {"setting": False}
"""Metadata of a field that the file does not have."""


def also_called(name: str) -> Mapping[str, Any]:
    """Metadata of a field that the file may have under another name, too."""
    return {"also": name}


class SettingError(ConfigError):
    """One setting is wrong: what a dataclass of settings raises from `__post_init__`; its message quotes no value."""

    def __init__(self, setting: str, message: str, *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.setting = setting

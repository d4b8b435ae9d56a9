"""Settings: a YAML file into a frozen dataclass, for the laptop, the cloud and the recipes of training.

    field_types   what a field of such a dataclass may be
    reader        sections of a file into dataclasses
    file          one file, read under limits

Every mistake in a file is named at once, each with its line, its setting and its fix. No value of a file is ever
quoted: it may be the key of a service (I8).

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from umi_shared.settings.field_types import (
    MAY_BE_ZERO,
    NO_SETTING,
    ModelSpec,
    PathText,
    SettingError,
    TextKind,
    also_called,
    resolved,
)
from umi_shared.settings.file import SettingsError, SettingsFile

__all__ = [
    "MAY_BE_ZERO",
    "NO_SETTING",
    "ModelSpec",
    "PathText",
    "SettingError",
    "SettingsError",
    "SettingsFile",
    "TextKind",
    "also_called",
    "resolved",
]

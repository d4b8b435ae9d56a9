"""The machine's own configuration: what an administrator says for every user of this machine, who cannot undo it.

Of what both say, the stricter holds: another policy than the machine's is refused, a signature that the machine
requires is required, and what is shown before it leaves is what the more cautious of the two wants. It binds umi's own
commands and `open_laptop`; a program that a user writes to get round it is a program of that user.

I2: docs/design.md#i2-fail-closed
"""

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from platformdirs import site_config_path

from umi_edge.policy_tools.signature import pinned_key
from umi_edge.runtime.config import EdgeConfig, PublicKeySpec
from umi_shared.errors import ConfigError
from umi_shared.settings import NO_SETTING, SettingsFile

__all__ = ["MachineConfig", "check_machine", "machine_config_path", "under_machine"]

_PREVIEWS = ("never", "first", "always")
"""From lax to strict."""


def machine_config_path() -> Path:
    """Where the machine's configuration is: `/etc/umi/umi.yaml`, or in the system's folder for all users."""
    if sys.platform.startswith("linux"):
        return Path("/etc/umi/umi.yaml")
    return site_config_path("umi", appauthor=False) / "umi.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """What holds for every user of this machine."""

    policy: Path | None = None
    """The policy of every user; any other is refused."""
    require_signed_policy: PublicKeySpec = field(default="", repr=False)
    """The public key (a PEM file, or its `SHA256:` fingerprint) that must have signed every user's policy."""
    preview: Literal["never", "first", "always"] = "never"
    """The least that is shown before it leaves."""
    file: Path | None = field(default=None, metadata=NO_SETTING)
    """Where this was read from; None where there is none."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a machine's configuration; a file that is not there says nothing.

        Raises `ConfigError` when it cannot be read (I2), `SettingsError` with every mistake in it.
        """
        try:
            settings = SettingsFile(path)
            return replace(settings.parse(cls, settings.text()), file=path)
        except FileNotFoundError:
            return cls()

    @property
    def says(self) -> tuple[str, ...]:
        """The settings that come from the machine."""
        names = ("policy", "require_signed_policy", "preview")
        nothing = MachineConfig()
        return tuple(name for name in names if getattr(self, name) != getattr(nothing, name))

    @property
    def is_writable(self) -> bool:
        """Whether this user could change it, who then is not bound by it; of root that says nothing."""
        if self.file is None or getattr(os, "geteuid", lambda: 1)() == 0:
            return False
        return any(os.access(path, os.W_OK) for path in (self.file, self.file.parent))

    def over(self, config: EdgeConfig) -> EdgeConfig:
        """A user's configuration with what the machine says over it. Raises `ConfigError`, which names both files."""
        theirs = config.file or "your configuration"
        if self.policy and config.policy and config.policy.resolve() != self.policy.resolve():
            raise ConfigError(
                f"{self.file} sets the policy of this machine, and another one was asked for: {config.policy}",
                fix=f"leave `policy`, UMI_POLICY and --policy out, or ask whoever keeps {self.file}",
            )
        wanted, required = config.require_signed_policy, self.require_signed_policy
        if required and wanted and pinned_key(wanted) != pinned_key(required):
            raise ConfigError(
                f"{self.file} and {theirs} require policies that different keys signed",
                fix=f"leave `require_signed_policy` out of {theirs}",
            )
        return replace(
            config,
            policy=self.policy or config.policy,
            require_signed_policy=required or wanted,
            preview=max(config.preview, self.preview, key=_PREVIEWS.index),
            machine_file=self.file,
            said_by_machine=self.says,
        )


def under_machine(config: EdgeConfig) -> EdgeConfig:
    """A user's configuration with this machine's own over it. Raises as `MachineConfig` does."""
    return MachineConfig.read(machine_config_path()).over(config)


def check_machine(config: EdgeConfig) -> None:
    """Raises `ConfigError` where this machine says something else than when a configuration was read (I2)."""
    if under_machine(config) != config:
        raise ConfigError(
            f"{machine_config_path()} was changed after umi had read it",
            fix="end umi with `umi stop`, and start it again",
        )

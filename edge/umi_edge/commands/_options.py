"""Options that several `umi` commands share, and the one place that reads the configuration and the environment."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_shared.errors import ConfigError

if TYPE_CHECKING:
    from umi_edge.runtime.config import EdgeConfig

__all__ = ["VARIABLES", "alone_option", "config_option", "json_lines_option", "json_option", "read_config"]

VARIABLES: Mapping[str, str] = {
    "policy": "UMI_POLICY",
    "connection": "UMI_CONNECTION",
    "ledger": "UMI_LEDGER",
    "offline": "UMI_OFFLINE",
    "preview": "UMI_PREVIEW",
}
"""The environment variable that overrides each of these settings; a flag overrides both."""

_CHOICES = {"offline": ("stop", "device"), "preview": ("never", "first", "always")}

config_option: Callable[[Any], Any] = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="UMI_CONFIG",
    help="The configuration file.  [default: config.yaml in this user's configuration folder]",
)

alone_option: Callable[[Any], Any] = click.option(
    "--alone", is_flag=True, help="Do it in this process, also where `umi serve` runs."
)
json_lines_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object a line."
)
json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def read_config(
    config: Path | None, *, environment: Mapping[str, str] | None = None, **flags: Any
) -> "EdgeConfig":
    """The configuration file, overridden by the environment, overridden by the flags that are not None.

    What the machine's own configuration says holds over all of them. Raises `ConfigError` when `config` is not there,
    or the machine says otherwise; the default file need not exist.
    """
    from umi_edge.runtime.config import EdgeConfig, config_path
    from umi_edge.runtime.machine_config import under_machine

    if config is not None and not config.exists():
        raise ConfigError(f"there is no configuration at {config}", fix="check --config and UMI_CONFIG")
    settings = EdgeConfig.read(config or config_path())
    said = _from_environment(os.environ if environment is None else environment)
    flagged = {name: flag for name, flag in flags.items() if flag is not None}
    return under_machine(settings.with_overrides(**said | flagged))


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, variable in VARIABLES.items():
        value = environment.get(variable, "")
        if not value:
            continue
        choices = _CHOICES.get(name)
        if choices and value not in choices:
            raise ConfigError(f"the environment variable {variable} is one of {', '.join(choices)}")
        said[name] = value if choices else Path(value).expanduser()
    return said

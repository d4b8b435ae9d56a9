"""Options that several `umi-cloud` commands share."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from umi_shared.errors import ConfigError

__all__ = ["DURATION", "certificates_folder", "certificates_option", "json_option", "state_option"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _default_state() -> str:
    import platformdirs

    return str(platformdirs.user_data_path("umi-cloud", appauthor=False))


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """`30m`, `1h` or `7d` as a timedelta."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,5})([mhd])", str(value))
        if match is None:
            self.fail("write a number and m, h or d, such as 30m or 1h", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


DURATION = _Duration()

state_option: Callable[[Any], Any] = click.option(
    "--state",
    metavar="DIR|URL",
    default=_default_state,
    envvar="UMI_CLOUD_STATE",
    show_default="this user's data directory",
    help="Where the registry of devices is: a directory, or postgresql://USER@HOST/DATABASE.",
)

certificates_option: Callable[[Any], Any] = click.option(
    "--certificates",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="UMI_CLOUD_CERTIFICATES",
    help="Directory of the certificates.  [default: --state, where that is a directory]",
)


def certificates_folder(state: str, certificates: Path | None) -> Path:
    """Where the certificates are. Raises ConfigError when the state is a database and no directory is named."""
    from umi_cloud.auth.registry_at import is_postgres

    if certificates is None and is_postgres(state):
        raise ConfigError(
            "the certificates are not in the database",
            fix="name the directory that `umi-cloud ca init` made with --certificates",
        )
    return Path(state) if certificates is None else certificates


json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)

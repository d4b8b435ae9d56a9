"""Options that several `umi-cloud` commands share."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

__all__ = ["DURATION", "json_option", "state_option"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _default_state() -> Path:
    import platformdirs

    return platformdirs.user_data_path("umi-cloud", appauthor=False)


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
    type=click.Path(path_type=Path, file_okay=False),
    default=_default_state,
    envvar="UMI_CLOUD_STATE",
    show_default="this user's data directory",
    help="Directory of the certificates and the registry of devices.",
)

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)

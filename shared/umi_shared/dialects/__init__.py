"""Dialects: how a role's prompt is written and its output parsed."""

from umi_shared.dialects.alpha_umi import AlphaUmiDialect
from umi_shared.dialects.chat import ChatDialect
from umi_shared.dialects.dialect import DecisionReader, Dialect, RolePrompt
from umi_shared.dialects.umi import UmiDialect
from umi_shared.errors import ConfigError

__all__ = [
    "AlphaUmiDialect",
    "ChatDialect",
    "DecisionReader",
    "Dialect",
    "RolePrompt",
    "UmiDialect",
    "dialect_named",
]

_DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (UmiDialect(), ChatDialect(), AlphaUmiDialect())
}


def dialect_named(name: str) -> Dialect:
    """The dialect of that name; raises `ConfigError` for an unknown one."""
    try:
        return _DIALECTS[name]
    except KeyError as error:
        known = ", ".join(_DIALECTS)
        raise ConfigError(f"no dialect is called {name!r}", fix=f"choose one of {known}") from error

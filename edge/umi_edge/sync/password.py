"""The password of an account: from a command, an environment variable or the system's keyring, and never in a file.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from umi_edge.sync.account import Account
from umi_edge.sync.printed import first_line_of
from umi_shared.errors import ConfigError

__all__ = ["keep_password", "password_of"]

_SERVICE = "umi sync"


def password_of(account: Account, environment: Mapping[str, str]) -> str:
    """The password; empty for an account without a user. Raises `ConfigError`, which never quotes it."""
    if not account.user:
        return ""
    if account.password_command:
        return first_line_of(account.password_command, account=account.name, what="password")
    if account.password_env:
        if not environment.get(account.password_env):
            raise ConfigError(f"the environment variable {account.password_env} is not set", fix="set it")
        return environment[account.password_env]
    keyring = _keyring()
    found = keyring.get_password(_SERVICE, account.key) if keyring else None
    if not found:
        fix = f"say `umi sync --login {account.name}`, or write a `password_command`"
        raise ConfigError(f"no password of the account {account.name} is known", fix=fix)
    return str(found)


def keep_password(account: Account, password: str) -> None:
    """Keep it in the system's keyring. Raises `ConfigError` where there is none."""
    keyring = _keyring()
    if keyring is None:
        fix = "install umi-runtime[keyring], or write a `password_command`"
        raise ConfigError("there is no keyring here that a password could be kept in", fix=fix)
    keyring.set_password(_SERVICE, account.key, password)


def _keyring() -> Any:
    """The system's keyring; None where there is none that works."""
    try:
        keyring: Any = import_module("keyring")  # optional
        keyring.get_password(_SERVICE, "probe")
    except ImportError:
        return None
    except Exception:  # each backend has errors of its own
        return None
    return keyring

"""Extras: packages that only some commands need, asked for by the name they are installed under."""

from importlib.util import find_spec

from umi_shared.errors import ConfigError

__all__ = ["require"]


def require(extra: str, *modules: str) -> None:
    """Raise `ConfigError` that says what to install when a module of an extra is not there; imports nothing."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"this needs {', '.join(missing)}, which is not installed here",
            fix=f"pip install 'umi-runtime[{extra}]'",
        )

"""Extras: packages that only some commands need, named as `pip install umi-runtime[…]` names them."""

from importlib.util import find_spec

from umi_shared.errors import ConfigError

__all__ = ["require"]


def require(extra: str, *modules: str) -> None:
    """Raise a `ConfigError` that says what to install when a module of an extra is missing; imports nothing."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"this needs {', '.join(missing)}, which is not installed here",
            fix=f"pip install 'umi-runtime[{extra}]'",
        )

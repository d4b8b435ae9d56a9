"""Lazy names: what a package offers programs, each name imported when it is first used (PEP 562)."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, names: Iterable[str], modules: Iterable[str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: it looks a name up in the `__all__` of `modules`, in this order.

    So the modules that are quick to import come first. `__version__` is that of the installed distribution, of which
    there is one for all packages. What is returned raises `AttributeError` for a name that is not one of `names`.

    >>> lazy_names("umi_shared", ["UmiError"], ["umi_shared.errors"])("UmiError").__name__
    'UmiError'
    """
    offered, places = frozenset(names), tuple(modules)

    def find(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415  # slower to import than all of the rest

            return version("umi-runtime")
        if name in offered:
            for module in map(import_module, places):
                if name in module.__all__:
                    return getattr(module, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find

"""What the models take on a disk: the paper's three full models, beside one base and its adapters."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["storage"]


def storage(model: Path, adapters: Mapping[str, Path]) -> dict[str, int]:
    """Sizes in bytes; a file that several roles share counts once."""
    base = model.stat().st_size
    extra = sum(path.stat().st_size for path in {path.resolve() for path in adapters.values()})
    return {"one full model": base, "three full models": 3 * base, "base and adapters": base + extra}

"""What planner and summarizer cost at an endpoint: bytes that left the laptop, tokens, and their price."""

from collections.abc import Iterable, Mapping
from statistics import mean
from typing import Any

__all__ = ["at_endpoint"]

_ROLES = ("planner", "summarizer")
_MILLION = 1_000_000


def at_endpoint(rows: Iterable[Mapping[str, Any]], price: tuple[float, float] | None) -> dict[str, float]:
    """The means of a session or a request; empty for no rows. `price` is that of a million tokens, read and written.

    >>> row = {"bytes_out": 900, "tokens": {"planner": {"prompt_tokens": 1000, "completion_tokens": 50},
    ...     "summarizer": {"prompt_tokens": 500, "completion_tokens": 50}}}
    >>> at_endpoint([row], (2.0, 10.0))
    {'bytes out': 900, 'tokens read there': 1500, 'tokens written there': 100, 'cost': 0.004}
    """
    rows = [row for row in rows if "tokens" in row]
    if not rows:
        return {}
    read, written = (
        mean(sum(row["tokens"][role][word] for role in _ROLES) for row in rows)
        for word in ("prompt_tokens", "completion_tokens")
    )
    figures = {
        "bytes out": mean(row["bytes_out"] for row in rows),
        "tokens read there": read,
        "tokens written there": written,
    }
    if price is not None:
        figures["cost"] = (read * price[0] + written * price[1]) / _MILLION
    return figures

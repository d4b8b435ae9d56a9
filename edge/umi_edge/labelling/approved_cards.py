"""The approved cards: which foreign tools the user lets the cloud read about, pinned to what they saw.

I2: docs/design.md#i2-fail-closed
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError

__all__ = ["NONE_APPROVED", "ApprovedCards", "pin"]


def pin(name: str, description: str, schema: Mapping[str, Any], result_names: Iterable[str] = ()) -> str:
    """The hash of a card as it leaves, and of the names in the tool's results that the cloud may read with it."""
    told: list[Any] = [name, description, schema]
    told += [names] if (names := sorted(result_names)) else []
    card = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(card.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ApprovedCards:
    """The hash of each approved card, by the server (`mcp:<server>`) and the tool's name.

    Where it is empty, no card is approved.
    """

    pins: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The approvals of this device. Raises `ConfigError` where the file is not what umi wrote."""
        try:
            pins = json.loads(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise _unreadable(path) from error
        if not isinstance(pins, dict) or not all(isinstance(tools, dict) for tools in pins.values()):
            raise _unreadable(path)
        return cls(pins)

    def write(self, path: Path) -> None:
        """Keep them, for this user only (mode 0600). Raises `ConfigError`."""
        make_private_directory(path.parent)
        write_durably(path, json.dumps(self.pins, indent=1, sort_keys=True).encode())

    def approves(self, server: str, tool: str, card: str) -> bool:
        """Whether the user has approved this very card."""
        return self.pins.get(server, {}).get(tool) == card

    def knows(self, server: str, tool: str) -> bool:
        """Whether the user has approved some card of the tool."""
        return tool in self.pins.get(server, {})

    def with_server(self, server: str, cards: Iterable[tuple[str, str]]) -> "ApprovedCards":
        """These cards, each a tool's name and its hash, in place of all that the server had approved."""
        return ApprovedCards({**self.pins, server: dict(cards)})

    def without_server(self, server: str) -> "ApprovedCards":
        """The same, and nothing of a server."""
        return ApprovedCards({name: pins for name, pins in self.pins.items() if name != server})


NONE_APPROVED = ApprovedCards()


def _unreadable(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not a file of approved cards", fix="delete it, then run `umi tools approve` again"
    )

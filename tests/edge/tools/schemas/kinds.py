"""Schemas of the kinds that real servers have, written anew, with arguments that they admit and that they don't."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One schema."""

    name: str
    schema: dict[str, Any]
    good: list[dict[str, Any]]
    bad: list[dict[str, Any]]


KINDS = [Kind(**kind) for kind in json.loads(Path(__file__).with_name("kinds.json").read_text("utf-8"))]

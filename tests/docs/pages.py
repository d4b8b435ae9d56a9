"""The pages of the documentation, and the blocks of code in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCS", "ROOT", "Block", "blocks_of", "commands_of", "hand_written"]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: where it stands, its language, its title and its text."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def hand_written() -> list[Path]:
    """The README and the pages that people wrote: tutorial, how-to pages, design, home."""
    return [
        ROOT / "README.md",
        *sorted(DOCS / name for name in ("index.md", "tutorial.md", "design.md")),
        *sorted((DOCS / "how-to").glob("*.md")),
    ]


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, match.start()) + 1,
            language=match[1],
            title=match[2] or "",
            text=match[3],
        )


def commands_of(block: Block) -> list[str]:
    """What a block of a console asks to type."""
    return [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]

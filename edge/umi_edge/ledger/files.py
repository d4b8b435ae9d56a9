"""Where the lines of a ledger lie: the file in use, the full ones before it, and three small files beside them.

- `ledger.jsonl`: in use
- `ledger.000000001.jsonl`: full; the number is that of its first entry
- `ledger.jsonl.head`: a note of the last checkpoint (`heads`), so that a cut-off end is noticed
- `ledger.jsonl.torn`: what a crash left of an entry, on its way into the ledger
- `ledger.jsonl.lock`: held while something is written
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from umi_edge.ledger.heads import Heads

__all__ = ["MAX_LINE_BYTES", "LedgerFiles", "last_line", "lines"]

MAX_LINE_BYTES = 64 << 20
"""The size limit of one entry in bytes: far above the 4 MiB that the wire allows a message."""
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """The files of the ledger at one path."""

    current: Path

    @property
    def head(self) -> Path:
        """The file that notes the last checkpoint."""
        return self._beside(".head")

    def heads(self, second: Path | None) -> Heads:
        """The notes of the last checkpoint: the one here, and one in another folder, where there is to be one."""
        return Heads((self.head, *([second] if second else [])))

    @property
    def torn(self) -> Path:
        """The file that keeps a torn entry until it is in the ledger."""
        return self._beside(".torn")

    @property
    def lock(self) -> Path:
        """The file that a writer locks."""
        return self._beside(".lock")

    def _beside(self, suffix: str) -> Path:
        return self.current.with_name(self.current.name + suffix)

    def archive(self, first_number: int) -> Path:
        """The name of a full file, by the number of its first entry."""
        return self.current.with_name(f"{self.current.stem}.{first_number:09d}{self.current.suffix}")

    def archives(self) -> list[Path]:
        """The full files, oldest first."""
        name = re.compile(rf"{re.escape(self.current.stem)}\.[0-9]{{9,}}{re.escape(self.current.suffix)}")
        if not self.current.parent.is_dir():
            return []
        found = [path for path in self.current.parent.iterdir() if name.fullmatch(path.name)]
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def all(self) -> list[Path]:
        """Every file with entries, oldest first."""
        return [*self.archives(), *([self.current] if self.current.exists() else [])]


def lines(path: Path, start: int = 0) -> Iterator[tuple[bytes, bool]]:
    """Each line of a file from an offset on, without its line break, and whether it had one: the last may not.

    A line longer than `MAX_LINE_BYTES` is cut, and so fails to parse as an entry.
    """
    with path.open("rb") as file:
        file.seek(start)
        while raw := file.readline(MAX_LINE_BYTES):
            yield raw.removesuffix(b"\n"), raw.endswith(b"\n") or len(raw) == MAX_LINE_BYTES


def last_line(path: Path) -> bytes:
    """The last line of a file that has its line break, without it; empty for a file without such a line."""
    with path.open("rb") as file:
        position = file.seek(0, 2)
        tail = b""
        while position > 0 and tail.count(b"\n") < 2 and len(tail) <= MAX_LINE_BYTES:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            tail = file.read(step) + tail
    whole = tail[: tail.rfind(b"\n") + 1]
    return whole.rstrip(b"\n").rpartition(b"\n")[2]

"""The ledger: writable, whole, and with room to grow; without it nothing leaves."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from umi_edge.connection.device_key import KEY_NAME, device_key
from umi_edge.diagnosis.finding import Finding, broken, fine, warning
from umi_edge.ledger import verify_ledger

__all__ = ["ledger"]

_LITTLE_BYTES = 256 << 20
_TOO_LITTLE_BYTES = 16 << 20


async def ledger(path: Path, second_head: Path | None = None) -> AsyncIterator[Finding]:
    """Whether entries can be written, the chain holds, and the disk has room; nothing is made here."""
    writable = _writable(path)
    yield writable
    if writable.status == "broken":
        return
    key_file = path.parent / KEY_NAME
    key = device_key(path.parent).public_key() if key_file.exists() else None
    report = await asyncio.to_thread(verify_ledger, path, key, second_head)  # its error names file and line
    if key is None and report.checkpoints:
        fix = f"restore {key_file}, if you have it: a new key cannot vouch for old entries"
        yield warning("ledger", "the key that signed it is not here, so nobody can say who did", fix)
    torn = f", {report.torn_bytes} bytes cut short by a crash" if report.torn_bytes else ""
    yield fine("ledger", f"{report.entries:,} messages in {report.files} files; the chain holds{torn}")


def _writable(path: Path) -> Finding:
    folder = next((one for one in (path.parent, *path.parent.parents) if one.exists()), path.parent)
    fix = "make room, mend its permissions, or set `ledger` to another file"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
        if path.exists():
            with path.open("ab"):
                pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return broken("ledger", f"{folder} cannot be written to: {error.strerror}", fix)
    room = f"{free / 1e9:.1f} GB free"
    if free < _TOO_LITTLE_BYTES:
        return broken("ledger", f"the disk of {folder} is full ({free / 1e6:.0f} MB free)", "make room")
    if free < _LITTLE_BYTES:
        return warning(
            "ledger", f"the disk of {folder} is nearly full ({free / 1e6:.0f} MB free)", "make room"
        )
    return fine("ledger", f"{path} can be written; {room}")

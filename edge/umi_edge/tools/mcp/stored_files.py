"""Where images, sounds and other files lie that servers send: in a private folder, for the user and for other tools."""

import base64
import binascii
import mimetypes
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.values.stored_file import StoredFile
from umi_shared.durable_file import make_private_directory

__all__ = ["StoredFiles"]

_KEPT_SECONDS = 7 * 24 * 3600
_LIMIT_BYTES = 256 << 20


@dataclass(slots=True)
class StoredFiles:
    """The files of one session. Raises `ToolFailure` where there is no folder for them, or no more room."""

    folder: Path | None
    _left: int = field(default=_LIMIT_BYTES)

    def keep(self, data: str, mime: str | None) -> StoredFile:
        """Write what base64 text holds, for this user only; its type is what its media type says."""
        try:
            content = base64.b64decode(data, validate=False)
        except (binascii.Error, ValueError):
            raise ToolFailure(FailureKind.NOT_JSON, "a file of the result is no base64") from None
        if self.folder is None:
            raise ToolFailure(FailureKind.NOT_JSON, "the result holds a file, and there is no folder for it")
        self._left -= len(content)
        if self._left < 0:
            raise ToolFailure(
                FailureKind.TOO_LARGE, f"files of more than {_LIMIT_BYTES >> 20} MiB in a session"
            )
        kind = (mime or "").partition("/")[0]
        type_ = kind if kind in ("image", "audio") else "file"
        make_private_directory(self.folder)
        ending = mimetypes.guess_extension((mime or "").partition(";")[0].strip()) or ""
        path = self.folder / f"{type_}-{secrets.token_hex(4)}{ending}"
        path.touch(0o600, exist_ok=False)
        path.write_bytes(content)
        return StoredFile(str(path), type_)

    def tidy(self) -> None:
        """Delete what is older than a week."""
        if self.folder is None or not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                path.unlink(missing_ok=True)

"""A file of one-time tokens, which only its owner reads: name, label, token and its end, a laptop a line."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from umi_cloud.auth.laptop_list import Laptop
from umi_cloud.auth.tokens import MintedToken
from umi_shared.errors import ConfigError

__all__ = ["TokenFile"]


class TokenFile:
    """A new file; it is gone again where what is done with it fails."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path = path
        self._file = file

    @classmethod
    def new(cls, path: Path) -> Self:
        """Make it, with mode 0600. Raises `ConfigError` where there is one, or it can't be written."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise ConfigError(f"{path} is there already", fix="name a new file with --to") from error
        except OSError as error:
            raise _unwritable(path, error) from error
        return cls(path, os.fdopen(descriptor, "w", encoding="utf-8", newline=""))

    def write(self, laptops: Sequence[Laptop], minted: Sequence[MintedToken]) -> None:
        """Write the token of each laptop, in their order, to last. Raises `ConfigError`."""
        try:
            lines = csv.writer(self._file, lineterminator="\n")
            lines.writerow(("name", "label", "token", "expires"))
            for laptop, one in zip(laptops, minted, strict=True):
                lines.writerow((laptop.name, laptop.label, one.token.text(), one.expires.isoformat()))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None:
            self._path.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {path}: {error.strerror or error}",
        fix="name a file in a directory that you may write to",
    )

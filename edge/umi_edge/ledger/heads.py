"""The heads: signed notes of the last checkpoint, beside the ledger and in a second folder.

They tell where the ledger ends, so that an end that is cut off is missed. A note is made before the first entry, so
that a ledger with entries and without one was tampered with. It is signed, so that nobody without the key can note an
earlier checkpoint; and there are two, so that who puts older files back must do so in both folders.

Covered: a ledger cut to any earlier checkpoint, whatever becomes of one of the notes; a note that is deleted, changed
or of another key. Not covered: both folders put back to how they were, or ledger and both notes gone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from umi_edge.ledger.chain import Link
from umi_edge.ledger.errors import BrokenLedgerError
from umi_shared.durable_file import write_durably

__all__ = ["Heads"]

_SIGNED = b"umi ledger head "


@dataclass(frozen=True, slots=True)
class Heads:
    """The notes of one ledger, the one beside it first."""

    files: tuple[Path, ...]

    def read(self, key: Ed25519PublicKey | None) -> dict[Path, Link]:
        """The notes that are there; without `key` any key that signs is believed. Raises `BrokenLedgerError`."""
        return {file: _read(file, key) for file in self.files if file.exists()}

    def write(self, link: Link, key: Ed25519PrivateKey) -> None:
        """Note a checkpoint in every place. Raises `ConfigError`, `OSError`."""
        note = {
            "number": link.number,
            "hash": link.hash,
            "key": key.public_key().public_bytes_raw().hex(),
            "signature": key.sign(_message(link)).hex(),
        }
        for file in self.files:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_durably(file, json.dumps(note).encode())

    def check(self, noted: Mapping[Path, Link], ledger: Path, end: Link) -> None:
        """Check where a ledger ends against the notes. Raises `BrokenLedgerError`."""
        for file in self.files:
            if file not in noted and end != Link():
                raise BrokenLedgerError(
                    file,
                    1,
                    "this note of the last checkpoint is missing, so the ledger's end may be, too",
                    fix=_fix(file, noted),
                )
        last = max((link.number for link in noted.values()), default=0)
        if end.number < last:
            raise BrokenLedgerError(ledger, 1, f"entries {end.number + 1} to {last} are missing at the end")


def _message(link: Link) -> bytes:
    return _SIGNED + f"{link.number} {link.hash}".encode()


def _read(file: Path, key: Ed25519PublicKey | None) -> Link:
    try:
        note = json.loads(file.read_bytes())
        link = Link(int(note["number"]), str(note["hash"]))
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(note["key"]))
        if key is not None and signer != key:
            raise InvalidSignature
        signer.verify(bytes.fromhex(note["signature"]), _message(link))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidSignature) as error:
        raise BrokenLedgerError(file, 1, "this file does not name the last checkpoint") from error
    return link


def _fix(missing: Path, noted: Mapping[Path, Link]) -> str | None:
    """What to do where another note is left; it is a person who must know why one is gone."""
    if not noted:
        return None
    return (
        f"if you removed it or moved the ledger yourself, copy {next(iter(noted))} to {missing}; "
        "else see who else can write there"
    )

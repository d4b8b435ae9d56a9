"""The form of one line of the ledger, and what it must be to follow the line before it.

    {"number":7,"previous":"<hash of line 6>","kind":"sent", ... ,"hash":"<SHA-256 of all before, and a brace>"}

The hash covers the very bytes of the line, not what they mean: another spelling of the same JSON is a change, too.
Kinds: `sent`, a message that left; `checkpoint`, a signature over the chain so far; `torn`, what a crash had left of
an entry; `trimmed`, older files let go because of the ledger's bounds.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["GENESIS", "Link", "LineError", "check_content", "entry_of", "follow", "signed", "written"]

GENESIS = "0" * 64

_BEFORE_HASH = b',"hash":"'
_AFTER_HASH = b'"}'
_TAIL = len(_BEFORE_HASH) + 64 + len(_AFTER_HASH)
_SIGNED = b"umi ledger checkpoint "
"""Begins what is signed, so that a checkpoint's signature cannot be taken for one of anything else."""


class LineError(ValueError):
    """Why a line does not hold."""


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: the next line follows it."""

    number: int = 0
    hash: str = GENESIS


def written(entry: Mapping[str, Any], after: Link, message: bytes | None = None) -> tuple[bytes, Link]:
    r"""The line for an entry after a chain's end, and the new end; a `message` is the entry's last field, in base64.

    >>> line, end = written({"kind": "sent"}, Link())
    >>> entry, follows = follow(line.rstrip(b"\n"), Link())
    >>> entry["kind"], follows == end
    ('sent', True)
    """
    numbered = {"number": after.number + 1, "previous": after.hash, **entry}
    body = json.dumps(numbered, separators=(",", ":")).encode()
    if message is not None:  # base64 needs no escapes, so JSON need not look for them
        body = b'%b,"message":"%b"}' % (body[:-1], base64.b64encode(message))
    digest = hashlib.sha256(body).hexdigest()
    line = body[:-1] + _BEFORE_HASH + digest.encode() + _AFTER_HASH + b"\n"
    return line, Link(after.number + 1, digest)


def entry_of(line: bytes) -> tuple[dict[str, Any], Link]:
    """The entry of a line, and the end of the chain after it. Raises `LineError` for a line that was changed."""
    tail = line[-_TAIL:]
    if not (tail.startswith(_BEFORE_HASH) and tail.endswith(_AFTER_HASH)):
        raise LineError("this line is not an entry")
    body = line[:-_TAIL] + b"}"
    digest = hashlib.sha256(body).hexdigest()
    if digest.encode() != tail[len(_BEFORE_HASH) : -len(_AFTER_HASH)]:
        raise LineError("this entry was changed after it was written")
    try:
        entry = json.loads(body)
        return entry, Link(int(entry["number"]), digest)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LineError("this line is not an entry") from error


def follow(line: bytes, after: Link) -> tuple[dict[str, Any], Link]:
    """The entry of a line that must come right after a chain's end. Raises `LineError`."""
    entry, link = entry_of(line)
    if entry.get("previous") != after.hash or link.number != after.number + 1:
        raise LineError("an entry before this one is missing or moved")
    return entry, link


def check_content(entry: Mapping[str, Any], key: Ed25519PublicKey | None) -> None:
    """Check what an entry says of itself: a message's digest, a checkpoint's signature.

    `key` is the device's; without it any key that signed is believed. Raises `LineError`.
    """
    try:
        match entry["kind"]:
            case "sent":
                _check_sent(entry)
            case "checkpoint":
                _check_signature(entry, key)
            case "torn" | "trimmed":
                pass
            case _:
                raise LineError("this entry is of a kind that this version of umi does not know")
    except (KeyError, TypeError, AttributeError) as error:
        raise LineError("this entry lacks a field") from error


def _check_sent(entry: Mapping[str, Any]) -> None:
    try:
        message = base64.b64decode(entry["message"], validate=True)
    except ValueError as error:
        raise LineError("the message is not base64") from error
    if hashlib.sha256(message).hexdigest() != entry["sha256"] or len(message) != entry["bytes"]:
        raise LineError("the message is not the one that the digest names")


def signed(after: Link, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The fields of a checkpoint: a signature over the chain so far."""
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signature = key.sign(_SIGNED + after.hash.encode())
    return {"of": after.hash, "key": public.hex(), "signature": signature.hex()}


def _check_signature(entry: Mapping[str, Any], key: Ed25519PublicKey | None) -> None:
    try:
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry["key"]))
        if entry["of"] != entry["previous"] or (key is not None and signer != key):
            raise InvalidSignature
        signer.verify(bytes.fromhex(entry["signature"]), _SIGNED + entry["of"].encode())
    except (InvalidSignature, ValueError) as error:
        raise LineError("the checkpoint's signature is not this device's") from error

"""Signed policies: an Ed25519 signature in a file of its own beside the policy.

Keeps I2 for managed laptops: where a signature is required, a policy that has none, another one, or one of another
key is an error; no other policy takes its place. What is verified are the very bytes that are then read: those of the
policy, and those of each `values_file` whenever it is read.

Covered: a changed, truncated or replaced policy, file of values or signature; a signature of another key, or of
something else.
Not covered: an older policy that the same key signed (keep one key for one policy's life, or make a new one); a user
who may change the configuration that requires the signature.

I2: docs/design.md#i2-fail-closed
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from umi_edge.policy.detector import Detector
from umi_edge.policy.document import Policy
from umi_edge.policy.excepted import Excepted
from umi_edge.policy.loader import load_policy, policy_bytes, policy_text
from umi_edge.policy.values_file import digest_of, named_files, read_values_files
from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError, PolicyError

__all__ = [
    "SignatureError",
    "fingerprint",
    "make_key",
    "pinned_key",
    "read_private_key",
    "read_signed_policy",
    "sign_policy",
    "signature_path",
    "signer_of",
    "verify_policy",
]

_SIGNED = b"umi policy signature 2\n"
"""So that a signature of this key can't be one of something else."""
_SIGNED_ALONE = b"umi policy signature 1\n"
"""Of signatures of a policy's bytes alone, which hold for a policy without a `values_file`."""
_MAX_SIGNATURE_BYTES = 64 << 10
_FINGERPRINT = "SHA256:"
_SIGN_AGAIN = "put the file back as it was, or have the policy signed again: `umi policy sign`"
_ASK = "ask whoever manages this laptop for the policy and its .sig file"


class SignatureError(PolicyError):
    """A policy that is not what the key's owner signed."""


@dataclass(frozen=True, slots=True)
class _Signature:
    key: Ed25519PublicKey
    signature: bytes
    manifest: Mapping[str, Any] | None
    """The digests of the policy and of its files; None where the policy's bytes alone are signed."""

    def verify(self, content: bytes) -> None:
        """Raises `InvalidSignature` where it is not of a policy of these bytes."""
        if self.manifest is None:
            self.key.verify(self.signature, _SIGNED_ALONE + content)
            return
        self.key.verify(self.signature, _SIGNED + _spelled(self.manifest))
        if self.manifest.get("policy") != digest_of(content):
            raise InvalidSignature


def signature_path(policy: Path) -> Path:
    """Where a policy's signature lies.

    >>> signature_path(Path("laptop.yaml")).name
    'laptop.yaml.sig'
    """
    return policy.with_name(policy.name + ".sig")


def fingerprint(key: Ed25519PublicKey) -> str:
    """A public key in few characters: what a configuration can pin."""
    return _FINGERPRINT + base64.b64encode(hashlib.sha256(key.public_bytes_raw()).digest()).decode().rstrip(
        "="
    )


def sign_policy(policy: Path, key: Ed25519PrivateKey) -> Path:
    """Write the signature of a policy and of its files of values beside it.

    Raises `PolicyError` for a policy that does not load, and `PrivacyError` for a file that cannot be read.
    """
    content = policy_bytes(policy)
    loaded = load_policy(policy_text(content, str(policy)), str(policy))
    read_values_files(loaded)
    files = {_name(one, policy): digest_of(Path(one.file).read_bytes()) for one in named_files(loaded)}
    manifest = {"policy": digest_of(content), "values_files": files}
    document = {
        "umi_policy_signature": 2,
        **manifest,
        "key": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        "fingerprint": fingerprint(key.public_key()),
        "signature": base64.b64encode(key.sign(_SIGNED + _spelled(manifest))).decode(),
    }
    path = signature_path(policy)
    write_durably(path, (json.dumps(document, indent=2) + "\n").encode(), private=False)
    return path


def verify_policy(policy: Path, trusted: str) -> str:
    """The fingerprint of the key that signed a policy; `trusted` is as for `read_signed_policy`."""
    read_signed_policy(policy, trusted)
    return pinned_key(trusted)


def read_signed_policy(policy: Path, trusted: str, *, required_by: str = "") -> Policy:
    """The policy in a file that the trusted key signed: a public key's file, or a fingerprint.

    Its files of values are held to what was signed whenever they are read. `required_by` is the file that wants it
    signed, for the error.

    Raises `SignatureError` where it, or a file of values, is not as that key signed it, `PolicyError` where it does not
    load.
    """
    try:
        return _verified(policy, policy_bytes(policy), trusted)
    except SignatureError as error:
        if not required_by:
            raise
        raise SignatureError(
            f"{error.message}; {required_by} requires a signed policy", fix=error.fix
        ) from error


def signer_of(policy: Path) -> str:
    """The fingerprint of the key that signed a policy, whoever's it is; empty where it is not signed.

    Raises `SignatureError` where the signature is not of the policy, and of its files of values, as they are now.
    """
    if not signature_path(policy).exists():
        return ""
    signer = fingerprint(_read_signature(policy).key)
    _verified(policy, policy_bytes(policy), signer)
    return signer


def _verified(policy: Path, content: bytes, trusted: str) -> Policy:
    # (1) the signature is of the key that is pinned; (2) it is of these bytes; (3) and of each file of values.
    found = _read_signature(policy)
    pinned, signer = pinned_key(trusted), fingerprint(found.key)
    if signer != pinned:
        raise SignatureError(f"signed by {signer}, and {pinned} is required", file=str(policy), fix=_ASK)
    try:
        found.verify(content)
    except InvalidSignature as error:
        raise SignatureError("changed since it was signed", file=str(policy), fix=_ASK) from error
    loaded = load_policy(policy_text(content, str(policy)), str(policy))
    files = found.manifest["values_files"] if found.manifest is not None else {}
    signed = replace(loaded, detect=tuple(_as_signed(one, policy, files) for one in loaded.detect))
    for one in named_files(signed):
        if not one.digest:
            raise SignatureError(f"its {one.file} was not signed with it", file=str(policy), fix=_SIGN_AGAIN)
        if one.digest != _digest_now(Path(one.file)):
            raise SignatureError(f"its {one.file} is not what was signed", file=str(policy), fix=_SIGN_AGAIN)
    return signed


def _as_signed(detector: Detector, policy: Path, files: Mapping[str, str]) -> Detector:
    """A detector whose files must be what was signed."""
    excepted = tuple(replace(one, digest=files.get(_name(one, policy), "")) for one in detector.excepted)
    return replace(detector, digest=files.get(_name(detector, policy), ""), excepted=excepted)


def _name(named: Detector | Excepted, policy: Path) -> str:
    """A file of values as the manifest calls it: by its way from the policy's folder."""
    return Path(os.path.relpath(named.file, policy.parent)).as_posix() if named.file else ""


def _digest_now(file: Path) -> str:
    try:
        return digest_of(file.read_bytes())
    except OSError:
        return ""


def _spelled(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


def _read_signature(policy: Path) -> _Signature:
    path = signature_path(policy)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SIGNATURE_BYTES + 1)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise SignatureError(f"it is not signed: {path.name}: {why}", file=str(policy), fix=_ASK) from error
    try:
        if len(text) > _MAX_SIGNATURE_BYTES:
            raise ValueError("too large")
        document = json.loads(text)
        if document["umi_policy_signature"] not in (1, 2):
            raise ValueError("another version")
        manifest = None
        if document["umi_policy_signature"] == 2:
            manifest = {"policy": str(document["policy"]), "values_files": dict(document["values_files"])}
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(document["key"], validate=True))
        return _Signature(key, base64.b64decode(document["signature"], validate=True), manifest)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignatureError("this is not a signature of a policy", file=str(path), fix=_ASK) from error


def pinned_key(trusted: str) -> str:
    """The fingerprint that `require_signed_policy` or `--key` names. Raises `ConfigError`."""
    if trusted.startswith(_FINGERPRINT):
        return trusted.rstrip("=")
    path = Path(trusted).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the public key {path} cannot be read: {error.strerror or error}",
            fix=f"give a PEM file, or a fingerprint that starts with {_FINGERPRINT}",
        ) from error
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} is not a public key in PEM", fix="give the .pub file of the key"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path} is not an Ed25519 key", fix="make one with `umi policy new-key`")
    return fingerprint(key)


def make_key(path: Path) -> str:
    """Write a new private key, which its owner alone may read, and its public key beside it as `.pub`."""
    public = path.with_name(path.name + ".pub")
    for one in (path, public):
        if one.exists():
            raise ConfigError(f"{one} is there already", fix="choose another name: umi never replaces a key")
    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    write_durably(
        path, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    write_durably(
        public,
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
        private=False,
    )
    return fingerprint(key.public_key())


def read_private_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """An Ed25519 key in PEM. Raises `ConfigError`, which quotes nothing of it."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise ConfigError(f"no key at {path}: {why}", fix="make one with `umi policy new-key`") from error
    except TypeError as error:
        raise ConfigError(
            f"{path} and the passphrase do not go together",
            fix="give --passphrase just for a key that has one",
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"{path} is not a private key in PEM, or the passphrase is wrong", fix="check both"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is not an Ed25519 key", fix="make one with `umi policy new-key`")
    return key

"""The key with which this device signs its ledger."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError

__all__ = ["KEY_NAME", "device_key"]

KEY_NAME = "ledger.key"


def device_key(folder: Path) -> Ed25519PrivateKey:
    """Read the key in a folder, or make it there.

    Raises `ConfigError` when it cannot be read: a new one would make the old checkpoints look forged.
    """
    path = folder / KEY_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        write_durably(
            path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return key
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)  # type: ignore[assignment]
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the ledger's key {path} cannot be read",
            fix="restore it; without it the ledger's checkpoints cannot be verified",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is not an Ed25519 key", fix="restore the key that umi made")
    return key

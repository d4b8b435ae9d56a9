"""The records of this laptop: what umi has written into the user's stores, sealed with the device's key."""

import hmac

from umi_edge.connection.device_key import device_key
from umi_edge.records import Records, SealedLog
from umi_edge.runtime.config import EdgeConfig

__all__ = ["read_records"]


def read_records(config: EdgeConfig) -> Records:
    """What this laptop's log holds, or what is wrong with it. Raises `ConfigError`."""
    secret = device_key(config.ledger.parent).private_bytes_raw()
    return Records.of_device(SealedLog(config.written_records, hmac.digest(secret, b"umi records", "sha256")))

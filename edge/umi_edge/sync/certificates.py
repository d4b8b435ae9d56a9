"""Certificates: whom a connection to an account trusts."""

import ssl

from umi_edge.sync.account import Account
from umi_shared.errors import TransportError

__all__ = ["trusted_context"]


def trusted_context(account: Account) -> ssl.SSLContext:
    """What certificates are checked with: whom the system trusts, or whom the account names."""
    try:
        return ssl.create_default_context(cafile=str(account.ca_file) if account.ca_file else None)
    except (OSError, ssl.SSLError):
        raise TransportError(f"{account.ca_file} has no certificates", fix="correct `ca_file`") from None

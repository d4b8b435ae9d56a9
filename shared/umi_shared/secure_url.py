"""Which addresses a secret may be sent to."""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

__all__ = ["is_secure"]


def is_secure(url: str) -> bool:
    """Whether nobody on the way can read or change what is said: https, or http on this machine.

    >>> [is_secure(url) for url in ("https://id.example", "http://127.0.0.1:9", "http://id.example", "file:///x", "x")]
    [True, True, False, False, False]
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.username is not None:
            return False
        if parts.scheme == "https":
            return True
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    return False

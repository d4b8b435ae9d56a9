"""The nonce of a login that enrols a laptop: it binds the ID token to one signing request."""

import base64
import hashlib

__all__ = ["login_nonce"]


def login_nonce(csr_pem: bytes) -> str:
    """The nonce for a signing request: whoever steals the token can do nothing with it without the request's key.

    >>> len(login_nonce(b"a request"))
    43
    """
    digest = hashlib.sha256(b"umi login" + hashlib.sha256(csr_pem).digest()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

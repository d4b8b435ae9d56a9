"""The client of the daemon: it sends the user's key, and a request, only to whom has proved to have the key."""

import hmac
import secrets
from collections.abc import Generator

import httpx

from umi_edge.doors.user_key import PROOF_HEADER, PROOF_PATH, UserKey

__all__ = ["ProvedFirst", "StrangerError", "proved_client"]

_PROOF_SECONDS = 10
"""How long the daemon may take to prove that it is the one."""
_CONNECTS_SECONDS = 10
"""How long it may take to be reached; after that a request may take as long as it takes."""


class StrangerError(httpx.TransportError):
    """What listens at the daemon's port is not the daemon."""


class ProvedFirst(httpx.Auth):
    """Sends the key, and a request, only to a server that has proved to have the key."""

    def __init__(self, key: str) -> None:
        self._key = UserKey(key)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask for the proof, then send what is to be sent."""
        nonce = secrets.token_hex(32)
        reply = yield httpx.Request(
            "GET",
            request.url.copy_with(raw_path=f"{PROOF_PATH}?nonce={nonce}".encode()),
            extensions={"timeout": httpx.Timeout(_PROOF_SECONDS).as_dict()},
        )
        given = reply.headers.get(PROOF_HEADER, "").encode()
        if not hmac.compare_digest(given, self._key.proof(nonce).encode()):
            raise StrangerError("what listens there is not umi's daemon")
        request.headers["authorization"] = f"Bearer {self._key.text}"
        yield request


def proved_client(url: str, key: str) -> httpx.AsyncClient:
    """What asks the daemon at an address, for as long as it takes."""
    return httpx.AsyncClient(
        base_url=url,
        auth=ProvedFirst(key),
        timeout=httpx.Timeout(None, connect=_CONNECTS_SECONDS),
        trust_env=False,  # no proxy stands between a laptop and itself
    )

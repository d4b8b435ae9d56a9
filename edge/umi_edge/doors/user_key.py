"""The user's key: what the page and the commands are let in with, and no chat program has.

It is another at each start of the daemon, and lies in the file of its place, for the user alone. So a program with the
programs' key can't answer its own questions, and who takes the port of a daemon that ended has nothing of use. The page
gets it for a code that works once: what a browser keeps of the address opens nothing.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import httpx

from umi_edge.doors.doorkeeper import Doorkeeper

__all__ = ["PROOF_HEADER", "PROOF_PATH", "ProvedFirst", "StrangerError", "UserKey", "proved_client"]

PROOF_PATH = "/api/proof"
PROOF_HEADER = "umi-proof"
_CODE_SECONDS = 60
_MOST_CODES = 8
_KEY_BYTES = 32
_PROOF_SECONDS = 10
"""How long the daemon may take to prove that it is the one."""
_CONNECTS_SECONDS = 10
"""How long it may take to be reached; after that a request may take as long as it takes."""


@dataclass(slots=True)
class UserKey:
    """The key of one daemon, and the codes that are exchanged for it."""

    text: str = field(default_factory=lambda: secrets.token_urlsafe(_KEY_BYTES), repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _codes: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Each with the moment up to which it is good."""

    def keeper(self) -> Doorkeeper:
        """Lets in who has it, on this machine, and no page of another site."""
        return Doorkeeper(self.text, wanted="the key that `umi open` gives to the page")

    def code(self) -> str:
        """A code that can be exchanged once, within a minute."""
        code = secrets.token_urlsafe(_KEY_BYTES)
        self._codes = dict([*self._codes.items(), (code, self.clock() + _CODE_SECONDS)][-_MOST_CODES:])
        return code

    def is_exchanged(self, code: str) -> bool:
        """Whether a code is good for the key; it is not a second time."""
        good_until = self._codes.pop(code, None)
        return good_until is not None and self.clock() < good_until

    def proof(self, nonce: str) -> str:
        """What only somebody with the key can say to a nonce. Raises `ValueError` for what is no nonce."""
        if not re.fullmatch(r"[0-9a-f]{64}", nonce):
            raise ValueError("a nonce is 64 hexadecimal digits")
        return hmac.new(self.text.encode(), f"umi-proof:{nonce}".encode(), hashlib.sha256).hexdigest()


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

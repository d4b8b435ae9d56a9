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
from collections.abc import Callable
from dataclasses import dataclass, field

from umi_edge.doors.doorkeeper import Doorkeeper

__all__ = ["PROOF_HEADER", "PROOF_PATH", "UserKey"]

PROOF_PATH = "/api/proof"
PROOF_HEADER = "umi-proof"
_CODE_SECONDS = 60
_MOST_CODES = 8
_KEY_BYTES = 32


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

"""Whose cached prompts a request may reuse: one namespace for each device, under a key of the server.

Invariants: two devices never get the same namespace; a namespace is the same in every request, on every replica that
has the same state directory, and after a restart; without the key it says nothing of the device, so an engine may log
it. Where nobody is identified (plaintext on loopback), the session's random word is the only secret that a caller has:
each session gets a namespace of its own, and a request without a word shares with nobody.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Self

__all__ = ["CacheNamespaces"]

_KEY_BYTES = 32
_CHARACTERS = 32
"""128 bits: no two devices will meet in one."""


@dataclass(frozen=True, slots=True)
class CacheNamespaces:
    """Makes namespaces from identities."""

    key: bytes = field(repr=False)

    @classmethod
    def temporary(cls) -> Self:
        """Under a key of this process: for one server that forgets its cache when it ends anyway."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    def of_device(self, name: str) -> str:
        """The namespace of an enrolled device."""
        return self._word(f"device\0{name}")

    def of_session(self, word: str) -> str:
        """The namespace of a session whose device is not known; a new one each time where there is no word."""
        return self._word(f"session\0{word}" if word else f"request\0{secrets.token_hex(_KEY_BYTES)}")

    def _word(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(), "sha256").hex()[:_CHARACTERS]

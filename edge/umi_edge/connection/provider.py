"""The OpenID Connect provider that an operator names: where people of a team log in."""

from dataclasses import dataclass, field

__all__ = ["Provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where people log in, and as which client."""

    issuer: str = field(repr=False)
    client_id: str = field(repr=False)
    scopes: tuple[str, ...] = field(repr=False)
    client_secret: str = field(default="", repr=False)
    """What some providers want of public clients, too; everybody may know it."""

    @property
    def client(self) -> dict[str, str]:
        """How this program says which client it is."""
        named = {"client_id": self.client_id}
        return {**named, "client_secret": self.client_secret} if self.client_secret else named

"""Logins at MCP servers (OAuth 2.1): the tokens in the system's keyring, or in a private file where there is none.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hashlib
import json
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel, ValidationError

from umi_edge.tools.mcp.config import HttpServer
from umi_edge.tools.mcp.redirect import Redirect
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ToolError

__all__ = ["Logins", "NeedsLoginError"]

T = TypeVar("T", bound=BaseModel)

_SERVICE = "umi mcp"
_NOWHERE = "http://127.0.0.1:9/callback"
"""Stands in metadata where nobody is going to be asked."""


class NeedsLoginError(ToolError):
    """A server does not start before the user has logged in to it."""


@dataclass(frozen=True, slots=True)
class Logins:
    """The logins of this user; `folder` is where files lie that no keyring holds."""

    folder: Path | None

    def is_kept(self, server: HttpServer) -> bool:
        """Whether the user has logged in to the server."""
        return "tokens" in self._login(server).read()

    def provider(self, server: HttpServer, redirect: Redirect | None = None) -> OAuthClientProvider:
        """What logs requests in, and renews a login; only with a `redirect` it can begin one."""
        metadata = OAuthClientMetadata(
            client_name="umi",
            redirect_uris=[AnyUrl(redirect.uri if redirect else _NOWHERE)],
            scope=server.oauth.get("scopes") or None,
        )
        login = self._login(server)
        provider = OAuthClientProvider(
            server_url=server.url,
            client_metadata=metadata,
            storage=login,
            redirect_handler=redirect.show if redirect else None,
            callback_handler=redirect.answer if redirect else None,
            client_metadata_url=server.oauth.get("clientMetadataUrl") or None,
        )
        login.take_up(provider)
        return provider

    def forget(self, server: HttpServer) -> None:
        """Log out: the tokens are deleted here, and may go on to be valid there."""
        self._login(server).write({})

    def place(self) -> str:
        """Where tokens are kept, for the user."""
        return "the system's keyring" if _keyring() else str(self.folder)

    def _login(self, server: HttpServer) -> "_Login":
        return _Login(server, self.folder)


@dataclass(slots=True)
class _Login:
    """The tokens of one server, as the SDK asks for them."""

    server: HttpServer
    folder: Path | None = field(repr=False)
    _provider: OAuthClientProvider | None = field(default=None, repr=False)

    def take_up(self, provider: OAuthClientProvider) -> None:
        """Tell the SDK what it does not ask for, and needs to renew a login: until when it holds, and where it is from.

        A new login asks for all of it anew.
        """
        self._provider, kept = provider, self.read()
        if provider.context.redirect_handler is None:
            provider.context.token_expiry_time = kept.get("expires")
            provider.context.oauth_metadata = _valid(OAuthMetadata, kept.get("issuer"))
            provider.context.protected_resource_metadata = _valid(
                ProtectedResourceMetadata, kept.get("resource")
            )

    async def get_tokens(self) -> OAuthToken | None:
        return _valid(OAuthToken, self.read().get("tokens"))

    async def set_tokens(self, tokens: OAuthToken) -> None:
        kept = self.read() | {"tokens": tokens.model_dump(mode="json", exclude_none=True)}
        kept["expires"] = time.time() + tokens.expires_in if tokens.expires_in else None
        if self._provider is not None:
            context = self._provider.context
            for word, found in (
                ("issuer", context.oauth_metadata),
                ("resource", context.protected_resource_metadata),
            ):
                kept[word] = found.model_dump(mode="json", exclude_none=True) if found else None
        self.write(kept)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        given = self.server.oauth.get("clientId")
        if given:
            secret = self.server.oauth.get("clientSecret") or None
            return OAuthClientInformationFull(
                client_id=given,
                client_secret=secret,
                token_endpoint_auth_method="client_secret_basic" if secret else "none",
                redirect_uris=None,
            )
        return _valid(OAuthClientInformationFull, self.read().get("client"))

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.write(self.read() | {"client": client_info.model_dump(mode="json", exclude_none=True)})

    @property
    def _key(self) -> str:
        """Of name and address: tokens never go to another address than the one that they were given for."""
        return hashlib.sha256(f"{self.server.name}\0{self.server.url}".encode()).hexdigest()[:32]

    def read(self) -> dict[str, Any]:
        """What is kept; nothing where it can't be read."""
        keyring = _keyring()
        try:
            if keyring is not None:
                text = keyring.get_password(_SERVICE, self._key) or "{}"
            else:
                text = self._path.read_text("utf-8") if self.folder else "{}"
            kept = json.loads(text)
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def write(self, kept: dict[str, Any]) -> None:
        """Keep it, for this user only."""
        keyring = _keyring()
        if keyring is not None:
            keyring.set_password(_SERVICE, self._key, json.dumps(kept))
        elif self.folder is not None:
            make_private_directory(self.folder)
            write_durably(self._path, json.dumps(kept).encode())

    @property
    def _path(self) -> Path:
        return (self.folder or Path()) / f"{self._key}.json"


def _valid(kind: type[T], data: Any) -> T | None:
    try:
        return kind.model_validate(data) if data is not None else None
    except ValidationError:
        return None


def _keyring() -> Any:
    """The system's keyring; None where there is none that works."""
    try:
        keyring: Any = import_module("keyring")  # optional
    except ImportError:
        return None
    try:
        keyring.get_password(_SERVICE, "probe")
    except keyring.errors.KeyringError:
        return None
    return keyring

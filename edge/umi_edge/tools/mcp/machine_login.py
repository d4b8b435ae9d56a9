"""Logins of a program at MCP servers, by its own name and secret or key, with nobody at a browser (RFC 6749, 4.4).

The secret goes to the one login server that the configuration names: an MCP server that names another gets nothing.
Tokens are kept in memory, and asked for anew by each session.
"""

from dataclasses import dataclass, field

from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from umi_edge.tools.mcp.config import HttpServer

__all__ = ["machine_login"]


@dataclass(slots=True)
class _InMemory:
    """The tokens of one connection, as the SDK asks for them."""

    _tokens: OAuthToken | None = field(default=None, repr=False)
    _client: OAuthClientInformationFull | None = field(default=None, repr=False)

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


def machine_login(server: HttpServer) -> OAuthClientProvider | None:
    """What logs a server's requests in; None for a server at which users log in."""
    if not server.by_machine:
        return None
    said = server.oauth
    if "privateKey" in said:
        key = SignedJWTParameters(
            issuer=said["clientId"],
            subject=said["clientId"],
            signing_key=said["privateKey"],
            signing_algorithm=said.get("algorithm", "RS256"),
        )
        return PrivateKeyJWTOAuthProvider(
            server.url,
            _InMemory(),
            said["clientId"],
            key.create_assertion_provider(),
            said.get("scopes"),
            said["issuer"],
        )
    return ClientCredentialsOAuthProvider(
        server.url,
        _InMemory(),
        said["clientId"],
        said["clientSecret"],
        scope=said.get("scopes"),
        issuer=said["issuer"],
    )

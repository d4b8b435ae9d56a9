"""A small OpenID Connect provider that is strict about PKCE and knows device authorization. Real HTTP on loopback."""

import asyncio
import base64
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route


@dataclass
class LoginProvider:
    """Whoever comes is logged in as `claims` say."""

    issuer: str = ""
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "17", "email": "alice@example.org", "email_verified": True}
    )
    denies: bool = False
    pending: int = 1
    """How often the device authorization is not there yet."""
    nonce_of_devices: bool = False
    tokens: list[str] = field(default_factory=list)
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def described(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "device_authorization_endpoint": f"{self.issuer}/device",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def keys(self, _request: Request) -> Response:
        key = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return JSONResponse({"keys": [{**key, "kid": "1", "use": "sig"}]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked["code_challenge_method"] != "S256" or asked["response_type"] != "code":
            return Response(status_code=400)
        if self.denies:
            answer = {"error": "access_denied", "state": asked["state"]}
        else:
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=302)

    async def device(self, request: Request) -> Response:
        asked = {str(name): str(value) for name, value in (await request.form()).items()}
        self._codes["the-device-code"] = asked
        return JSONResponse(
            {
                "device_code": "the-device-code",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.issuer}/type-it-here",
                "expires_in": 60,
                "interval": 0.05,
            }
        )

    async def token(self, request: Request) -> Response:
        asked = {str(name): str(value) for name, value in (await request.form()).items()}
        if "device_code" in asked:
            if self.pending:
                self.pending -= 1
                return JSONResponse({"error": "authorization_pending"}, status_code=400)
            begun = self._codes.pop(asked["device_code"])
            nonce = begun.get("nonce") if self.nonce_of_devices else None
            return self._given(begun["client_id"], nonce)
        begun = self._codes.pop(asked["code"], {})
        challenge = hashlib.sha256(asked["code_verifier"].encode()).digest()
        fits = base64.urlsafe_b64encode(challenge).decode().rstrip("=") == begun.get("code_challenge")
        if not fits or asked["redirect_uri"] != begun["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return self._given(asked["client_id"], begun["nonce"])

    def _given(self, client: str, nonce: str | None) -> Response:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": client,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.claims,
        }
        known = {name: value for name, value in claims.items() if value is not None}
        self.tokens.append(jwt.encode(known, self._key, algorithm="ES256", headers={"kid": "1"}))
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.tokens[-1]})


@asynccontextmanager
async def login_provider() -> AsyncIterator[LoginProvider]:
    """One that listens."""
    provider = LoginProvider()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.described),
            Route("/keys", provider.keys),
            Route("/authorize", provider.authorize),
            Route("/device", provider.device, methods=["POST"]),
            Route("/token", provider.token, methods=["POST"]),
        ]
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        provider.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(20):
                while not server.started:
                    if serving.done():
                        serving.result()
                    await asyncio.sleep(0.01)
            yield provider
        finally:
            server.should_exit = True
            await serving

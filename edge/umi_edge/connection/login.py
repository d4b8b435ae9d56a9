"""Logging in at an OpenID Connect provider, for an ID token: in the browser, or with a code on another machine.

Authorization code with PKCE (RFC 7636) back to a loopback port (RFC 8252), or device authorization (RFC 8628). The
token is for the planner, which reads it; here it is only carried.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from umi_edge.connection.provider import Provider
from umi_shared.errors import MalformedError, PeerError, RefusedError, TransportError
from umi_shared.secure_url import is_secure

__all__ = ["log_in_elsewhere", "log_in_here"]

FETCH_SECONDS = 15.0
WAIT_SECONDS = 900.0
"""The longest wait for somebody who logs in on another machine."""
POLL_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def log_in_here(provider: Provider, nonce: str, browse: Callable[[str], None]) -> str:
    """The ID token of a login in this machine's browser.

    Raises TransportError (nobody logged in in time, the provider does not answer), PeerError, MalformedError,
    RefusedError (LOGIN_DENIED).
    """
    from umi_edge.tools.mcp.redirect import open_redirect  # noqa: PLC0415  # a slow import, for who logs in alone

    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as client:
        endpoints = await _endpoints(client, provider)
        async with open_redirect(browse) as redirect:
            asked = {
                "response_type": "code",
                "client_id": provider.client_id,
                "redirect_uri": redirect.uri,
                "scope": " ".join(provider.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
            place = _endpoint(endpoints, "authorization_endpoint")
            await redirect.show(f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}")
            try:
                answer = await redirect.answer()
            except TimeoutError as error:
                raise TransportError(
                    "nobody has logged in within five minutes",
                    fix="try again; without a browser here, say --no-browser",
                ) from error
        if answer.state != state or (answer.iss is not None and answer.iss != provider.issuer):
            raise PeerError("what the browser brought back is of another login", fix="try again")
        if not answer.code:
            raise _denied(provider)
        status, token = await _post(
            client,
            _endpoint(endpoints, "token_endpoint"),
            {
                "grant_type": "authorization_code",
                "code": answer.code,
                "redirect_uri": redirect.uri,
                "code_verifier": verifier,
                **provider.client,
            },
        )
    if status != 200:
        raise _denied(provider)
    return _id_token(token, provider)


async def log_in_elsewhere(provider: Provider, nonce: str, show: Callable[[str, str], None]) -> str:
    """The ID token of a login on another machine: `show` is given an address and a code to type there.

    Raises as `log_in_here` does.
    """
    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as client:
        endpoints = await _endpoints(client, provider)
        place = _endpoint(endpoints, "device_authorization_endpoint")
        asked = {**provider.client, "scope": " ".join(provider.scopes), "nonce": nonce}
        status, given = await _post(client, place, asked)
        address, code = given.get("verification_uri"), given.get("user_code")
        device_code = given.get("device_code")
        if status != 200 or not all(isinstance(one, str) for one in (address, code, device_code)):
            raise _malformed(provider)
        if not is_secure(str(address)):
            raise _malformed(provider)
        show(_printable(str(address)), _printable(str(code)))
        seconds = _seconds(given.get("interval"), POLL_SECONDS, FETCH_SECONDS)
        try:
            async with asyncio.timeout(_seconds(given.get("expires_in"), WAIT_SECONDS, WAIT_SECONDS)):
                return await _poll(client, endpoints, provider, str(device_code), seconds)
        except TimeoutError as error:
            raise TransportError("nobody has logged in in time", fix="try again") from error


async def _poll(
    client: httpx.AsyncClient, endpoints: Mapping[str, Any], provider: Provider, code: str, seconds: float
) -> str:
    place = _endpoint(endpoints, "token_endpoint")
    asked = {"grant_type": _DEVICE_GRANT, "device_code": code, **provider.client}
    while True:
        await asyncio.sleep(seconds)
        status, token = await _post(client, place, asked)
        if status == 200:
            return _id_token(token, provider)
        match token.get("error"):
            case "authorization_pending":
                pass
            case "slow_down":
                seconds += POLL_SECONDS
            case _:
                raise _denied(provider)


async def _endpoints(client: httpx.AsyncClient, provider: Provider) -> dict[str, Any]:
    if not is_secure(provider.issuer):
        raise _malformed(provider)
    described = await _read(
        client, "GET", provider.issuer.rstrip("/") + "/.well-known/openid-configuration", None
    )
    if described[0] != 200 or described[1].get("issuer") != provider.issuer:
        raise _malformed(provider)
    return described[1]


def _endpoint(endpoints: Mapping[str, Any], name: str) -> str:
    place = endpoints.get(name)
    if not isinstance(place, str) or not is_secure(place):
        what = "logins without a browser" if name.startswith("device") else "logins as umi makes them"
        raise PeerError(f"the login provider does not offer {what}", fix="ask the planner's operator")
    return place


async def _post(client: httpx.AsyncClient, url: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
    return await _read(client, "POST", url, form)


async def _read(
    client: httpx.AsyncClient, method: str, url: str, form: dict[str, str] | None
) -> tuple[int, dict[str, Any]]:
    try:
        async with client.stream(method, url, data=form) as answer:
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise ValueError("too long")
        found = httpx.Response(200, content=body).json()
    except httpx.HTTPError as error:
        raise TransportError(
            f"the login provider cannot be reached ({type(error).__name__})", fix="check your network"
        ) from error
    except ValueError:
        found = {}
    return answer.status_code, found if isinstance(found, dict) else {}


def _id_token(token: Mapping[str, Any], provider: Provider) -> str:
    found = token.get("id_token")
    if not isinstance(found, str):
        raise _malformed(provider)
    return found


def _seconds(given: Any, otherwise: float, most: float) -> float:
    return min(float(given), most) if isinstance(given, int | float) and given > 0 else otherwise


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:300]


def _malformed(provider: Provider) -> MalformedError:
    return MalformedError(
        f"the login provider {_printable(provider.issuer)} does not describe itself as it should",
        fix="ask the planner's operator to check `login: {issuer: …}`",
    )


def _denied(provider: Provider) -> RefusedError:
    return RefusedError(
        f"the login provider {_printable(provider.issuer)} let nobody in",
        reason="LOGIN_DENIED",
        fix="log in again",
    )

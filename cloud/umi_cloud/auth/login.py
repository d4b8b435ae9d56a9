"""Who logged in: an OpenID Connect ID token in, a person and their team out.

Covered: tokens of other issuers, for other clients, expired, old, signed by nobody or by a symmetric key, or made for
another signing request; keys that the issuer changes. Not covered: an issuer that lies.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import jwt

from umi_cloud.auth.allowance import Quota
from umi_shared.enrolment_token import split_address
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.login_nonce import login_nonce
from umi_shared.secure_url import is_secure
from umi_shared.settings import MAY_BE_ZERO

__all__ = ["LoginDesk", "LoginSettings", "Person", "Team"]

MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_ANSWER_BYTES = 256 * 1024
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Of asymmetric keys only: a symmetric one would be known to every client."""
TOKEN_AGE_SECONDS = 600.0
LEEWAY_SECONDS = 60.0
FETCH_SECONDS = 5.0
KEYS_KEPT_SECONDS = 3600.0
KEYS_AGAIN_SECONDS = 30.0
"""The shortest time between two looks for a key that is not there."""
FAILED_AGAIN_SECONDS = 5.0
"""The shortest time after a look that failed: strangers do not queue here while the issuer is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """What members of a group at the issuer may do."""

    requests_per_minute: int = 60
    tokens_per_day: int = 2_000_000
    concurrent: int = 4
    devices_per_person: Annotated[int, MAY_BE_ZERO] = 3
    """Laptops that one person may have enrolled; 0 lets none in."""

    @property
    def quota(self) -> Quota:
        """What each of their laptops may use."""
        return Quota(
            requests_per_minute=self.requests_per_minute,
            tokens_per_day=self.tokens_per_day,
            concurrent=self.concurrent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """How people enrol their laptops by logging in at your OpenID Connect provider."""

    issuer: str = ""
    """Its address, as it writes it itself; empty: nobody logs in."""
    client_id: str = "umi"
    """The public client that you made there, with PKCE and redirects to http://127.0.0.1."""
    client_secret: str = ""
    """Where your provider wants one of a public client, as Google does: every laptop is told it, so it is no secret."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    service_address: str = ""
    """HOST:PORT at which laptops reach the planner."""
    groups_claim: str = "groups"
    """The claim of the ID token that has a person's groups."""
    teams: Mapping[str, Team] = field(default_factory=dict)
    """What members of a group may do; the first group that a person is in counts. Who is in none is refused.

    Without any, everybody who can log in may, within the quota.
    """
    devices_per_person: int = 3
    """Laptops that one person may have enrolled, where there are no teams."""
    without_browser: bool = False
    """Whether tokens of a device authorization are accepted, which most issuers can't bind to the laptop's key."""

    def __post_init__(self) -> None:
        if not self.issuer:
            return
        if not is_secure(self.issuer):
            raise ConfigError(
                "`login: {issuer: …}` is not an https address", fix="write https://ID.EXAMPLE.ORG"
            )
        if not self.service_address:
            raise ConfigError(
                "`login` needs the address at which laptops reach the planner",
                fix="write `service_address: planner.example.org:7443`",
            )
        split_address(self.service_address)

    @property
    def quotas(self) -> dict[str, Quota]:
        """What the laptops of each team may use."""
        return {name: team.quota for name, team in self.teams.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who logged in."""

    subject: str
    """The issuer's name for them, which never becomes another person's."""
    name: str
    """Their verified mail address, or else the subject; for people to read."""
    team: str
    devices: int
    """Laptops that they may have."""


class LoginDesk:
    """Reads ID tokens of one issuer. For one event loop."""

    def __init__(
        self,
        settings: LoginSettings,
        *,
        clock: Callable[[], float] = time.time,
        client: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(timeout=FETCH_SECONDS),
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._client = client
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._failed_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def person(self, id_token: str, csr_pem: bytes) -> Person:
        """Who a token is of, if it was made for this signing request.

        Raises RefusedError: LOGIN_UNAVAILABLE, LOGIN_INVALID, TEAM_REFUSED.
        """
        if not self.settings.issuer:
            raise _unavailable("nobody can log in here")
        claims = await self._claims(id_token)
        nonce = claims.get("nonce")
        if nonce is None and not self.settings.without_browser:
            raise _invalid("is bound to no laptop")
        if nonce is not None and not hmac.compare_digest(str(nonce).encode(), login_nonce(csr_pem).encode()):
            raise _invalid("was made for another laptop")
        subject = claims["sub"]
        mail = claims.get("email") if claims.get("email_verified") is True else None
        team, devices = self._team(claims)
        return Person(subject=subject, name=str(mail or subject)[:128], team=team, devices=devices)

    async def _claims(self, id_token: str) -> dict[str, Any]:
        if len(id_token) > MAX_TOKEN_CHARACTERS:
            raise _invalid("is too long")
        key = await self._key(id_token)
        try:
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self.settings.client_id,
                issuer=self.settings.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise _invalid("does not hold") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self.settings.client_id) != self.settings.client_id:
            raise _invalid("was made for another program")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise _invalid("names nobody")
        if self._clock() - float(claims["iat"]) > TOKEN_AGE_SECONDS + LEEWAY_SECONDS:
            raise _invalid("is too old")
        return claims

    def _team(self, claims: Mapping[str, Any]) -> tuple[str, int]:
        if not self.settings.teams:
            return "", self.settings.devices_per_person
        groups = claims.get(self.settings.groups_claim)
        mine = groups if isinstance(groups, list) else []
        for name, team in self.settings.teams.items():
            if name in mine:
                return name, team.devices_per_person
        raise RefusedError(
            "no group of yours may use this planner",
            reason="TEAM_REFUSED",
            fix="ask the planner's operator which group you need",
        )

    # The issuer's keys.

    async def _key(self, id_token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(id_token)
        except jwt.PyJWTError as error:
            raise _invalid("does not parse") from error
        if header.get("alg") not in ALGORITHMS:
            raise _invalid("is signed in a way that is not accepted")
        wanted = str(header.get("kid", ""))
        age = self._clock() - self._fetched_at
        if age > KEYS_KEPT_SECONDS or (wanted not in self._keys and age > KEYS_AGAIN_SECONDS):
            async with self._fetching:
                if self._clock() - self._fetched_at > KEYS_AGAIN_SECONDS:
                    await self._look_for_keys()
        key = self._keys.get(wanted)
        if key is None and not wanted and len(self._keys) == 1:  # an issuer with one key need not name it
            (key,) = self._keys.values()
        if key is None:
            raise _invalid("is signed with a key that its issuer does not have")
        return key

    async def _look_for_keys(self) -> None:
        if self._clock() - self._failed_at <= FAILED_AGAIN_SECONDS:
            raise _unavailable("who logs in can't be checked now")
        try:
            async with asyncio.timeout(2 * FETCH_SECONDS):
                self._keys = await self._fetch_keys()
        except (RefusedError, TimeoutError) as error:
            self._failed_at = self._clock()
            raise _unavailable("who logs in can't be checked now") from error
        self._fetched_at = self._clock()

    async def _fetch_keys(self) -> dict[str, jwt.PyJWK]:
        issuer = self.settings.issuer
        try:
            async with self._client() as client:
                described = await _json(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
                place = described.get("jwks_uri")
                if described.get("issuer") != issuer or not isinstance(place, str) or not is_secure(place):
                    raise ValueError("another issuer")
                keys = jwt.PyJWKSet.from_dict(await _json(client, place)).keys
        except (httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
            raise _unavailable("who logs in can't be checked now") from error
        return {str(key.key_id or ""): key for key in keys if key.public_key_use in (None, "sig")}


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """What is at an address. Raises httpx.HTTPError, ValueError."""
    async with client.stream("GET", url) as answer:
        answer.raise_for_status()
        body = b""
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("too long")
    found = httpx.Response(200, content=body).json()
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _invalid(what: str) -> RefusedError:
    return RefusedError(
        f"the login {what}", reason="LOGIN_INVALID", fix="log in again: `umi enroll https://…`"
    )


def _unavailable(what: str) -> RefusedError:
    return RefusedError(what, reason="LOGIN_UNAVAILABLE", retry_after_seconds=5.0)

"""Which ID tokens are believed, and what becomes of who they name. The issuer is an httpx transport."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from umi_cloud.auth.enrolment_desk import laptop_name
from umi_cloud.auth.login import LoginDesk, LoginSettings, Person, Team
from umi_shared.enrolment_token import check_device_name
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.login_nonce import login_nonce

ISSUER = "https://id.example/realms/acme"
CSR = b"a signing request"


@dataclass
class Issuer:
    """Publishes its keys, and signs tokens."""

    keys: dict[str, Any] = field(default_factory=lambda: {"k1": ec.generate_private_key(ec.SECP256R1())})
    described: dict[str, Any] = field(
        default_factory=lambda: {"issuer": ISSUER, "jwks_uri": "https://id.example/keys"}
    )
    asked: list[str] = field(default_factory=list)
    down: bool = False
    now: float = field(default_factory=time.time)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.down:
            raise httpx.ConnectError("down")
        if request.url.path.endswith("/openid-configuration"):
            return httpx.Response(200, json=self.described)
        make = jwt.algorithms.ECAlgorithm.to_jwk
        keys = [{**make(key.public_key(), as_dict=True), "kid": kid} for kid, key in self.keys.items()]
        return httpx.Response(200, json={"keys": keys})

    def desk(self, **settings: Any) -> LoginDesk:
        return LoginDesk(
            LoginSettings(issuer=ISSUER, client_id="umi", service_address="planner.example:7443", **settings),
            clock=lambda: self.now,
            client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(self.answer)),
        )

    def claims(self, **changed: Any) -> dict[str, Any]:
        claims = {
            "iss": ISSUER,
            "aud": "umi",
            "sub": "17",
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": login_nonce(CSR),
            "email": "alice@example.org",
            "email_verified": True,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key: Any = None, algorithm: str = "ES256", kid: str = "k1", **changed: Any) -> str:
        return jwt.encode(
            self.claims(**changed), key or self.keys["k1"], algorithm=algorithm, headers={"kid": kid}
        )


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


async def refused(desk: LoginDesk, token: str, csr: bytes = CSR) -> str:
    with pytest.raises(RefusedError) as caught:
        await desk.person(token, csr)
    return caught.value.reason


async def test_a_token_for_this_request_names_a_person(issuer):
    person = await issuer.desk().person(issuer.token(), CSR)
    assert person == Person(subject="17", name="alice@example.org", team="", devices=3)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-program"},
        {"aud": ["umi", "another-program"]},
        {"azp": "another-program"},
        {"exp": int(time.time()) - 100},
        {"exp": None},
        {"iat": int(time.time()) - 700},
        {"iat": int(time.time()) + 700},
        {"sub": None},
        {"sub": ""},
        {"nonce": None},
        {"nonce": "of another login"},
        {"nonce": login_nonce(b"another request")},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_is_refused(issuer, changed):
    assert await refused(issuer.desk(), issuer.token(**changed)) == "LOGIN_INVALID"


async def test_signatures_that_prove_nothing_are_refused(issuer):
    desk, other = issuer.desk(), ec.generate_private_key(ec.SECP256R1())
    public = issuer.keys["k1"].public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    forged = [
        issuer.token(key=other),
        issuer.token(key=other, kid="k2"),
        jwt.encode(issuer.claims(), None, algorithm="none", headers={"kid": "k1"}),
        jwt.encode(issuer.claims(), public, algorithm="HS256", headers={"kid": "k1"}),
        jwt.encode(
            issuer.claims(), rsa.generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": "k1"}
        ),
        issuer.token()[:-8] + "AAAAAAAA",
        "garbage",
        "a" * 20_000,
        "",
    ]
    assert [await refused(desk, token) for token in forged] == ["LOGIN_INVALID"] * len(forged)


async def test_a_mail_address_that_nobody_verified_names_nobody(issuer):
    person = await issuer.desk().person(issuer.token(email_verified=False), CSR)
    assert person.name == "17"


async def test_groups_say_what_a_person_may_do_in_the_order_of_the_configuration(issuer):
    desk = issuer.desk(teams={"research": Team(devices_per_person=5), "all": Team(devices_per_person=1)})
    both = await desk.person(issuer.token(groups=["all", "research"]), CSR)
    assert (both.team, both.devices) == ("research", 5)
    one = await desk.person(issuer.token(groups=["all"]), CSR)
    assert (one.team, one.devices) == ("all", 1)
    for groups in (["sales"], [], None, "all", {"all": True}):
        assert await refused(desk, issuer.token(groups=groups)) == "TEAM_REFUSED"


async def test_a_token_without_a_nonce_is_for_logins_without_a_browser_where_they_are_accepted(issuer):
    desk = issuer.desk(without_browser=True)
    assert (await desk.person(issuer.token(nonce=None), CSR)).subject == "17"
    assert await refused(desk, issuer.token(nonce="of another login")) == "LOGIN_INVALID"


async def test_keys_that_the_issuer_changes_are_found_and_looked_for_seldom(issuer):
    desk = issuer.desk()
    await desk.person(issuer.token(), CSR)
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    token = issuer.token(key=issuer.keys["k2"], kid="k2")
    assert [await refused(desk, token) for _ in range(3)] == ["LOGIN_INVALID"] * 3
    assert len(issuer.asked) == 2
    issuer.now += 31
    assert (await desk.person(token, CSR)).subject == "17"
    assert len(issuer.asked) == 4


async def test_an_issuer_with_one_key_need_not_name_it(issuer):
    token = jwt.encode(issuer.claims(), issuer.keys["k1"], algorithm="ES256")
    assert (await issuer.desk().person(token, CSR)).subject == "17"
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    assert await refused(issuer.desk(), token) == "LOGIN_INVALID"


async def test_an_issuer_that_is_down_or_another_one_refuses_nobody_for_good(issuer):
    desk = issuer.desk()
    issuer.down = True
    assert await refused(desk, issuer.token()) == "LOGIN_UNAVAILABLE"
    issuer.down = False
    issuer.now += 6
    for wrong in ({"issuer": "https://id.example/realms/other"}, {"jwks_uri": "http://id.example/keys"}):
        before = dict(issuer.described)
        issuer.described |= wrong
        assert await refused(desk, issuer.token()) == "LOGIN_UNAVAILABLE"
        issuer.described = before
        issuer.now += 6
    assert (await desk.person(issuer.token(), CSR)).subject == "17"


async def test_an_issuer_that_is_down_is_asked_once_in_five_seconds_however_many_ask(issuer):
    """Bogus tokens queued for a fetch each, and held all calls of the enrolment port."""
    desk, issuer.down = issuer.desk(), True
    assert {await refused(desk, issuer.token(kid=f"bogus-{number}")) for number in range(20)} == {
        "LOGIN_UNAVAILABLE"
    }
    assert len(issuer.asked) == 1
    issuer.down = False
    issuer.now += 6
    assert (await desk.person(issuer.token(), CSR)).subject == "17"


async def test_without_an_issuer_nobody_logs_in(issuer):
    assert await refused(LoginDesk(LoginSettings()), issuer.token()) == "LOGIN_UNAVAILABLE"


@pytest.mark.parametrize(
    "settings",
    [{"issuer": "http://id.example"}, {"issuer": ISSUER}, {"issuer": ISSUER, "service_address": "x"}],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError):
        LoginSettings(**settings)


@pytest.mark.parametrize(
    "name", ["alice@example.org", "17", "Ada Lovelace", "李小龙@example.org", "-.-", "a" * 300]
)
@pytest.mark.parametrize("laptop", ["ThinkPad X1", "", "../../etc", "MacBook-Pro.local", "é" * 90, "-" * 90])
def test_every_persons_laptop_has_a_name_that_a_device_may_have(name, laptop):
    check_device_name(laptop_name(Person(subject="s", name=name, team="", devices=1), laptop))

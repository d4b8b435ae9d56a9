"""A laptop that its owner enrols by logging in. Real providers, a real front, real TLS; an HTTP client as browser."""

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from click.testing import CliRunner

from tests.end_to_end.enrolling import Clock, Deployment, ask, serving
from tests.end_to_end.login_provider import LoginProvider, login_provider
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.login import LoginSettings, Team
from umi_edge.cli import umi
from umi_edge.connection import login as login_module
from umi_edge.connection.enroll import Enrolment, enroll_by_login
from umi_edge.connection.login import log_in_elsewhere, log_in_here
from umi_edge.connection.login_address import LoginAddress
from umi_edge.connection.provider import Provider
from umi_shared.errors import ConfigError, PeerError, RefusedError, TransportError

MANY = EnrolmentLimits(attempts_per_minute_per_peer=100)


@pytest.fixture
async def provider() -> AsyncIterator[LoginProvider]:
    async with login_provider() as one:
        yield one


@pytest.fixture
async def cloud(request, tmp_path: Path, provider: LoginProvider) -> AsyncIterator[Deployment]:
    """A parameter is more settings of the login."""
    more = getattr(request, "param", {})

    def login(address: str) -> LoginSettings:
        return LoginSettings(issuer=provider.issuer, service_address=address, **more)

    async with serving(tmp_path / "cloud", Clock(), MANY, login) as deployment:
        yield deployment


def address(cloud: Deployment) -> LoginAddress:
    return LoginAddress(cloud.enrolment_address, cloud.authority.server_fingerprint)


def browse(url: str) -> None:
    """A browser in which the user is logged in at the provider already."""
    assert httpx.get(url, follow_redirects=True).status_code == 200


async def here(provider: Provider, nonce: str) -> str:
    return await log_in_here(provider, nonce, browse)


async def enrolled(cloud: Deployment, home: Path, laptop: str = "ThinkPad", log_in=here) -> Enrolment:
    return await enroll_by_login(address(cloud), home, log_in, laptop=laptop)


async def refused(cloud: Deployment, home: Path, **options) -> str:
    with pytest.raises(RefusedError) as caught:
        await enrolled(cloud, home, **options)
    return caught.value.reason


async def test_who_logs_in_gets_a_laptop_of_their_own(cloud, tmp_path):
    connection = (await enrolled(cloud, tmp_path / "laptop")).connection
    assert await ask(connection) == connection.device == "alice-thinkpad"
    (device,) = await cloud.registry.devices()
    assert (device.name, device.label) == ("alice-thinkpad", "alice@example.org")
    again = await enrolled(cloud, tmp_path / "laptop")
    assert again.replaced
    assert await ask(again.connection) == "alice-thinkpad"


async def test_without_a_browser_a_code_is_typed_elsewhere(cloud, provider, tmp_path):
    shown = []

    async def elsewhere(where: Provider, nonce: str) -> str:
        return await log_in_elsewhere(where, nonce, lambda page, code: shown.append((page, code)))

    provider.nonce_of_devices = True
    connection = (await enrolled(cloud, tmp_path / "laptop", log_in=elsewhere)).connection
    assert await ask(connection) == "alice-thinkpad"
    assert shown == [(f"{provider.issuer}/type-it-here", "WDJB-MJHT")]
    provider.nonce_of_devices = False
    assert await refused(cloud, tmp_path / "other", log_in=elsewhere) == "LOGIN_INVALID"


@pytest.mark.parametrize("cloud", [{"without_browser": True}], indirect=True)
async def test_an_operator_may_accept_tokens_that_the_provider_binds_to_no_laptop(cloud, tmp_path):
    async def elsewhere(where: Provider, nonce: str) -> str:
        return await log_in_elsewhere(where, nonce, lambda *_: None)

    assert (
        await enrolled(cloud, tmp_path / "laptop", log_in=elsewhere)
    ).connection.device == "alice-thinkpad"


@pytest.mark.parametrize("cloud", [{"without_browser": True}], indirect=True)
async def test_a_token_is_good_once_also_with_the_other_signature_that_holds(cloud, provider, tmp_path):
    """Of an ECDSA signature (r, s) everybody can make (r, -s)."""

    async def elsewhere(where: Provider, nonce: str) -> str:
        return await log_in_elsewhere(where, nonce, lambda *_: None)

    await enrolled(cloud, tmp_path / "laptop", log_in=elsewhere)
    signed, _, signature = provider.tokens[-1].rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)

    async def stolen(_where: Provider, _nonce: str) -> str:
        return f"{signed}.{base64.urlsafe_b64encode(other).decode().rstrip('=')}"

    assert await refused(cloud, tmp_path / "thief", laptop="Thief", log_in=stolen) == "LOGIN_USED"


async def test_a_login_that_is_denied_or_of_another_session_enrols_nobody(cloud, provider, tmp_path):
    provider.denies = True
    assert await refused(cloud, tmp_path / "laptop") == "LOGIN_DENIED"
    provider.denies = False

    def another(url: str) -> None:
        browse(re.sub(r"state=[^&]*", "state=of-an-attacker", url))

    async def mixed(where: Provider, nonce: str) -> str:
        return await log_in_here(where, nonce, another)

    with pytest.raises(PeerError, match="of another login"):
        await enrolled(cloud, tmp_path / "laptop", log_in=mixed)
    assert not (tmp_path / "laptop").exists()


async def test_a_stolen_token_is_good_for_no_other_key(cloud, provider, tmp_path):
    await enrolled(cloud, tmp_path / "laptop")
    (token,) = provider.tokens

    async def stolen(_provider: Provider, _nonce: str) -> str:
        return token

    assert await refused(cloud, tmp_path / "thief", log_in=stolen) == "LOGIN_INVALID"


@pytest.mark.parametrize(
    "cloud", [{"teams": {"research": Team(devices_per_person=1)}, "groups_claim": "roles"}], indirect=True
)
async def test_the_operators_teams_say_who_comes_in_and_with_how_many_laptops(cloud, provider, tmp_path):
    assert await refused(cloud, tmp_path / "one") == "TEAM_REFUSED"
    provider.claims["roles"] = ["sales", "research"]
    assert (await enrolled(cloud, tmp_path / "one")).connection.device == "alice-thinkpad"
    assert await refused(cloud, tmp_path / "two", laptop="MacBook") == "TOO_MANY_DEVICES"


async def test_somebody_elses_laptop_is_not_taken_over_by_its_name(cloud, provider, tmp_path):
    first = (await enrolled(cloud, tmp_path / "one")).connection
    provider.claims = {"sub": "18", "email": "alice@other.example", "email_verified": True}
    assert await refused(cloud, tmp_path / "two") == "NAME_TAKEN"
    assert await ask(first) == "alice-thinkpad"


async def test_a_planner_that_nobody_vouches_for_is_told_nothing(cloud, provider, tmp_path):
    unpinned = LoginAddress(cloud.enrolment_address)
    with pytest.raises(PeerError, match="no authority that this system trusts") as caught:
        await enroll_by_login(unpinned, tmp_path / "laptop", here, laptop="x")
    assert "#FINGERPRINT" in caught.value.fix
    other = replace(address(cloud), fingerprint=bytes(32))
    with pytest.raises(PeerError, match="another fingerprint"):
        await enroll_by_login(other, tmp_path / "laptop", here, laptop="x")
    assert provider.tokens == []


async def test_where_nobody_logs_in_that_is_said(tmp_path):
    async with serving(tmp_path / "cloud", Clock(), MANY) as cloud:
        with pytest.raises(RefusedError, match="lets nobody log in") as caught:
            await enrolled(cloud, tmp_path / "laptop")
    assert "umi-cloud enroll" in caught.value.fix


@pytest.mark.parametrize("issuer", ["http://id.example", "file:///etc/passwd", "javascript:alert(1)", ""])
async def test_a_login_over_what_others_can_read_is_never_begun(issuer, tmp_path):
    opened = []
    with pytest.raises(PeerError):
        await log_in_here(
            Provider(issuer=issuer, client_id="umi", scopes=("openid",)), "nonce", opened.append
        )
    assert opened == []


async def test_a_provider_that_is_away_is_named(monkeypatch):
    monkeypatch.setattr(login_module, "FETCH_SECONDS", 2.0)
    away = Provider(issuer="http://127.0.0.1:1", client_id="umi", scopes=("openid",))
    with pytest.raises(TransportError, match="login provider cannot be reached"):
        await log_in_here(away, "nonce", lambda _url: None)


async def test_the_command_opens_the_browser_and_enrols(cloud, tmp_path, monkeypatch):
    monkeypatch.setattr("webbrowser.open", browse)
    url = f"https://{cloud.enrolment_address}#{cloud.authority.server_fingerprint.hex()}"
    arguments = ["enroll", url, "--directory", str(tmp_path / "laptop"), "--name", "Work laptop", "--json"]
    result = await asyncio.to_thread(lambda: CliRunner().invoke(umi, arguments))
    assert result.exit_code == 0, result.exception
    assert json.loads(result.stdout)["device"] == "alice-work-laptop"
    assert "Log in here" in result.stderr


@pytest.mark.parametrize(
    "url", ["https://", "https://h/path", "https://h#12", "https://user@h", "https://h:0", "https://h:99999"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError):
        LoginAddress.parse(url)


@pytest.fixture
def peoples_provider(tmp_path) -> str:
    """A provider of other people's, in a process of its own; its issuer."""
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "import oidc_provider_mock, time\n"
        "with oidc_provider_mock.run_server_in_thread() as server:\n"
        "    print(server.server_port, flush=True)\n"
        "    time.sleep(300)\n"
    )
    log = (tmp_path / "provider.log").open("wb")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, (tmp_path / "provider.log").read_text()
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        process.communicate()
        log.close()


async def test_a_provider_of_other_peoples_enrols_as_well(peoples_provider, tmp_path):
    user = {"email": "bob@example.org", "email_verified": True, "groups": ["research"]}
    async with httpx.AsyncClient() as client:
        await client.put(f"{peoples_provider}/users/{quote('bob@example.org')}", json=user)

    def fill_in(url: str) -> None:
        assert httpx.post(url, data={"sub": "bob@example.org"}, follow_redirects=True).status_code == 200

    async def log_in(provider: Provider, nonce: str) -> str:
        return await log_in_here(provider, nonce, fill_in)

    def login(address: str) -> LoginSettings:
        return LoginSettings(
            issuer=peoples_provider,
            client_secret="which everybody knows",
            service_address=address,
            teams={"research": Team(devices_per_person=1)},
        )

    async with serving(tmp_path / "cloud", Clock(), MANY, login) as cloud:
        connection = (await enrolled(cloud, tmp_path / "laptop", log_in=log_in)).connection
        assert await ask(connection) == "bob-thinkpad"

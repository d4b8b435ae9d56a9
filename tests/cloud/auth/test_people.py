"""People who log in: whose laptops they are, how many, and how the operator shuts them out; on each database."""

import asyncio
import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from tests.cloud.auth.conftest import enrol
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.audit import Event
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.people import KnownPerson, Ownership
from umi_cloud.auth.registry import EndedCall, Registry, Standing
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.registry_copy import copy_registry, restore_registry
from umi_cloud.auth.registry_operations import CERTIFICATES_MAX, RENEWALS_A_DAY
from umi_cloud.cli import umi_cloud
from umi_shared.errors import ConfigError, RefusedError

A, B = Device("a", "01"), Device("b", "02")


@pytest.fixture
def registry(kept: Registry) -> Registry:
    return kept


def digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()


def certificate(clock, name: str, serial: str) -> SignedCertificate:
    return SignedCertificate(
        name=name, serial=serial, issued=clock(), expires=clock() + timedelta(days=90), pem=b""
    )


async def standings(registry: Registry, *serials: str) -> list[Standing]:
    return [await registry.standing(Device("a", serial)) for serial in serials]


def ownership(
    name: str = "a", owner: str = "17", token: str = "t", devices: int = 2, team: str = ""
) -> Ownership:
    return Ownership(
        name=name, owner=owner, label="alice@example.org", team=team, devices=devices, digest=digest(token)
    )


async def owned(registry, clock, mine: Ownership, serial: str) -> str:
    """Enrol by login; what is refused, or nothing."""
    try:
        await registry.enrol_owned(mine, lambda name: certificate(clock, name, serial))
    except RefusedError as error:
        return error.reason
    return ""


async def test_who_logs_in_owns_a_laptop_and_may_replace_it(registry, clock):
    assert await owned(registry, clock, ownership(), "01") == ""
    assert await owned(registry, clock, ownership(token="t2"), "11") == ""
    assert await standings(registry, "01", "11") == [Standing.REVOKED, Standing.ACTIVE]
    (device,) = await registry.devices()
    assert (device.name, device.label) == ("a", "alice@example.org")


async def test_a_login_is_good_once(registry, clock):
    assert await owned(registry, clock, ownership(), "01") == ""
    assert await owned(registry, clock, ownership(), "11") == "LOGIN_USED"
    assert await owned(registry, clock, ownership(name="b"), "12") == "LOGIN_USED"
    assert await standings(registry, "01") == [Standing.ACTIVE]


async def test_nobody_takes_a_device_that_is_somebody_elses_or_nobodys(registry, clock):
    assert await owned(registry, clock, ownership(), "01") == ""
    assert await owned(registry, clock, ownership(owner="18", token="t2"), "11") == "NAME_TAKEN"
    await enrol(registry, clock, "b", "02")
    assert await owned(registry, clock, ownership(name="b", token="t3"), "12") == "NAME_TAKEN"
    assert await registry.standing(B) is Standing.ACTIVE


async def test_a_device_that_the_operator_gave_to_another_is_not_taken_back_by_a_login(registry, clock):
    assert await owned(registry, clock, ownership(team="research"), "01") == ""
    await enrol(registry, clock, "a", "11")
    assert await owned(registry, clock, ownership(token="t2"), "21") == "NAME_TAKEN"
    teams, quota = {"research": Quota(requests_per_minute=9)}, Quota(requests_per_minute=1)
    await registry.begin_call(Device("a", "11"), "first", quota, teams=teams)
    with pytest.raises(RefusedError, match="more than 1 calls a minute"):
        await registry.begin_call(Device("a", "11"), "second", quota, teams=teams)


async def test_a_device_that_the_operator_shut_out_does_not_come_back_by_a_login(registry, clock):
    assert await owned(registry, clock, ownership(), "01") == ""
    await registry.revoke("a")
    assert await owned(registry, clock, ownership(token="t2"), "11") == "CERTIFICATE_REVOKED"


async def test_a_person_has_so_many_laptops_and_revoked_ones_do_not_count(registry, clock):
    assert await owned(registry, clock, ownership(name="b"), "02") == ""
    assert await owned(registry, clock, ownership(name="c", token="t2"), "03") == ""
    assert await owned(registry, clock, ownership(name="d", token="t3"), "04") == "TOO_MANY_DEVICES"
    assert await owned(registry, clock, ownership(name="c", token="t3"), "13") == ""
    await registry.revoke("b")
    assert await owned(registry, clock, ownership(name="d", token="t4"), "04") == ""


async def test_a_signing_request_that_is_refused_leaves_the_login_unused(registry, clock):
    def issue(_name: str) -> SignedCertificate:
        raise RefusedError("no", reason="CSR_INVALID")

    with pytest.raises(RefusedError):
        await registry.enrol_owned(ownership(), issue)
    assert await owned(registry, clock, ownership(), "01") == ""


async def test_a_teams_quota_is_that_of_its_laptops(registry, clock):
    assert await owned(registry, clock, ownership(team="research"), "01") == ""
    await enrol(registry, clock, "b", "02")
    teams = {"research": Quota(requests_per_minute=2)}
    for device, allowed in ((A, 2), (B, 1)):
        for _ in range(allowed):
            await registry.begin_call(device, secrets.token_hex(8), Quota(requests_per_minute=1), teams=teams)
        with pytest.raises(RefusedError, match=f"more than {allowed} calls a minute"):
            await registry.begin_call(device, secrets.token_hex(8), Quota(requests_per_minute=1), teams=teams)


async def test_logins_at_once_do_not_pass_a_persons_limit_together(registry, clock):
    """Trial: on PostgreSQL each of them counted the laptops that were there before all of them."""
    results = await asyncio.gather(
        *(
            owned(registry, clock, ownership(name=f"d{number}", token=f"t{number}"), f"{number}")
            for number in range(6)
        ),
        owned(registry, clock, ownership(name="e", token="e", owner="18"), "e"),
    )
    assert sorted(results) == ["", "", "", *["TOO_MANY_DEVICES"] * 4]
    assert len(await registry.devices()) == 3


async def test_a_person_who_is_shut_out_enrols_nothing_under_any_name(registry, clock):
    """Trial: a name that was revoked did not come back, and its owner logged in under another."""
    for number in range(2):
        assert (
            await owned(registry, clock, ownership(name=f"d{number}", token=f"t{number}"), f"{number}") == ""
        )
    assert await owned(registry, clock, ownership(name="e", owner="18", token="e"), "e") == ""
    with pytest.raises(ConfigError, match="several people"):
        await registry.revoke_person("alice@example.org")
    assert await registry.revoke_person("nobody@example.org") is None
    found = await registry.revoke_person("17")
    assert found == KnownPerson(subject="17", name="alice@example.org", revoked=False, devices=("d0", "d1"))
    assert {one.name: one.standing for one in await registry.devices()} == {
        "d0": Standing.REVOKED,
        "d1": Standing.REVOKED,
        "e": Standing.ACTIVE,
    }
    assert await owned(registry, clock, ownership(name="new", token="t9"), "9") == "PERSON_REVOKED"
    assert (await registry.person("17")).revoked
    assert await registry.release_person("17") is not None
    assert await owned(registry, clock, ownership(name="new", token="t9"), "9") == ""
    assert await owned(registry, clock, ownership(name="d0", token="t10"), "10") == "CERTIFICATE_REVOKED"
    entries = [entry async for entry in registry.audit(datetime.fromtimestamp(0, UTC))]
    said = [(one.event, one.device, one.detail) for one in entries if one.event in ("revoked", "released")]
    assert sorted(said) == [
        ("released", "", "the person alice@example.org (17)"),
        ("revoked", "", "the person alice@example.org (17)"),
        ("revoked", "d0", ""),
        ("revoked", "d1", ""),
    ]


async def test_a_mail_address_that_passed_to_somebody_else_means_several(registry, clock):
    """Trial: it shut out its new owner, and the laptop that `umi-cloud devices` has under it went on."""
    assert await owned(registry, clock, ownership(), "01") == ""
    renamed = replace(ownership(name="b", token="b"), label="alice.b@example.org")
    assert await owned(registry, clock, renamed, "02") == ""
    found = await registry.person("alice@example.org")
    assert (found.subject, found.devices) == ("17", ("a", "b"))
    assert await owned(registry, clock, ownership(name="c", owner="18", token="c"), "03") == ""
    with pytest.raises(ConfigError, match="several people"):
        await registry.revoke_person("alice@example.org")
    assert (await registry.revoke_person("alice.b@example.org")).subject == "17"
    assert (await registry.revoke_person("alice@example.org")).subject == "18"


async def test_a_login_beside_a_revocation_leaves_no_laptop(registry, clock):
    assert await owned(registry, clock, ownership(), "01") == ""
    await asyncio.gather(
        registry.revoke_person("17"),
        *(
            owned(registry, clock, ownership(name=f"d{number}", token=f"t{number}", devices=9), f"{number}")
            for number in range(4)
        ),
    )
    assert {one.standing for one in await registry.devices()} == {Standing.REVOKED}


async def test_a_copy_and_a_restore_let_nobody_log_in_who_was_shut_out(registry, clock, tmp_path):
    assert await owned(registry, clock, ownership(), "01") == ""
    assert await owned(registry, clock, ownership(name="b", owner="18", token="b"), "02") == ""
    await registry.revoke_person("17")
    async with registry_at(str(tmp_path / "copy"), clock=clock) as copy:
        async for _ in copy_registry(registry.store, copy.store):
            pass
        assert await owned(copy, clock, ownership(name="x", token="x1"), "x1") == "PERSON_REVOKED"
        assert await owned(copy, clock, ownership(name="y", owner="18", token="y1"), "y1") == ""
    async with registry_at(str(tmp_path / "restored"), clock=clock) as restored:
        async for _ in restore_registry(registry.store, restored.store):
            pass
        assert await owned(restored, clock, ownership(name="x", token="x1"), "x1") == "PERSON_REVOKED"
        # Nobody remembers who was shut out after the backup.
        bob = ownership(name="y", owner="18", token="y1")
        assert await owned(restored, clock, bob, "y1") == "PERSON_HELD"
        assert await restored.release_all(("b",)) == {"b"}
        assert await owned(restored, clock, bob, "y1") == ""


async def test_one_certificate_is_followed_so_often_in_a_day(registry, clock):
    """Trial: a device renewed one certificate 5,760 times a day, each time a row of the audit."""
    await enrol(registry, clock, "a", "01")
    clock.moment = clock.moment.replace(hour=12)

    async def renew(serial: str, renewed: str = "01") -> str:
        try:
            await registry.add_certificate(certificate(clock, "a", serial), renewed=renewed)
        except RefusedError as error:
            return error.reason
        return ""

    for number in range(RENEWALS_A_DAY):
        assert await renew(f"n{number}") == ""
    assert await renew("more") == "RATE_LIMITED"
    assert (
        await renew("other", renewed="n0") == ""
    )  # a stolen one takes nothing from the one that replaced it
    clock.advance(days=1)
    assert await renew("next") == ""
    entries = [entry async for entry in registry.audit(datetime.fromtimestamp(0, UTC))]
    assert sum(one.event == "renewed" for one in entries) == RENEWALS_A_DAY + 2


async def test_a_device_has_so_many_good_certificates(registry, clock):
    await enrol(registry, clock, "a", "s0")
    clock.moment = clock.moment.replace(hour=12)
    for number in range(1, CERTIFICATES_MAX):
        await registry.add_certificate(certificate(clock, "a", f"s{number}"), renewed=f"s{number - 1}")
    with pytest.raises(RefusedError, match="200 are good"):
        await registry.add_certificate(certificate(clock, "a", "more"), renewed=f"s{CERTIFICATES_MAX - 1}")


async def test_use_is_kept_for_so_many_days_and_the_newest_backup_is_known(registry, clock):
    await enrol(registry, clock, "a", "01")
    for days in range(5):
        await registry.end_call(EndedCall(call=f"c{days}", name="a", tokens=10 + days))
        clock.advance(days=1)
    await registry.forget_use(3)  # of which today is one
    (device,) = await registry.devices(days=9)
    assert sorted(device.use.values()) == [13, 14]
    assert device.tokens == 60
    assert await registry.last_backup() is None
    await registry.record(Event.BACKED_UP, "1 devices")
    clock.advance(days=1)
    await registry.record(Event.RESTORED, "")
    assert clock.seconds() - await registry.last_backup() == pytest.approx(86_400, abs=5)


def test_an_operator_shuts_a_person_out_by_the_mail_address(place, clock, authority):
    async def fill() -> None:
        async with registry_at(place, clock=clock) as registry:
            assert await owned(registry, clock, ownership(name="alices", token="t"), "1") == ""

    asyncio.run(fill())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(umi_cloud, [*arguments, "--state", place])

    assert "dry run" in run("revoke", "--person", "alice@example.org", "--dry-run").stderr
    assert "alices" in run("devices", "--status", "active").stdout
    said = run("revoke", "--person", "alice@example.org").stdout
    assert "alice@example.org (17) is shut out, with 1 laptops:" in said
    assert "alices" in run("devices", "--status", "revoked").stdout
    assert "may log in again" in run("release", "--person", "17").stdout
    for arguments in (("--person", "bob"), ("alices", "--person", "17"), ("--person", "")):
        assert isinstance(run("revoke", *arguments).exception, ConfigError)

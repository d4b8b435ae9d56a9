"""The registry: which tokens and certificates count, and what devices used, whatever races; on each database."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import EndedCall, Registry, Standing
from umi_cloud.auth.registry_at import registry_at
from umi_shared.errors import ConfigError, RefusedError

HOUR = timedelta(hours=1)
A, B = Device("a", "01"), Device("b", "02")
NewFront = Callable[[], Awaitable[Registry]]


@pytest.fixture(params=["sqlite", "postgres"])
async def front(request, state, clock) -> AsyncIterator[NewFront]:
    """Opens the same registry once more, as another process would."""
    where = state if request.param == "sqlite" else request.getfixturevalue("database")
    async with AsyncExitStack() as stack:

        async def another() -> Registry:
            return await stack.enter_async_context(registry_at(where, clock=clock))

        yield another


@pytest.fixture
async def registry(front) -> Registry:
    return await front()


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def certificate(clock, name: str, serial: str) -> SignedCertificate:
    return SignedCertificate(
        name=name, serial=serial, issued=clock(), expires=clock() + timedelta(days=90), pem=b""
    )


async def enrol(registry, clock, name: str, serial: str) -> None:
    await registry.add_token(name, digest(serial), HOUR)
    await registry.redeem(digest(serial), lambda given: certificate(clock, given, serial))


async def refused(registry, clock, secret: str) -> str:
    with pytest.raises(RefusedError) as caught:
        await registry.redeem(digest(secret), lambda name: certificate(clock, name, "never"))
    return caught.value.reason


async def standings(registry, *serials: str) -> list[Standing]:
    return [await registry.standing(Device("a", serial)) for serial in serials]


async def begin(registry, device: Device = A, **quota: int) -> EndedCall:
    call = secrets.token_hex(8)
    await registry.begin_call(device, call, Quota(**quota))
    return EndedCall(call=call, name=device.name, tokens=0)


async def refusal(registry, device: Device = A, **quota: int) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await begin(registry, device, **quota)
    return caught.value


async def call(registry, device: Device = A, **quota: int) -> None:
    await registry.end_call(await begin(registry, device, **quota))


# Tokens and certificates.


async def test_a_token_works_once(registry, clock):
    await enrol(registry, clock, "a", "01")
    assert await registry.standing(A) is Standing.ACTIVE
    assert await refused(registry, clock, "01") == "TOKEN_USED"


async def test_a_token_nobody_made_is_unknown(registry, clock):
    assert await refused(registry, clock, "guess") == "TOKEN_UNKNOWN"


async def test_a_token_expires_on_the_second(registry, clock):
    await registry.add_token("a", digest("s"), HOUR)
    clock.advance(hours=1)
    assert await refused(registry, clock, "s") == "TOKEN_EXPIRED"


async def test_a_token_is_not_spent_when_signing_fails(registry, clock):
    await registry.add_token("a", digest("s"), HOUR)

    def fail(name):
        raise ConfigError("no CA")

    with pytest.raises(ConfigError, match="no CA"):
        await registry.redeem(digest("s"), fail)
    await registry.redeem(digest("s"), lambda name: certificate(clock, name, "01"))
    assert await registry.standing(A) is Standing.ACTIVE


async def test_of_many_redeemers_at_once_one_gets_a_certificate(registry, front, clock):
    await registry.add_token("a", digest("s"), HOUR)
    fronts = [await front() for _ in range(3)]

    async def attempt(number: int) -> str:
        try:
            await fronts[number % 3].redeem(digest("s"), lambda name: certificate(clock, name, str(number)))
        except RefusedError as error:
            return error.reason
        return "enrolled"

    outcomes = await asyncio.gather(*(attempt(number) for number in range(9)))
    assert sorted(outcomes) == ["TOKEN_USED"] * 8 + ["enrolled"]


async def test_a_revocation_counts_from_the_next_look_on_another_front(registry, front, clock):
    await enrol(registry, clock, "a", "01")
    other = await front()
    assert await registry.standing(A) is Standing.ACTIVE
    assert await other.revoke("a")
    assert await registry.standing(A) is Standing.REVOKED
    assert (await refusal(registry)).reason == "CERTIFICATE_REVOKED"


async def test_another_front_hears_of_a_revocation_within_a_second(registry, front, clock):
    await enrol(registry, clock, "a", "01")
    other = await front()
    before = (await registry.revoked_since(None)).moment
    waiting = asyncio.create_task(registry.changed(30))
    await other.revoke("a")
    await asyncio.wait_for(waiting, 1)
    assert (await registry.revoked_since(before)).serials == {"01"}


async def test_what_was_revoked_long_ago_is_not_told_again(registry, clock):
    await enrol(registry, clock, "a", "01")
    await registry.revoke("a")
    clock.advance(hours=1)
    assert (await registry.revoked_since(None)).serials == set()


async def test_a_revocation_takes_unused_tokens_along(registry, clock):
    await registry.add_token("a", digest("s"), HOUR)
    assert await registry.revoke("a")
    assert await refused(registry, clock, "s") == "TOKEN_USED"
    assert not await registry.devices()


async def test_revoking_a_stranger_says_so(registry):
    assert not await registry.revoke("stranger")


async def test_enrolling_again_ends_older_certificates_and_a_revocation(registry, clock):
    await enrol(registry, clock, "a", "01")
    await enrol(registry, clock, "a", "02")
    assert await registry.standing(A) is Standing.REVOKED
    await registry.revoke("a")
    await enrol(registry, clock, "a", "03")
    revoked = Standing.REVOKED
    assert await standings(registry, "01", "02", "03") == [revoked, revoked, Standing.ACTIVE]


async def test_a_renewal_leaves_the_old_certificate_good_until_it_ends(registry, clock):
    await enrol(registry, clock, "a", "01")
    clock.advance(days=80)
    await registry.add_certificate(certificate(clock, "a", "02"), renewed="01")
    assert await registry.standing(A) is Standing.ACTIVE
    clock.advance(days=10)
    assert await standings(registry, "01", "02") == [Standing.EXPIRED, Standing.ACTIVE]


async def test_a_revoked_device_cannot_renew(registry, clock):
    await enrol(registry, clock, "a", "01")
    await registry.revoke("a")
    assert await renewal_refused(registry, clock, "01") == "CERTIFICATE_REVOKED"


async def test_a_replaced_laptop_cannot_renew_though_its_check_came_before(registry, clock):
    await enrol(registry, clock, "a", "01")
    await registry.check(A)
    await enrol(registry, clock, "a", "02")
    assert await renewal_refused(registry, clock, "01") == "CERTIFICATE_REVOKED"
    assert await standings(registry, "01", "02") == [Standing.REVOKED, Standing.ACTIVE]


async def test_what_is_not_this_devices_certificate_cannot_be_renewed(registry, clock):
    await enrol(registry, clock, "a", "01")
    await enrol(registry, clock, "b", "02")
    assert await renewal_refused(registry, clock, "02") == "CERTIFICATE_UNKNOWN"
    clock.advance(days=91)
    assert await renewal_refused(registry, clock, "01") == "CERTIFICATE_EXPIRED"


async def renewal_refused(registry, clock, renewed: str) -> str:
    with pytest.raises(RefusedError) as caught:
        await registry.add_certificate(certificate(clock, "a", "never"), renewed=renewed)
    assert await registry.standing(Device("a", "never")) is Standing.UNKNOWN
    return caught.value.reason


async def test_of_two_tokens_of_a_name_at_once_one_certificate_stays_good(registry, front, clock):
    """Trial: on PostgreSQL both stayed good in 23 of 40 rounds."""
    other = await front()
    for number in range(10):
        name, serials = f"d{number}", (f"{number}x", f"{number}y")
        await enrol(registry, clock, name, f"{number}")
        for serial in serials:
            await registry.add_token(name, digest(serial), HOUR)
        await asyncio.gather(
            *(
                one.redeem(digest(serial), lambda given, serial=serial: certificate(clock, given, serial))
                for one, serial in zip((registry, other), serials, strict=True)
            )
        )
        found = [await registry.standing(Device(name, serial)) for serial in serials]
        assert sorted(found) == [Standing.ACTIVE, Standing.REVOKED]


async def test_a_serial_counts_for_its_own_device_only(registry, clock):
    await enrol(registry, clock, "a", "01")
    await enrol(registry, clock, "b", "02")
    assert await registry.standing(Device("b", "01")) is Standing.UNKNOWN
    assert (await refusal(registry, Device("b", "01"))).reason == "CERTIFICATE_UNKNOWN"


async def test_a_certificate_that_has_ended_is_refused(registry, clock):
    await enrol(registry, clock, "a", "01")
    clock.advance(days=90)
    assert (await refusal(registry)).reason == "CERTIFICATE_EXPIRED"


async def test_devices_lists_use_and_invitations(registry, clock):
    await enrol(registry, clock, "b", "02")
    await registry.add_token("a", digest("s"), HOUR)
    ended = await begin(registry, B)
    await registry.end_call(EndedCall(call=ended.call, name="b", tokens=120))
    await registry.end_call(EndedCall(call="late", name="b", tokens=3))
    invited, active = await registry.devices()
    assert (invited.name, invited.standing, invited.expires) == ("a", Standing.INVITED, clock() + HOUR)
    assert (active.name, active.standing, active.serial) == ("b", Standing.ACTIVE, "02")
    assert (active.requests, active.tokens) == (1, 123)
    clock.advance(days=90)
    (expired,) = await registry.devices()
    assert expired.standing is Standing.EXPIRED


# What devices use: on all fronts together.


@pytest.fixture
async def enrolled(registry, clock) -> Registry:
    clock.moment = clock.moment.replace(hour=12, minute=0, second=0)
    await enrol(registry, clock, "a", "01")
    await enrol(registry, clock, "b", "02")
    return registry


async def test_calls_beyond_the_rate_wait_as_long_as_they_are_told_whichever_front_they_go_to(
    enrolled, front, clock
):
    other = await front()
    await call(enrolled, requests_per_minute=2)
    await call(other, requests_per_minute=2)
    error = await refusal(enrolled, requests_per_minute=2)
    assert (error.reason, error.retry_after_seconds) == ("RATE_LIMITED", pytest.approx(30))
    clock.advance(seconds=29)
    assert (await refusal(other, requests_per_minute=2)).retry_after_seconds == pytest.approx(1)
    clock.advance(seconds=1)
    await call(other, requests_per_minute=2)


async def test_rest_earns_no_more_than_a_minutes_worth(enrolled, clock):
    await call(enrolled, requests_per_minute=2)
    clock.advance(days=1)
    await call(enrolled, requests_per_minute=2)
    await call(enrolled, requests_per_minute=2)
    assert (await refusal(enrolled, requests_per_minute=2)).reason == "RATE_LIMITED"


async def test_one_device_does_not_use_up_anothers_quota(enrolled):
    await begin(enrolled, requests_per_minute=1, concurrent=1)
    await call(enrolled, B, requests_per_minute=1, concurrent=1)


async def test_open_calls_are_limited_over_all_fronts_and_end_with_the_call(enrolled, front):
    other = await front()
    ended = await begin(enrolled, concurrent=2)
    await begin(other, concurrent=2)
    assert (await refusal(enrolled, concurrent=2)).reason == "TOO_MANY_STREAMS"
    assert (await refusal(other, concurrent=2)).reason == "TOO_MANY_STREAMS"
    await enrolled.end_call(ended)
    await call(other, concurrent=2)


async def test_of_many_calls_at_once_as_many_as_there_are_places_get_in(enrolled, front):
    fronts = [enrolled, await front(), await front()]

    async def attempt(number: int) -> bool:
        try:
            await begin(fronts[number % 3], concurrent=4)
        except RefusedError:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt(number) for number in range(18)))) == 4


async def test_the_calls_of_a_front_that_died_hold_no_places(enrolled, front, clock):
    other = await front()
    await begin(other, concurrent=1)
    clock.advance(seconds=9)
    assert (await refusal(enrolled, concurrent=1)).reason == "TOO_MANY_STREAMS"
    await other.touch()
    clock.advance(seconds=9)
    assert (await refusal(enrolled, concurrent=1)).reason == "TOO_MANY_STREAMS"
    clock.advance(seconds=2)
    await call(enrolled, concurrent=1)


async def test_a_refused_call_takes_nothing(enrolled):
    ended = await begin(enrolled, requests_per_minute=2, concurrent=1)
    for _ in range(5):
        assert (await refusal(enrolled, requests_per_minute=2, concurrent=1)).reason == "TOO_MANY_STREAMS"
    await enrolled.end_call(ended)
    await call(enrolled, requests_per_minute=2, concurrent=1)
    assert {record.name: record.requests for record in await enrolled.devices()} == {"a": 2, "b": 0}


async def test_the_days_tokens_end_on_all_fronts_and_come_back_at_midnight_utc(enrolled, front, clock):
    other = await front()
    for tokens in (60, 60):
        ended = await begin(enrolled, tokens_per_day=100)
        await enrolled.end_call(EndedCall(call=ended.call, name="a", tokens=tokens))
    assert await other.tokens_spent("a") == 120
    error = await refusal(other, tokens_per_day=100)
    assert (error.reason, error.retry_after_seconds) == ("TOKENS_SPENT", 12 * 3600)
    clock.advance(hours=12)
    await call(other, tokens_per_day=100)
    assert await other.tokens_spent("a") == 0


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_day", "concurrent"])
def test_a_quota_that_shuts_everyone_out_is_a_mistake(field):
    with pytest.raises(ConfigError, match="below 1"):
        Quota(**{field: 0})


async def late(registry, clock, serial: str, renewed: str, days: float = 30) -> str:
    """Renew a certificate that may have expired; what is refused, or nothing."""
    try:
        await registry.add_certificate(
            certificate(clock, "a", serial), renewed=renewed, late=timedelta(days=days)
        )
    except RefusedError as error:
        return error.reason
    return ""


async def test_an_expired_certificate_is_followed_by_another_within_the_time_for_it(registry, clock):
    await enrol(registry, clock, "a", "01")
    clock.advance(days=110)
    assert await late(registry, clock, "11", "01", days=0) == "CERTIFICATE_EXPIRED"
    assert await late(registry, clock, "11", "01", days=19) == "CERTIFICATE_EXPIRED"
    assert await late(registry, clock, "11", "01", days=21) == ""
    assert await standings(registry, "01", "11") == [Standing.EXPIRED, Standing.ACTIVE]
    assert await late(registry, clock, "12", "nobody's") == "CERTIFICATE_UNKNOWN"


async def test_a_revoked_or_replaced_device_does_not_come_back_late(registry, clock):
    await enrol(registry, clock, "a", "01")
    clock.advance(days=100)
    await enrol(registry, clock, "a", "02")
    assert await late(registry, clock, "11", "01") == "CERTIFICATE_REVOKED"
    clock.advance(days=100)
    assert await late(registry, clock, "11", "02") == ""
    await registry.revoke("a")
    assert await late(registry, clock, "12", "02") == "CERTIFICATE_REVOKED"


async def test_a_later_one_that_was_renewed_itself_was_used(registry, clock):
    await enrol(registry, clock, "a", "01")
    clock.advance(days=100)
    assert await late(registry, clock, "11", "01") == ""
    clock.advance(days=1)
    assert await late(registry, clock, "12", "11") == ""
    assert await late(registry, clock, "13", "01") == "CERTIFICATE_EXPIRED"


async def test_a_key_from_an_old_backup_is_not_good_once_the_device_has_used_a_later_one(registry, clock):
    await enrol(registry, clock, "a", "01")
    clock.advance(days=80)
    assert await late(registry, clock, "11", "01") == ""
    clock.advance(days=20)
    assert await late(registry, clock, "12", "01") == ""  # the first reply may have been lost
    await call(registry, Device("a", "12"))
    assert await late(registry, clock, "13", "01") == "CERTIFICATE_EXPIRED"
    clock.advance(days=95)
    assert await late(registry, clock, "13", "11") == "CERTIFICATE_EXPIRED"
    assert await late(registry, clock, "13", "12") == ""


async def test_certificates_that_ended_long_ago_are_forgotten(registry, clock):
    await enrol(registry, clock, "a", "01")
    for number in range(10):
        clock.advance(days=80)
        assert await late(registry, clock, f"1{number}", f"1{number - 1}" if number else "01") == ""
    assert await standings(registry, "01", "10", "18", "19") == [
        Standing.UNKNOWN,
        Standing.UNKNOWN,
        Standing.ACTIVE,
        Standing.ACTIVE,
    ]


async def test_calls_of_one_moment_share_a_transaction_and_their_devices_limits_hold(registry, clock):
    """Six calls of two devices at once, with two places each: the first two of each are let in."""
    for name, serial in (("a", "01"), ("b", "02")):
        await enrol(registry, clock, name, serial)
    devices = {"a": Device("a", "01"), "b": Device("b", "02")}
    quota = Quota(concurrent=2)
    told = await asyncio.gather(
        *(
            registry.begin_call(devices[name], f"{name}{number}", quota)
            for number in range(3)
            for name in "ab"
        ),
        registry.begin_call(Device("a", "99"), "stolen", quota),
        return_exceptions=True,
    )
    reasons = [one.reason if isinstance(one, RefusedError) else "" for one in told]
    assert reasons == [*([""] * 4), "TOO_MANY_STREAMS", "TOO_MANY_STREAMS", "CERTIFICATE_UNKNOWN"]
    ended = [EndedCall(call=f"{name}{number}", name=name, tokens=5) for number in range(2) for name in "ab"]
    await asyncio.gather(
        *(registry.end_call(one) for one in ended),
        *(registry.begin_call(devices[name], f"{name}3", quota) for name in "ab"),
    )
    assert [(one.requests, one.tokens) for one in await registry.devices()] == [(3, 10), (3, 10)]

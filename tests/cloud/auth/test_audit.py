"""The audit: what is written with what happens, that it stays, and how long; on each database."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from tests.cloud.auth.conftest import enrol
from umi_cloud.auth import audit
from umi_cloud.auth.audit import Event, Origin
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry_at import is_postgres
from umi_shared.errors import RefusedError


async def told(registry, clock, **back) -> list[tuple[str, ...]]:
    since = clock() - timedelta(**(back or {"days": 1000}))
    return [(one.event, one.device, one.serial, one.who, one.address) async for one in registry.audit(since)]


async def test_enrolment_renewal_and_revocation_say_who_and_from_where(kept, clock):
    await enrol(kept, clock, "a", "01")
    clock.advance(seconds=1)
    following = SignedCertificate(
        name="a", serial="02", issued=clock(), expires=clock() + timedelta(days=90), pem=b""
    )
    await kept.add_certificate(following, renewed="01", by=Origin("device", "10.0.0.8"))
    clock.advance(seconds=1)
    await kept.revoke("a", by=Origin("operator bo"))
    entries = await told(kept, clock)
    assert sorted(entries[:2]) == [
        ("enrolled", "a", "01", "token", "10.0.0.7"),
        ("invited", "a", "", "operator ann", ""),
    ]
    assert entries[2:] == [
        ("renewed", "a", "02", "device", "10.0.0.8"),
        ("revoked", "a", "", "operator bo", ""),
    ]
    assert await told(kept, clock, seconds=0) == entries[3:]


async def test_what_did_not_happen_is_not_told(kept, clock):
    await enrol(kept, clock, "a", "01")
    before = await told(kept, clock)

    def fails(_name: str) -> SignedCertificate:
        raise RefusedError("no", reason="CSR_INVALID")

    await kept.add_token("a", bytes(32), timedelta(hours=1))
    with pytest.raises(RefusedError):
        await kept.redeem(bytes(32), fails)
    assert not await kept.revoke("stranger")
    assert [entry[0] for entry in await told(kept, clock) if entry not in before] == ["invited"]


async def test_pages_follow_each_other_though_many_entries_have_one_time(kept, clock, monkeypatch):
    monkeypatch.setattr(audit, "PAGE_ROWS", 3)
    clock.advance(microseconds=1)  # so that the time as a float is a little beside the one as a datetime
    for number in range(7):
        await kept.add_token(f"d{number}", bytes([number]) * 32, timedelta(hours=1))
    assert sorted(entry[1] for entry in await told(kept, clock)) == [f"d{number}" for number in range(7)]


async def test_old_entries_are_forgotten_and_no_younger_ones_than_thirty_days(kept, clock):
    now = clock()
    for back in (500, 31, 20):
        clock.moment = now - timedelta(days=back)
        await kept.add_token(f"d{back}", bytes([back % 256]) * 32, timedelta(hours=1))
    clock.moment = now
    await kept.forget_audit(400)
    assert [entry[1] for entry in await told(kept, clock)] == ["d31", "d20"]
    await kept.forget_audit(1)
    assert [entry[1] for entry in await told(kept, clock)] == ["d20"]


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'me'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_the_database_itself_keeps_an_entry_as_it_is(statement, place, kept, clock, state):
    await enrol(kept, clock, "a", "01")
    before = await told(kept, clock)
    if is_postgres(place):
        import psycopg

        with (
            psycopg.connect(place, autocommit=True) as database,
            pytest.raises(psycopg.Error, match="only added to"),
        ):
            database.execute(statement)
    elif not statement.startswith("TRUNCATE"):

        def change() -> None:
            with closing(sqlite3.connect(state / "devices.sqlite")) as database:
                database.execute(statement)

        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            await asyncio.to_thread(change)
    assert await told(kept, clock) == before
    assert {entry[0] for entry in before} <= set(Event)


async def test_a_device_of_one_name_cannot_tell_of_another(kept, clock):
    await enrol(kept, clock, "a", "01")
    stolen = SignedCertificate(name="b", serial="02", issued=clock(), expires=clock(), pem=b"")
    before = await told(kept, clock)
    with pytest.raises(RefusedError):
        await kept.add_certificate(stolen, renewed="01")
    assert await told(kept, clock) == before
    await kept.check(Device("a", "01"))

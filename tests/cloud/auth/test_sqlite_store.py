"""The registry's file: what is in it, who may read it, and what becomes of it when something goes wrong."""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import Standing
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.sqlite_store import _VERSIONS
from umi_cloud.auth.store import RegistryUnavailableError
from umi_shared.errors import ConfigError

HOUR = timedelta(hours=1)


def signed(name):
    now = datetime.now(UTC)
    return SignedCertificate(name=name, serial="01", issued=now, expires=now + HOUR, pem=b"")


async def test_only_the_hash_of_a_token_is_in_the_file(registry, state):
    digest = hashlib.sha256(b"the secret of the token").digest()
    await registry.add_token("a", digest, HOUR)
    content = b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())
    assert digest in content
    assert b"the secret" not in content


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead of modes")
async def test_the_files_are_their_owners_alone(registry, state):
    await registry.add_token("a", bytes(32), HOUR)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir() if path.is_file()}
    assert modes.keys() >= {"devices.sqlite", "devices.sqlite-wal"}
    assert set(modes.values()) == {0o600}


WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import EndedCall
from umi_cloud.auth.registry_at import registry_at

async def main():
    now = datetime.now(UTC)
    async with registry_at(sys.argv[1]) as registry:
        for number in range(1_000_000):
            digest = number.to_bytes(32, "big")
            await registry.add_token("a", digest, timedelta(hours=1))
            await registry.redeem(digest, lambda name: SignedCertificate(
                name=name, serial=str(number), issued=now, expires=now + timedelta(days=1), pem=b""))
            await registry.begin_call(Device("a", str(number)), str(number), Quota(requests_per_minute=10**9))
            await registry.end_call(EndedCall(call=str(number), name="a", tokens=1))
            print(number, flush=True)

asyncio.run(main())
"""


def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_acknowledged(state):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(state)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        numbers = [process.stdout.readline() for _ in range(40)]
        process.kill()
        numbers += process.stdout.readlines()
    acknowledged = len(numbers)
    with closing(sqlite3.connect(state / "devices.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        used = database.execute("SELECT count(*) FROM tokens WHERE used_at IS NOT NULL").fetchone()[0]
        issued = database.execute("SELECT count(*) FROM certificates").fetchone()[0]
        total, day = database.execute(
            "SELECT d.tokens, s.tokens FROM devices d JOIN spending s ON s.name = d.name"
        ).fetchone()
    assert used == issued >= acknowledged >= 40  # token spent and certificate recorded: both or neither
    assert total == day >= acknowledged

    async def look() -> tuple[Standing, int]:
        async with registry_at(state) as registry:
            return await registry.standing(Device("a", str(issued - 1))), await registry.tokens_spent("a")

    assert asyncio.run(look()) == (Standing.ACTIVE, day)


async def test_a_file_that_is_no_registry_is_named(state):
    state.mkdir()
    (state / "devices.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigError, match=r"devices\.sqlite cannot be used") as caught:
        async with registry_at(state):
            pass
    assert "backup" in caught.value.fix


async def test_a_registry_of_another_version_is_left_alone(registry, state):
    with closing(sqlite3.connect(state / "devices.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="another version"):
        async with registry_at(state):
            pass


async def test_a_registry_of_the_first_version_goes_on(state, clock):
    state.mkdir()
    with closing(sqlite3.connect(state / "devices.sqlite")) as database:
        database.executescript(_VERSIONS[1])
        database.execute("INSERT INTO devices (name, enrolled_at, tokens) VALUES ('a', 1.0, 7)")
        database.execute("INSERT INTO certificates VALUES ('01', 'a', 1.0, 4e9, NULL)")
        database.execute("PRAGMA user_version = 1")
        database.commit()
    for _ in range(2):
        async with registry_at(state, clock=clock) as registry:
            (device,) = await registry.devices()
            assert (device.name, device.standing, device.tokens) == ("a", Standing.ACTIVE, 7)


async def test_a_mistyped_state_directory_is_not_made(tmp_path):
    with pytest.raises(ConfigError, match="no registry"):
        async with registry_at(tmp_path / "typo", existing=True):
            pass
    assert list(tmp_path.iterdir()) == []


def moved_away(state):
    kept = state.parent / "kept"
    kept.mkdir()
    for file in state.glob("devices.sqlite*"):
        file.rename(kept / file.name)
    return kept


@pytest.mark.skipif(os.name == "nt", reason="Windows moves no file that is open")
async def test_a_revocation_in_a_file_that_was_put_in_the_place_of_the_open_one_holds(registry, state):
    """Trial: a server went on in the file that was moved away, and let a revoked laptop in until it was restarted."""
    digest = bytes(32)
    await registry.add_token("a", digest, HOUR)
    await registry.redeem(digest, signed)
    assert await registry.standing(Device("a", "01")) is Standing.ACTIVE
    kept = moved_away(state)
    for file in kept.iterdir():
        shutil.copy(file, state)
    async with registry_at(state) as command:
        assert await command.revoke("a")
    assert await registry.standing(Device("a", "01")) is Standing.REVOKED
    assert await registry.revoke("a")
    async with registry_at(state) as command:
        assert await command.standing(Device("a", "01")) is Standing.REVOKED


@pytest.mark.skipif(os.name == "nt", reason="Windows moves no file that is open")
async def test_a_file_that_is_gone_is_not_made_anew_and_is_followed_once_it_is_back(registry, state):
    await registry.add_token("a", bytes(32), HOUR)
    kept = moved_away(state)
    with pytest.raises(RegistryUnavailableError, match="cannot be used"):
        await registry.devices()
    assert not (state / "devices.sqlite").exists()
    (state / "devices.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(RegistryUnavailableError, match="cannot be used"):
        await registry.devices()
    (state / "devices.sqlite").unlink()
    for file in kept.iterdir():
        shutil.copy(file, state)
    assert [one.name for one in await registry.devices()] == ["a"]


async def test_a_file_that_somebody_has_locked_is_typed_and_never_stops_the_event_loop(
    registry, state, monkeypatch
):
    """Trial: a held lock froze all streams for 5 s, and the call failed with INTERNAL."""
    registry.store._database.execute("PRAGMA busy_timeout = 300")
    gaps = []

    async def ticks() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    ticking = asyncio.create_task(ticks())
    with closing(sqlite3.connect(state / "devices.sqlite", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryUnavailableError, match="locked"):
            await registry.add_token("a", bytes(32), HOUR)
    ticking.cancel()
    assert len(gaps) > 5
    await registry.add_token("a", bytes(32), HOUR)

"""Backup and restore, as an operator practises them: what was revoked or spent stays so, on each database."""

import asyncio
import hashlib
import os
import stat
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cloud.auth.conftest import enrol
from umi_cloud.auth import registry_copy
from umi_cloud.auth.audit import Origin
from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.backup import back_up, opened, restore
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import Registry, Standing
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.cli import umi_cloud
from umi_shared.errors import ConfigError, RefusedError

BY = Origin("operator ann")
UNSPENT = hashlib.sha256(b"unspent").digest()
ACTIVE, HELD, REVOKED = Standing.ACTIVE, Standing.HELD, Standing.REVOKED


@pytest.fixture(params=["sqlite", "postgres"])
def elsewhere(request, tmp_path) -> str:
    """Where the registry comes back after all was lost: a new directory, or a new database."""
    return str(tmp_path / "new") if request.param == "sqlite" else request.getfixturevalue("other_database")


@pytest.fixture
async def backup(kept, clock, state, authority, tmp_path) -> Path:
    """Made while `out` was revoked, `a`, `b` and `c` were in, and a token for `t` was not spent."""
    for name in ("a", "b", "c", "out"):
        await enrol(kept, clock, name, f"{name}1")
    await kept.revoke("out")
    await kept.add_token("t", UNSPENT, timedelta(hours=1))
    path = tmp_path / "umi.backup"
    made = await back_up(kept, state, path, BY)
    assert made.rows["devices"] == 4
    clock.advance(seconds=10)
    return path


async def standings(registry: Registry, *serials: str) -> list[Standing]:
    return [await registry.standing(Device(serial.rstrip("0123456789"), serial)) for serial in serials]


async def spend(registry: Registry) -> str:
    with pytest.raises(RefusedError) as caught:
        await registry.redeem(UNSPENT, lambda _name: pytest.fail("signed"))
    return caught.value.reason


async def test_a_restore_into_the_present_registry_changes_nothing_that_happened_since(backup, kept, clock):
    await kept.revoke("b")
    await enrol(kept, clock, "c", "c2")
    await enrol(kept, clock, "new", "new1")
    await kept.revoke("t")
    before = await kept.devices()
    for _ in range(2):
        done = await restore(backup, kept, None, BY)
        assert done.held == 0
        assert await kept.devices() == before
        assert await standings(kept, "a1", "b1", "c1", "c2", "out1", "new1") == [
            *(ACTIVE, REVOKED, REVOKED, ACTIVE, REVOKED, ACTIVE)
        ]
        assert await spend(kept) == "TOKEN_USED"


async def test_a_token_that_is_good_in_the_present_registry_stays_good(backup, kept, clock):
    await restore(backup, kept, None, BY)
    assert (await kept.devices())[-1].standing is Standing.INVITED


async def test_where_all_was_lost_nobody_is_let_in_until_the_operator_says_so(
    backup, elsewhere, clock, state
):
    async with registry_at(elsewhere, clock=clock) as new:
        done = await restore(backup, new, None, BY)
        assert done.held == 3
        assert await standings(new, "a1", "b1", "c1", "out1") == [HELD, HELD, HELD, REVOKED]
        with pytest.raises(RefusedError) as caught:
            await new.check(Device("a", "a1"))
        assert caught.value.reason == "CERTIFICATE_HELD"
        assert await spend(new) == "TOKEN_USED"
        await new.revoke("b")  # it was, after the backup
        await restore(backup, new, None, BY)
        assert await new.release_all(["a", "b", "out", "nobody"], by=BY) == {"a"}
        assert await standings(new, "a1", "b1", "c1", "out1") == [ACTIVE, REVOKED, HELD, REVOKED]
        await restore(backup, new, None, BY)
        assert await standings(new, "a1", "b1", "c1", "out1") == [ACTIVE, REVOKED, HELD, REVOKED]
        events = [entry.event async for entry in new.audit(clock() - timedelta(days=1))]
        assert events.count("restored") == 3
        assert events.count("released") == 1
        assert events.count("enrolled") == 4  # what was before the backup is in it


async def test_a_laptop_that_enrolled_anew_after_the_loss_is_not_held_and_its_old_key_lets_nobody_in(
    backup, elsewhere, clock
):
    async with registry_at(elsewhere, clock=clock) as new:
        await enrol(new, clock, "a", "a2")
        await restore(backup, new, None, BY)
        assert await standings(new, "a1", "a2", "b1") == [REVOKED, ACTIVE, HELD]
        await enrol(new, clock, "b", "b2")
        await restore(backup, new, None, BY)
        assert await standings(new, "b1", "b2") == [REVOKED, ACTIVE]


async def test_a_restore_that_was_cut_off_goes_on_and_lets_nobody_in_meanwhile(
    backup, elsewhere, clock, monkeypatch
):
    monkeypatch.setattr(registry_copy, "ROWS", 2)
    async with registry_at(elsewhere, clock=clock) as new, opened(backup) as (_, old, _folder):
        for cut in range(1, 9):
            restoring = registry_copy.restore_registry(old.store, new.store)
            for _ in range(cut):
                await anext(restoring)
            await restoring.aclose()
            assert ACTIVE not in await standings(new, "a1", "b1", "c1", "out1")
        await restore(backup, new, None, BY)
        assert await standings(new, "a1", "b1", "c1", "out1") == [HELD, HELD, HELD, REVOKED]


async def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(kept, clock, monkeypatch):
    monkeypatch.setattr(registry_copy, "ROWS", 2)
    for number in range(5):
        await enrol(kept, clock, f"d{number}", f"d{number}")

    def names(_now: float):
        from umi_cloud.auth.store import Read

        (rows,) = yield (Read("SELECT name FROM devices ORDER BY name", {}),)
        return [row[0] for row in rows]

    async with kept.store.snapshot() as snapshot:
        await enrol(kept, clock, "late", "late")
        await kept.revoke("d0")
        assert await snapshot.read(names) == [f"d{number}" for number in range(5)]
        assert len(await kept.store.read(names)) == 6


async def test_only_its_owner_reads_a_backup_and_no_file_is_written_over(backup, kept, state):
    if os.name == "posix":
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    before = backup.read_bytes()
    with pytest.raises(ConfigError, match="there already"):
        await back_up(kept, state, backup, BY)
    assert backup.read_bytes() == before
    assert [path.name for path in backup.parent.iterdir() if path.name.startswith(".umi")] == []


async def test_a_damaged_backup_is_refused_before_anything_is_written(backup, elsewhere, clock, tmp_path):
    whole = backup.read_bytes()
    damaged = tmp_path / "damaged"
    async with registry_at(elsewhere, clock=clock) as new:
        for change in (
            b"",
            whole[:-200],
            whole[: len(whole) // 2],
            b"x" + whole,
            whole[:900] + b"\0" * 9 + whole[909:],
        ):
            damaged.write_bytes(change)
            with pytest.raises(ConfigError, match=r"damaged|cannot read"):
                await restore(damaged, new, tmp_path / "keys", BY)
        assert await new.devices() == ()
        assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "ca/../../evil", "more"])
async def test_an_archive_writes_nothing_but_what_its_manifest_names(name, backup, tmp_path, kept):
    forged = tmp_path / "forged"
    with tarfile.open(backup) as old, tarfile.open(forged, "w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member))
        new.addfile(tarfile.TarInfo(name))
    with pytest.raises(ConfigError, match="does not name"):
        await restore(forged, kept, None, BY)


async def test_the_keys_come_back_where_there_are_none_and_no_other_authority_is_replaced(
    backup, kept, state, tmp_path, clock
):
    keys = tmp_path / "keys"
    assert (await restore(backup, kept, keys, BY)).keys == "restored"
    old, new = Authority.load(state), Authority.load(keys)
    assert (old.ca_pem, old.server_fingerprint) == (new.ca_pem, new.server_fingerprint)
    if os.name == "posix":
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in AuthorityFiles(keys).directory.iterdir()
        }
        assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "server.pem": 0o600}
    assert (await restore(backup, kept, keys, BY)).keys == "kept"
    other = tmp_path / "other"
    Authority.init(other)
    with pytest.raises(ConfigError, match="another certificate authority"):
        await restore(backup, kept, other, BY)


async def test_keys_that_do_not_belong_together_are_no_backup(kept, state, authority, tmp_path):
    other = Authority.init(tmp_path / "other")
    AuthorityFiles(state).ca_certificate.write_bytes(other.ca_pem)
    with pytest.raises(ConfigError, match="is not the key of"):
        await back_up(kept, state, tmp_path / "umi.backup", BY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "state"]


def test_an_operator_loses_the_registry_and_brings_it_back(
    place, elsewhere, state, authority, clock, tmp_path
):
    def run(where: str, *arguments: str, typed: str = "") -> str:
        keys = ["--certificates", str(state)] if arguments[0] in ("backup", "restore") else []
        done = CliRunner().invoke(umi_cloud, [*arguments, "--state", where, *keys], input=typed)
        assert done.exit_code == 0, done.exception
        return done.output

    async def fill() -> None:
        async with registry_at(place, clock=clock) as registry:
            for number in range(4):
                await enrol(registry, clock, f"d{number}", f"d{number}")

    asyncio.run(fill())
    file = str(tmp_path / "umi.backup")
    assert "4 devices" in run(place, "backup", file)
    assert "4 devices" in run(elsewhere, "restore", file, "--check")
    said = run(elsewhere, "restore", file)
    assert "keys are kept" in said
    assert "4 devices are held back" in said
    run(elsewhere, "revoke", "d3")
    assert "3 laptops may call again" in run(elsewhere, "release", "--status", "held", typed="y\n")
    assert "None of these is held" in run(elsewhere, "release", "--status", "held")
    listed = run(elsewhere, "devices")
    assert "3 active, 1 revoked" in listed

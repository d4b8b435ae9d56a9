"""PostgreSQL as the registry's place: tables that are missing or newer, restarts, outages, passwords."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

pytest.importorskip("psycopg", reason="a shared registry is an extra: umi-runtime[postgres]")

from umi_cloud.auth import postgres_store
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import Standing
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.store import Operation, Read, RegistryUnavailableError
from umi_cloud.cli import umi_cloud
from umi_shared.errors import ConfigError

A = Device("a", "01")


async def open_registry(url: str) -> None:
    async with registry_at(url):
        pass


async def test_a_database_without_tables_says_how_they_are_made(postgres):
    postgres.make_database("without_tables")
    with pytest.raises(ConfigError, match="not there yet") as caught:
        await open_registry(postgres.url("without_tables"))
    assert "umi-cloud state migrate" in caught.value.fix


async def test_tables_of_another_version_are_left_alone(database):
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="another version"):
        await open_registry(database)


def test_the_newest_step_is_the_one_that_the_store_wants():
    pytest.importorskip("alembic")
    from alembic.script import ScriptDirectory

    from umi_cloud.auth import migrations
    from umi_cloud.auth.postgres_store import SCHEMA_REVISION

    folder = migrations.__path__[0]
    assert ScriptDirectory(folder).get_current_head() == SCHEMA_REVISION


def test_two_that_migrate_at_once_take_turns(postgres):
    postgres.make_database("twice")
    url = postgres.url("twice")
    command = [sys.executable, "-m", "umi_cloud", "state", "migrate", "--state", url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert all("up to date" in words for words in said)
    asyncio.run(open_registry(url))


def test_a_database_that_is_not_there_is_one_clear_error(postgres):
    url = postgres.url("nowhere").replace("postgres@", "postgres:hunter2@")
    result = CliRunner().invoke(umi_cloud, ["state", "migrate", "--state", url])
    assert isinstance(result.exception, RegistryUnavailableError)
    assert "nowhere on 127.0.0.1" in result.exception.message
    assert "hunter2" not in str(result.exception)


@pytest.mark.parametrize(
    "url", ["postgresql://umi:hunter2@127.0.0.1:1/umi", "postgresql://umi:hunter2@127.0.0.1:x/umi"]
)
async def test_a_password_is_in_no_error(url):
    with pytest.raises((ConfigError, RegistryUnavailableError)) as caught:
        await open_registry(url)
    assert "hunter2" not in f"{caught.value} {caught.value!r}"


async def test_a_restart_of_the_database_is_not_noticed_and_a_revocation_after_it_is_heard_of(
    postgres, database
):
    async with registry_at(database) as registry, registry_at(database) as other:
        now = datetime.now(UTC)
        signed = SignedCertificate(
            name="a", serial="01", issued=now, expires=now + timedelta(days=1), pem=b""
        )
        await registry.add_token("a", bytes(32), timedelta(hours=1))
        await registry.redeem(bytes(32), lambda _name: signed)
        postgres.stop(signal.SIGINT)
        postgres.start()
        assert await registry.standing(A) is Standing.ACTIVE
        before = (await registry.revoked_since(None)).moment
        assert await other.revoke("a")
        async with asyncio.timeout(10):
            while not (await registry.revoked_since(before)).serials:
                await registry.changed(2)


async def test_a_database_that_is_gone_is_typed_and_it_comes_back(postgres, database):
    async with registry_at(database) as registry:
        assert await registry.standing(A) is Standing.UNKNOWN
        postgres.stop(signal.SIGKILL)
        try:
            for _ in range(2):
                with pytest.raises(RegistryUnavailableError, match="cannot be used") as caught:
                    async with asyncio.timeout(20):
                        await registry.standing(A)
                assert "127.0.0.1" in caught.value.message
        finally:
            postgres.start()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await registry.standing(A) is Standing.UNKNOWN
                except RegistryUnavailableError:
                    continue
                break


async def test_a_database_that_hangs_is_an_outage(postgres, database, monkeypatch):
    """Its connections stay open and nothing is answered, as when its disk stalls."""
    monkeypatch.setattr(postgres_store, "TRY_SECONDS", 0.5)

    def backends(_now: float) -> Operation[list[int]]:
        (found,) = yield (
            Read("SELECT pid FROM pg_stat_activity WHERE datname = current_database() ORDER BY pid", {}),
        )
        return [row[0] for row in found]

    async with registry_at(database) as registry:
        processes: list[int] = []
        while (found := await registry.store.read(backends)) != processes:  # more are opened at leisure
            processes = found
            await asyncio.sleep(0.2)
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            async with asyncio.timeout(4):
                with pytest.raises(RegistryUnavailableError):
                    await registry.revoke("a")
                assert await registry.standing(A) is Standing.UNKNOWN  # over a connection that is new
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

"""PostgreSQL behind a real PgBouncer that gives each transaction whatever session is free."""

import asyncio
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="a shared registry is an extra: umi-runtime[postgres]")
pytest.importorskip("psycopg_pool")

import psycopg

from tests.cloud.auth.conftest import enrol
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import EndedCall
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.store import Operation, Read
from umi_lab.postgres_server import PostgresServer, free_port

_PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    _PROGRAM is None, reason="there is no PgBouncer here: Debian's package `pgbouncer` has it"
)
SESSIONS = 2
PLENTY = Quota(requests_per_minute=10_000, concurrent=100)


@pytest.fixture(scope="module")
def port(postgres: PostgresServer) -> Iterator[int]:
    """Where a PgBouncer listens that has two sessions for all."""
    folder = Path(postgres.folder) / "pgbouncer"
    folder.mkdir()
    listens = free_port()
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "settings").write_text(
        f"[databases]\n* = host={postgres.site.address} port={postgres.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {listens}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {folder / 'users'}\npool_mode = transaction\n"
        f"default_pool_size = {SESSIONS}\n"
    )
    user = "postgres" if os.geteuid() == 0 else None
    process = subprocess.Popen(
        [str(_PROGRAM), "-q", str(folder / "settings")],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                psycopg.connect(f"postgresql://postgres@127.0.0.1:{listens}/postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.05)
        yield listens
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def pooled(port: int, database: str) -> str:
    """The address of a new registry, by way of the pooler."""
    return f"postgresql://postgres@127.0.0.1:{port}/{database.rpartition('/')[2]}"


async def test_calls_of_several_fronts_are_accounted_for_over_shared_sessions(pooled, database, clock):
    """Trial: `prepared statement "umi_1" already exists`, and each call was refused."""
    async with registry_at(pooled) as one, registry_at(pooled) as other:
        await enrol(one, clock, "a", "01")

        async def call(registry) -> None:
            word = secrets.token_hex(16)
            await registry.begin_call(Device("a", "01"), word, PLENTY)
            await registry.end_call(EndedCall(call=word, name="a", tokens=3))

        await asyncio.gather(*(call(registry) for _ in range(20) for registry in (one, other)))
    async with registry_at(database) as direct:
        assert await direct.tokens_spent("a") == 120


async def test_a_revocation_is_found_within_a_second_though_no_notice_comes(pooled, clock):
    async with registry_at(pooled) as one, registry_at(pooled) as other:
        await enrol(one, clock, "a", "01")
        moment = (await other.revoked_since(None)).moment
        await asyncio.sleep(0.2)  # whoever listens has begun
        began = time.monotonic()
        await one.revoke("a")
        while "01" not in (found := await other.revoked_since(moment)).serials:
            moment = found.moment
            await other.changed(30.0)
        assert time.monotonic() - began < 1.0


async def test_no_setting_of_ours_is_left_to_whoever_has_the_session_next(pooled, clock):
    async with registry_at(pooled) as registry:
        await enrol(registry, clock, "a", "01")
        word = secrets.token_hex(16)
        await registry.begin_call(Device("a", "01"), word, PLENTY)
    for _ in range(SESSIONS):
        async with await psycopg.AsyncConnection.connect(pooled, autocommit=True) as stranger:
            for name, value in (("synchronous_commit", "on"), ("statement_timeout", "0")):
                found = await (await stranger.execute(f"SHOW {name}")).fetchone()
                assert found == (value,)


async def test_all_rows_are_read_as_they_are_at_one_moment(pooled, clock):
    def names(_now: float) -> Operation[list[str]]:
        (rows,) = yield (Read("SELECT name FROM devices ORDER BY name", {}),)
        return [name for (name,) in rows]

    async with registry_at(pooled) as registry:
        await enrol(registry, clock, "a", "01")
        for serial in ("02", "03", "04"):
            async with registry.store.snapshot() as snapshot:
                before = await snapshot.read(names)
                await enrol(registry, clock, f"b{serial}", serial)
                assert await snapshot.read(names) == before


def test_tables_are_made_by_way_of_it(port, postgres):
    pytest.importorskip("alembic")
    from umi_cloud.auth.migrations import migrate

    postgres.make_database("by_pooler")
    for _ in range(2):
        migrate(f"postgresql://postgres@127.0.0.1:{port}/by_pooler")

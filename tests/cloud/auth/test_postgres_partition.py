"""A server that vanishes from the database's network with a row locked, on hosts of their own."""

import sys

import pytest

pytest.importorskip("psycopg_pool", reason="a shared registry is an extra: umi-runtime[postgres]")

import psycopg

from umi_lab.chaos.network import NETWORK, network, why_not
from umi_lab.chaos.process import Process
from umi_lab.postgres_server import Site, binaries, postgres_server

SECONDS = 10
HOLDS_A_ROW = """
import asyncio, sys, time
from umi_cloud.auth import postgres_store
from umi_cloud.auth.migrations import migrate
from umi_cloud.auth.store import Read, Write

postgres_store.SETTINGS.update({name: 1 for name in postgres_store.SETTINGS if "keepalives" in name})

def operation(now):
    yield (Write("INSERT INTO devices (name, enrolled_at) VALUES ('a', 0)", {}),)

def holding(now):
    yield (Read("SELECT name FROM devices WHERE name = 'a'", {}, lock=True),)
    print("{}", flush=True)
    time.sleep(600)

async def main():
    store = postgres_store.PostgresStore(sys.argv[1])
    await store.open()
    await store.write(operation, durable=True)
    await store.write(holding, durable=True)

migrate(sys.argv[1])
asyncio.run(main())
"""


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
@pytest.mark.skipif(binaries() is None, reason="there is no PostgreSQL here: `make postgres` installs it")
async def test_a_row_is_free_again_though_nobody_told_the_database_that_its_holder_is_gone(tmp_path):
    """No packet comes from the server any more, so that not even its end is known; it took two hours before."""
    async with network(("front", "database")) as made:
        front, database = made.hosts["front"], made.hosts["database"]
        site = Site(enter=database.enter, address=database.address, network=NETWORK)
        with postgres_server(site) as server:
            command = (*front.enter, sys.executable, "-c", HOLDS_A_ROW, server.url())
            holder = Process(command, tmp_path / "log")
            await holder.start()
            await front.ip("link", "set", "net0", "down")
            await holder.kill()
            async with await psycopg.AsyncConnection.connect(server.url_here()) as connection:
                await connection.execute(f"SET lock_timeout = {1000 * SECONDS}")
                row = await connection.execute("SELECT name FROM devices WHERE name = 'a' FOR UPDATE")
                assert await row.fetchone() == ("a",)

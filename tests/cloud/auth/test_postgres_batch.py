"""Statements in one message: their rows, their failures, and what becomes of the connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("psycopg", reason="a shared registry is an extra: umi-runtime[postgres]")

import psycopg

from umi_cloud.auth import postgres_batch
from umi_cloud.auth.postgres_batch import PostgresBatch


@pytest.fixture
async def connection(database: str) -> AsyncIterator["psycopg.AsyncConnection"]:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as opened:
        yield opened


async def answers(connection, *statements):
    batch = PostgresBatch(connection)
    for sql, values in statements:
        batch.add(sql, values)
    return await batch.send()


async def test_each_statement_has_its_own_rows_in_order(connection):
    found = await answers(
        connection,
        ("CREATE TEMPORARY TABLE t (a BIGINT, b TEXT, c DOUBLE PRECISION, d BYTEA)", {}),
        ("INSERT INTO t VALUES (:a, :b, :c, :d)", {"a": 2**40, "b": "x", "c": 0.5, "d": b"\0\xff"}),
        ("INSERT INTO t VALUES (:a, :b, :c, :d)", {"a": 1, "b": None, "c": None, "d": None}),
        ("SELECT a, b, c, d FROM t WHERE a = :a OR b = :b ORDER BY a", {"a": 1, "b": "x"}),
        ("SELECT 1 WHERE false", {}),
    )
    assert found == [[], [], [], [(1, None, None, None), (2**40, "x", 0.5, b"\0\xff")], []]


async def test_a_statement_is_prepared_once_for_a_connection(connection):
    count = ("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'umi%' AND :a = :a", {"a": "x"})
    for _ in range(3):
        assert await answers(connection, count) == [[(1,)]]


async def test_more_statements_than_a_connection_keeps_are_answered_all_the_same(connection, monkeypatch):
    monkeypatch.setattr(postgres_batch, "PREPARED_MAX", 1)
    statements = [(f"SELECT {number}", {}) for number in range(3)]
    for _ in range(2):
        assert await answers(connection, *statements) == [[(0,)], [(1,)], [(2,)]]


async def test_the_first_failure_is_raised_by_its_kind_and_nothing_of_the_message_is_done(connection):
    await answers(connection, ("CREATE TEMPORARY TABLE t (a BIGINT PRIMARY KEY)", {}))
    insert = ("INSERT INTO t VALUES (:a)", {"a": 1})
    for _ in range(2):  # what was to be prepared after the failure is prepared the next time
        with pytest.raises(psycopg.errors.UniqueViolation):
            await answers(connection, ("BEGIN", {}), insert, insert, ("SELECT 7", {}))
        await connection.rollback()
    assert await answers(connection, ("SELECT 7", {}), ("SELECT count(*) FROM t", {})) == [[(7,)], [(0,)]]


async def test_a_message_larger_than_the_sockets_buffers_arrives(connection):
    texts = [(f"SELECT length(:text) + {number}", {"text": "x" * 8_000_000}) for number in range(3)]
    assert await answers(connection, *texts) == [[(8_000_000,)], [(8_000_001,)], [(8_000_002,)]]


async def test_whoever_is_cancelled_leaves_no_answer_behind_for_the_next(connection):
    sleeping = asyncio.create_task(answers(connection, ("SELECT pg_sleep(60)", {})))
    await asyncio.sleep(0.1)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert connection.closed


async def test_a_connection_that_is_lost_is_an_operational_error(connection, database):
    sleeping = asyncio.create_task(answers(connection, ("SELECT pg_sleep(60)", {})))
    asleep = "FROM pg_stat_activity WHERE query LIKE :what AND pid <> pg_backend_pid()"
    end = (f"SELECT pg_terminate_backend(pid) {asleep}", {"what": "SELECT pg_sleep%"})
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        async with asyncio.timeout(30):
            while await answers(other, end) == [[]]:  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.05)
    with pytest.raises(psycopg.OperationalError):
        await sleeping

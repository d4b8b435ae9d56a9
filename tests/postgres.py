"""A PostgreSQL server for the tests that need one, and a registry's database in it for each."""

from collections.abc import Iterator
from itertools import count

import pytest

from umi_lab.postgres_server import PostgresServer, binaries, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this session's own."""
    if binaries() is None:
        pytest.skip("there is no PostgreSQL here: `make postgres` installs it on Debian")
    pytest.importorskip("psycopg_pool")
    from umi_cloud.auth.migrations import migrate  # needs an extra

    with postgres_server() as server:
        server.make_database("registry")
        migrate(server.url("registry"))
        yield server


_DATABASES = count(1)


def _new_database(postgres: PostgresServer) -> str:
    name = f"test_{next(_DATABASES)}"
    postgres.make_database(name, template="registry")
    return postgres.url(name)


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """The address of a new database with the registry's tables."""
    return _new_database(postgres)


@pytest.fixture
def other_database(postgres: PostgresServer) -> str:
    """The address of one more."""
    return _new_database(postgres)

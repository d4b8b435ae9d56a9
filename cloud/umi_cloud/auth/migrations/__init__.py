"""The tables of the registry in PostgreSQL, and how they come to be what this umi-cloud needs (alembic).

`versions/` has one file a step; alembic runs those that a database lacks. A running front goes on while a newer one
migrates: a step only adds.
"""

from pathlib import Path
from typing import Any

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from umi_cloud.auth.pooler import OWN_PROCESS, serves_itself
from umi_cloud.auth.postgres_store import SETTINGS, place_of, settings_sql, unavailable
from umi_shared.errors import ConfigError

__all__ = ["migrate"]

_LOCK = 0x756D69  # any number, the same for all: two that migrate at once take turns


def migrate(conninfo: str) -> None:
    """Bring the tables of a database to this program's version; does nothing where they are.

    Raises `ConfigError` for a database that a newer umi-cloud has migrated, `RegistryUnavailableError`. For one thread:
    alembic keeps what it works on in its modules.
    """
    try:
        _migrate(conninfo)
    except CommandError as error:
        raise ConfigError(
            f"the registry's tables in {place_of(conninfo)} are of another version",
            fix="migrate with the newest umi-cloud that uses this database",
        ) from error
    except (psycopg.Error, SQLAlchemyError) as error:
        raise unavailable(conninfo, error) from error


def _migrate(conninfo: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connected(conninfo), poolclass=NullPool)

    def steps(revision: str, _context: object) -> list[RevisionStep]:
        return script._upgrade_revs("head", revision)

    with (
        EnvironmentContext(config, script, fn=steps) as context,
        engine.connect() as connection,
    ):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.configure(connection=connection)
        context.run_migrations()
        connection.commit()


def _connected(conninfo: str) -> "psycopg.Connection[Any]":
    connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
    row = connection.execute(OWN_PROCESS).fetchone()
    if row is not None and serves_itself(connection, row[0]):
        connection.execute(settings_sql(SETTINGS))
    connection.autocommit = False
    return connection

"""From the setting `state`, or the option `--state`, to the registry that is there."""

from pathlib import Path

from umi_cloud.auth.registry import Registry
from umi_cloud.auth.sqlite_store import SqliteStore
from umi_cloud.auth.store import StoreClock
from umi_cloud.extras import require

__all__ = ["is_postgres", "registry_at"]

_SCHEMES = ("postgresql://", "postgres://")


def is_postgres(state: str | Path) -> bool:
    """Whether a state is a PostgreSQL database; else it is a directory.

    >>> is_postgres("postgresql://umi@db.internal/umi"), is_postgres("/var/lib/umi-cloud")
    (True, False)
    """
    return str(state).startswith(_SCHEMES)


def registry_at(state: str | Path, *, clock: StoreClock | None = None, existing: bool = False) -> Registry:
    """The registry at a state, not opened yet; with `existing`, opening makes none.

    Raises ConfigError when PostgreSQL's packages are missing, or its address is wrong.
    """
    if not is_postgres(state):
        return Registry(SqliteStore(Path(state), clock=clock, existing=existing))
    require("postgres", "psycopg", "psycopg_pool")
    from umi_cloud.auth.postgres_store import PostgresStore  # noqa: PLC0415  # needs the extra

    return Registry(PostgresStore(str(state), clock=clock))

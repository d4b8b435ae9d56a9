"""One registry into another: how a deployment moves from a SQLite file to PostgreSQL, or back.

Invariants: nothing that is revoked or spent on either side is good afterwards; running it again goes on, after it was
cut off or while the old registry was still in use. A device that was revoked, copied, and then let in again on the old
side stays shut out on the new one until it is enrolled there. Open calls and calls a minute are not copied.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from umi_cloud.auth.store import Operation, Read, Reader, Rows, Store, Write

__all__ = ["Copied", "copy_registry", "restore_registry"]

ROWS = 500


@dataclass(frozen=True, slots=True)
class Copied:
    """How many rows of a table have been copied so far."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    merge: str
    """What becomes of a row that is there already: its columns under the table's name, the copy's under `excluded`.

    Empty where it stays as it is.
    """
    settle: tuple[Write, ...] = ()
    """What follows the rows of each page, in the same transaction."""
    inserted: Mapping[str, str] = field(default_factory=dict)
    """What a column of a new row becomes, where that isn't the copy's value (`:column`; `:now` is the time)."""
    locks_device: bool = False
    """Whether nobody else may let a row's device in, or shut it out, before it is written."""

    def page(self, after: dict[str, object] | None) -> Read:
        """The next rows in the order of the key."""
        keys, where = ", ".join(self.key), ""
        if after is not None:
            where = f" WHERE ({keys}) > ({', '.join(f':{key}' for key in self.key)})"
        sql = f"SELECT {', '.join(self.columns)} FROM {self.name}{where} ORDER BY {keys} LIMIT {ROWS}"  # noqa: S608  # constants
        return Read(sql, after or {})

    def write(self, values: dict[str, object]) -> Write:
        """Insert a row, or merge it with the one that is there."""
        return Write(
            f"INSERT INTO {self.name} ({', '.join(self.columns)})"  # noqa: S608  # constants
            f" VALUES ({', '.join(self.inserted.get(column, f':{column}') for column in self.columns)})"
            f" ON CONFLICT ({', '.join(self.key)}) DO {f'UPDATE SET {self.merge}' if self.merge else 'NOTHING'}",
            values,
        )


def _larger(table: str, column: str) -> str:
    return (
        f"{column} = CASE WHEN excluded.{column} > coalesce({table}.{column}, 0)"
        f" THEN excluded.{column} ELSE {table}.{column} END"
    )


_TABLES = (
    _Table(
        name="devices",
        columns=(
            *("name", "label", "enrolled_at", "revoked_at", "held_at", "requests", "tokens"),
            *("last_seen_at", "version", "owner", "team"),
        ),
        key=("name",),
        # A device that was let in again after the copy's revocation stays in; what is revoked here stays revoked.
        merge="revoked_at = CASE WHEN devices.enrolled_at > excluded.revoked_at THEN devices.revoked_at"
        " ELSE coalesce(devices.revoked_at, excluded.revoked_at) END, "
        + ", ".join(
            _larger("devices", column) for column in ("enrolled_at", "last_seen_at", "requests", "tokens")
        )
        # Whoever enrolled it last.
        + "".join(
            f", {column} = CASE WHEN excluded.enrolled_at > devices.enrolled_at"
            f" THEN excluded.{column} ELSE devices.{column} END"
            for column in ("owner", "team")
        ),
    ),
    _Table(
        name="certificates",
        columns=("serial", "name", "issued_at", "expires_at", "revoked_at", "authority", "used_at"),
        key=("serial",),
        merge="revoked_at = coalesce(certificates.revoked_at, excluded.revoked_at),"
        " used_at = coalesce(certificates.used_at, excluded.used_at)",
    ),
    _Table(
        name="tokens",
        columns=("digest", "name", "label", "created_at", "expires_at", "used_at"),
        key=("digest",),
        merge="used_at = coalesce(tokens.used_at, excluded.used_at)",
        # A token that came after a revocation here, and was made before it.
        settle=(
            Write(
                "UPDATE tokens SET used_at = devices.revoked_at FROM devices WHERE devices.name = tokens.name"
                " AND tokens.used_at IS NULL AND tokens.created_at <= devices.revoked_at",
                {},
            ),
        ),
    ),
    _Table(
        name="people",
        columns=("subject", "name", "seen_at", "revoked_at", "held_at"),
        key=("subject",),
        merge=f"revoked_at = coalesce(people.revoked_at, excluded.revoked_at), {_larger('people', 'seen_at')}",
    ),
    _Table(
        name="spending",
        columns=("name", "day", "tokens"),
        key=("name", "day"),
        merge=_larger("spending", "tokens"),
    ),
    _Table(
        name="audit",
        columns=("id", "at", "event", "device", "serial", "who", "address", "detail"),
        key=("id",),
        merge="",
    ),
)


def _restored(table: _Table) -> _Table:
    """The table as a restore writes it: what is new there lets nobody in."""
    match table.name:
        case "devices" | "people":
            return replace(table, inserted={"held_at": "coalesce(:held_at, :now)"})
        case "certificates":
            # A device that is there and not held back has certificates that the backup does not know.
            return replace(
                table,
                inserted={
                    "revoked_at": "CASE WHEN (SELECT held_at FROM devices WHERE name = :name) IS NULL"
                    " THEN coalesce(:revoked_at, :now) ELSE :revoked_at END"
                },
                merge="revoked_at = coalesce(certificates.revoked_at, :revoked_at)",
                locks_device=True,
            )
        case "tokens":
            return replace(
                table,
                inserted={"used_at": "coalesce(:used_at, :now)"},
                merge="used_at = coalesce(tokens.used_at, :used_at)",
            )
        case _:
            return table


_RESTORED = tuple(map(_restored, _TABLES))


def copy_registry(source: Reader, target: Store) -> AsyncIterator[Copied]:
    """Copy all rows of an open store into another, a page at a time. Raises `RegistryUnavailableError`."""
    return _copied(_TABLES, source, target)


def restore_registry(backup: Reader, target: Store) -> AsyncIterator[Copied]:
    """Write the rows of a backup into an open store, a page at a time, so that nothing old lets anybody in.

    A device that the store does not know comes back held, a token spent, and a certificate of a device that the store
    does know revoked. What the store knows stays as it is, but for what the backup knows to be revoked or spent.
    Raises `RegistryUnavailableError`.
    """
    return _copied(_RESTORED, backup, target)


async def _copied(tables: Sequence[_Table], source: Reader, target: Store) -> AsyncIterator[Copied]:
    for table in tables:
        after: dict[str, object] | None = None
        copied = 0
        while rows := await source.read(lambda _now, table=table, after=after: _page(table, after)):  # type: ignore[misc]  # bound early
            values = [dict(zip(table.columns, row, strict=True)) for row in rows]
            await target.write(lambda now, table=table, values=values: _put(table, values, now), durable=True)  # type: ignore[misc]  # as above
            after = {key: values[-1][key] for key in table.key}
            copied += len(rows)
            yield Copied(table.name, copied)


def _page(table: _Table, after: dict[str, object] | None) -> Operation[Rows]:
    (rows,) = yield (table.page(after),)
    return rows


def _put(table: _Table, values: list[dict[str, object]], now: float) -> Operation[None]:
    if table.locks_device:
        names = sorted({str(one["name"]) for one in values})
        yield [Read("SELECT name FROM devices WHERE name = :name", {"name": name}, True) for name in names]
    yield [*(table.write({**one, "now": now}) for one in values), *table.settle]

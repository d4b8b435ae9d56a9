"""Where the registry keeps its rows: the port, and the words that operations and databases speak.

An operation is a generator. It yields batches of statements, gets the rows of their reads, and returns its result; it
does no I/O. So the SQL is written once, and each database runs it in its own way: SQLite whole in a thread, PostgreSQL
a batch a round trip.
"""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from umi_shared.errors import RefusedError, TransportError

__all__ = [
    "Operation",
    "Read",
    "Reader",
    "RegistryUnavailableError",
    "Rows",
    "Store",
    "StoreClock",
    "Write",
    "given",
    "with_rows",
    "registry_gone",
]

T = TypeVar("T")
Rows = list[tuple[Any, ...]]
StoreClock = Callable[[], datetime]
RETRY_SECONDS = 2.0
_GIVEN = re.compile(r"\{given: ([^}]*)\}")


class RegistryUnavailableError(TransportError):
    """The registry can't be used now: its file is locked or damaged, its disk full, its database gone."""


@dataclass(frozen=True, slots=True)
class Read:
    """A statement whose rows are wanted; its values are written `:name`."""

    sql: str
    values: dict[str, Any]
    lock: bool = False
    """Whether nobody else may change these rows before this transaction ends."""


@dataclass(frozen=True, slots=True)
class Write:
    """A statement whose rows are not wanted."""

    sql: str
    values: dict[str, Any]


def given(*columns: str) -> str:
    """A table, named `given`, of the rows (a list of objects) that a statement has as its value `given`.

    >>> given("name TEXT", "tokens BIGINT")
    '{given: name TEXT, tokens BIGINT}'
    """
    return f"{{given: {', '.join(columns)}}}"


def with_rows(sql: str, spelled: Callable[[Sequence[tuple[str, str]]], str]) -> str:
    """A statement whose `given` is spelled as a database wants it, of the names and types of its columns."""
    return _GIVEN.sub(
        lambda found: spelled(
            [(one.partition(" ")[0], one.partition(" ")[2]) for one in found[1].split(", ")]
        ),
        sql,
    )


Operation = Generator[Sequence[Read | Write], list[Rows], T]
"""Yields batches; is sent the rows of each `Read` of a batch, in order."""


class Reader(Protocol):
    """The rows of a registry, as they are or as they were at one moment."""

    async def read(self, operation: Callable[[float], Operation[T]]) -> T:
        """Run an operation that only reads, for the present time. Raises `RegistryUnavailableError`."""


class Store(Reader, Protocol):
    """One database with the registry's tables."""

    place: str
    """Where it is, for messages to the operator; without a password."""

    async def open(self) -> None:
        """Connect. Raises `ConfigError` when what is there is no registry, `RegistryUnavailableError`."""

    async def close(self) -> None:
        """Free what `open` took."""

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """All rows as they are at one moment, whatever is written meanwhile."""

    async def write(self, operation: Callable[[float], Operation[T]], *, durable: bool) -> T:
        """Run an operation in one transaction: all of it, or nothing when it raises. It may be run again.

        `durable` means that it holds across a power cut too. Raises `RegistryUnavailableError`.
        """

    def now(self) -> float:
        """The registry's time (seconds since 1970), as far as it was heard of; the same for all fronts."""

    async def changed(self, seconds: float) -> None:
        """Wait until something may have been revoked; `seconds` at most."""


def registry_gone() -> RefusedError:
    """What a device, or a stranger, is told: nothing of where the registry is."""
    return RefusedError(
        "the server's list of devices can't be read now",
        reason="STATE_UNAVAILABLE",
        retry_after_seconds=RETRY_SECONDS,
        fix="try again in a moment",
    )

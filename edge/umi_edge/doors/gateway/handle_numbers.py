"""The numbers that the handles of one session have, and those of no other session of its program have.

A program's model remembers handles longer than umi keeps what they stand for: a connection ends where it is idle, a
chat is opened again next week. So every session of a program has numbers of its own, by how many came before it, and
a handle that a model has read either means what it meant, or nothing. What a session holds has no part in that: the
numbers of the next one tell nothing of it.

I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

from umi_shared.errors import PrivacyError
from umi_shared.handles import MAX_HANDLE_NUMBER

__all__ = ["OF_CATALOGUE", "numbers_of"]

_EACH = 10_000
"""How many values of one type a session holds."""
_SESSIONS = MAX_HANDLE_NUMBER // _EACH - 1
OF_CATALOGUE = range(_SESSIONS * _EACH + 1, (_SESSIONS + 1) * _EACH + 1)
"""Those of the handles that stand in the list of tools, which belongs to no session."""


def numbers_of(before: int) -> range:
    """The numbers of a session that so many came before. Raises `PrivacyError` where there are none left.

    >>> numbers_of(0)[0], numbers_of(0)[-1], numbers_of(1)[0]
    (1, 10000, 10001)
    """
    if before >= _SESSIONS:
        raise PrivacyError(
            f"this program has had {_SESSIONS} sessions, and there are no numbers left for its handles",
            fix="give it another name: `umi mcp serve --client NAME`",
        )
    return range(before * _EACH + 1, (before + 1) * _EACH + 1)

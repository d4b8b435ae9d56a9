"""Stopping a computation under way from another thread; native code may look at the flag itself."""

import ctypes

__all__ = ["Cancellation"]


class Cancellation:
    """A flag like `threading.Event`, set once, that llama.cpp reads while it computes, without taking the GIL.

    >>> cancelled = Cancellation()
    >>> cancelled(), cancelled.set(), cancelled()
    (False, None, True)
    """

    def __init__(self) -> None:
        self._flag = ctypes.create_string_buffer(2)

    def set(self) -> None:
        """Stop the computation that this was given to, now or when it starts."""
        self._flag[0] = b"\1"

    def __call__(self) -> bool:
        """Whether `set` was called."""
        return self._flag[0] != b"\0"

    is_set = __call__

    @property
    def address(self) -> int:
        """The address of a C string that is empty until the flag is set; valid as long as this object lives."""
        return ctypes.addressof(self._flag)

"""A file that a tool's result brought, as the path where it lies on this device."""

__all__ = ["FILE_TYPES", "StoredFile"]

FILE_TYPES = ("audio", "file", "image")


class StoredFile(str):
    """A path that the user can open, and other tools can take; whatever a policy says, the path itself stays.

    >>> StoredFile("/files/1.png", "image").type
    'image'
    """

    __slots__ = ("type",)

    type: str
    """What its handle is called: one of `FILE_TYPES`."""

    def __new__(cls, path: str, type: str) -> "StoredFile":  # noqa: A002
        """A path with its type."""
        made = super().__new__(cls, path)
        made.type = type
        return made

"""Text that UTF-8 can carry."""

__all__ = ["well_formed"]


def well_formed(text: str) -> str:
    r"""The text with U+FFFD for each lone half of a surrogate pair; two halves side by side are joined.

    >>> well_formed("a\ud800b")
    'a�b'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

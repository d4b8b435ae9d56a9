"""The common beginning of two lists of tokens: the part that a cache saves computing."""

__all__ = ["shared_prefix"]


def shared_prefix(held: list[int], tokens: list[int]) -> int:
    """How many tokens two lists have in common at their beginning.

    >>> shared_prefix([1, 2, 3], [1, 2, 4, 5])
    2
    """
    if held[: len(tokens)] == tokens[: len(held)]:  # mostly one continues the other
        return min(len(held), len(tokens))
    return next(at for at, (ours, theirs) in enumerate(zip(held, tokens, strict=False)) if ours != theirs)

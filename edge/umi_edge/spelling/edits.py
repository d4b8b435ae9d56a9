"""Edits: how far two spellings are apart, in letters that are wrong, missing, too many or in each other's place."""

from collections.abc import Iterator

__all__ = ["is_one_edit", "is_two_edits", "swapped"]


def swapped(word: str) -> Iterator[str]:
    """The word with each two different neighbours in each other's place.

    >>> list(swapped("teh"))
    ['eth', 'the']
    """
    for at in range(len(word) - 1):
        if word[at] != word[at + 1]:
            yield f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"


def is_one_edit(word: str, other: str) -> bool:
    """Whether one letter is wrong, missing or too many; two that are swapped are more.

    >>> is_one_edit("nubber", "number"), is_one_edit("numbr", "number"), is_one_edit("nubmer", "number")
    (True, True, False)
    """
    return _ends(word, other, 1)


def is_two_edits(word: str, other: str) -> bool:
    """Whether two edits make one of the other, each a letter that is wrong, missing, too many, or two that are swapped.

    >>> is_two_edits("apointmnet", "appointment"), is_two_edits("nubmer", "number"), is_two_edits("nbr", "number")
    (True, True, False)
    """
    return _ends(word, other, 2, swaps=True)


def _ends(word: str, other: str, left: int, *, swaps: bool = False) -> bool:
    """Whether as many edits are enough; what both begin and end with is put aside."""
    if abs(len(word) - len(other)) > left:
        return False
    start, end = 0, 0
    shorter = min(len(word), len(other))
    while start < shorter and word[start] == other[start]:
        start += 1
    while end < shorter - start and word[-1 - end] == other[-1 - end]:
        end += 1
    word, other = word[start : len(word) - end], other[start : len(other) - end]
    if max(len(word), len(other)) <= left:
        return True
    if left < 2:
        return bool(left) and swaps and len(word) == 2 and word == other[::-1]
    rests = ((word[1:], other[1:]), (word[1:], other), (word, other[1:]))
    if any(_ends(one, another, left - 1, swaps=swaps) for one, another in rests):
        return True
    return swaps and word[:2] == other[1::-1] and _ends(word[2:], other[2:], left - 1, swaps=swaps)

"""Text from elsewhere on a terminal, and the colours that umi uses there."""

__all__ = ["BAD", "LEFT", "MODEL", "STAYED", "plain"]

STAYED, LEFT, MODEL, BAD = "green", "yellow", "cyan", "red"


def plain(text: str) -> str:
    r"""Text from elsewhere, fit for a terminal: no control characters, so no escape sequences.

    >>> plain("a\x1b[31mb")
    'a�[31mb'
    """
    return "".join(
        character if character.isprintable() or character == "\n" else "\ufffd" for character in text
    )

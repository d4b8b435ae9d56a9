"""Text from elsewhere on a terminal, and the colours that umi uses there."""

__all__ = ["BAD", "LEFT", "MODEL", "STAYED", "one_line", "plain"]

STAYED, LEFT, MODEL, BAD = "green", "yellow", "cyan", "red"


def plain(text: str) -> str:
    r"""Text from elsewhere, fit for a terminal: no control characters, so no escape sequences.

    >>> plain("a\x1b[31mb")
    'a�[31mb'
    """
    return "".join(
        character if character.isprintable() or character == "\n" else "\ufffd" for character in text
    )


def one_line(text: str) -> str:
    r"""Text from elsewhere that can't go on in a line of its own, and so can't imitate one of umi's.

    >>> one_line("a\nSent to: you")
    'a␊Sent to: you'
    """
    return plain(text).replace("\n", "\u240a")

"""The text of a web page."""

import html
import re

__all__ = ["html_text"]

_COMMENT = "!--"


def html_text(text: str) -> str:
    r"""The text of an HTML page, in time proportional to its length.

    Not html.parser: a stranger's megabyte of `<a <a <a` keeps it busy for minutes.

    >>> html_text("<style>p {}</style><p>1 &lt; 2</p><p>so <b>there</b></p>")
    '1 < 2\n\nso there'
    """
    first, *pieces = text.split("<")
    parts, hidden = [first], ""
    for piece in pieces:
        if hidden == _COMMENT or (not hidden and piece.startswith(_COMMENT)):
            _, ends, data = piece.partition("-->")
            hidden = "" if ends else _COMMENT
            parts.append(data)
            continue
        tag, _, data = piece.partition(">")
        name = re.split(r"[\s/>]", tag.lower().lstrip("/"), maxsplit=1)[0][:20]
        if hidden:
            closes = (tag.startswith("/") and name == hidden) or (hidden == "head" and name == "body")
            hidden = "" if closes else hidden
        elif name in ("script", "style", "head", "title") and not tag.startswith("/"):
            hidden = name
        if not hidden:
            parts += ["\n" if name in ("br", "p", "div", "tr", "li", "h1", "h2", "h3") else "", data]
    lines = "\n".join(" ".join(one.split()) for one in html.unescape("".join(parts)).split("\n"))
    return re.sub(r"\n\s*\n", "\n\n", lines).strip()

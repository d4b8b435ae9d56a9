"""What is attached to a letter, as text, by the converter that reads files."""

import time
from collections.abc import Iterable

from umi_edge.tools.builtin.converter import Converter
from umi_edge.tools.builtin.mail_body import Attachment
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import Lost, ToolFailure

__all__ = ["attached_texts"]

_MAX_CHARACTERS = 100_000
"""Of all texts together."""
_MAX_BYTES = 32 << 20
_MAX_SECONDS = 15.0
_WITHOUT_TEXT = ("image/", "audio/", "video/", "font/", "application/pgp-", "application/pkcs7-")


def attached_texts(
    attachments: Iterable[Attachment], converter: Converter
) -> tuple[list[JSON], tuple[Lost, ...]]:
    """Each attachment with its name, kind and text, and those whose text could not be read, or not whole.

    Pictures and signatures have none.
    """
    told: list[JSON] = []
    lost: list[Lost] = []
    room = _MAX_CHARACTERS
    until = time.monotonic() + _MAX_SECONDS
    for one in attachments:
        text, why = "", ""
        if one.content is not None and not one.kind.startswith(_WITHOUT_TEXT):
            text, why = _text(one.content, one.name, converter, until)
        if len(text) > room:
            text, why = text[:room], "its text is long: the beginning is shown"
        room -= len(text)
        told.append({"name": one.name, "kind": one.kind, **({"text": text} if text else {})})
        if why:
            lost.append(Lost(one.name, why))
    return told, tuple(lost)


def _text(content: bytes, name: str, converter: Converter, until: float) -> tuple[str, str]:
    """The text, and why there is none."""
    if len(content) > _MAX_BYTES:
        return "", f"more than {_MAX_BYTES >> 20} MiB in it"
    if time.monotonic() > until:
        return "", "there was no time to read it"
    try:
        return converter.text(content, name), ""
    except ToolFailure as failure:
        return "", failure.detail

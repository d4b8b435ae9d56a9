"""Canaries, and the spellings under which one might leave; written without a look at the guard's own list."""

import base64
import json
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

__all__ = ["NUMBERS", "TEXTS", "needles", "number_needles", "spellings"]

TEXTS = (
    "Zqxjova Krásnohorská",
    "zqx.vondrak@qvist-canary.example",
    "+420 728 119 340 55",
    'Wyx "said\\ so" & <left>',
    "Ｑúxôm Żywiec",
    "CZ65 0800 0000 1920 0014 5399",
)
"""Private texts: a name, an address, a number of a telephone, marks of JSON, full width, an account."""
NUMBERS = (48_151_623_42, 9_876_543.21)


def spellings(text: str) -> dict[str, str]:
    """The text under each encoding, by the encoding's name; each within a context where one matters."""
    raw = text.encode()
    found = {
        "plain": text,
        "upper": text.upper(),
        "casefold": text.casefold(),
        "NFC": unicodedata.normalize("NFC", text),
        "NFD": unicodedata.normalize("NFD", text),
        "NFKC": unicodedata.normalize("NFKC", text),
        "url-safe base64": base64.urlsafe_b64encode(raw).decode(),
        "hex": raw.hex(),
        "upper hex": raw.hex().upper(),
        "percent": quote(text, safe=""),
        "JSON": json.dumps(text)[1:-1],
        "reversed": text[::-1],
        "full width": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        "zero width": "\u200b".join(text),
    }
    for alignment in range(3):
        found[f"base64 at {alignment}"] = base64.b64encode(b"#" * alignment + raw + b"##").decode()
    digits = "".join(filter(str.isdigit, text))
    if len(digits) >= 8:
        found["digits only"] = digits
    return found


def needles(text: str) -> Iterator[tuple[str, bytes]]:
    """What to look for in bytes that left: the spellings' unmistakable parts, and both halves of the text."""
    for name, spelling in spellings(text).items():
        core = spelling[4:-4] if name.startswith("base64") else spelling.rstrip("=")
        yield name, core.encode()
    middle = len(text) // 2
    yield "first half", text[:middle].encode()
    yield "second half", text[middle:].encode()
    for word in text.replace("@", " ").split():
        if len(word) > 4:
            yield "one word", word.encode()


def number_needles(number: float) -> Iterator[tuple[str, bytes]]:
    """A number as programs and people write it."""
    whole = int(number)
    forms = {
        "plain": str(number),
        "JSON": json.dumps(number),
        "exponent": f"{number:e}",
        "general": f"{number:.6g}",
        "fixed": f"{number:.2f}",
        "commas": f"{whole:,}",
        "spaces": f"{whole:,}".replace(",", " "),
        "dots": f"{whole:,}".replace(",", "."),
        "underscores": f"{whole:_}",
        "hex": f"{whole:x}",
        "reversed": str(whole)[::-1],
        "first digits": str(whole)[:6],
        "last digits": str(whole)[-6:],
        "base64": base64.b64encode(str(whole).encode()).decode().rstrip("=")[:-1],
    }
    for name, form in forms.items():
        yield name, form.encode()
    for size in (4, 8):
        for order in ("big", "little"):
            if whole < 1 << 8 * size:
                yield f"{size} bytes {order}", whole.to_bytes(size, order).strip(b"\0")

r"""The string field of a JSON object that is still being written.

>>> field = StringField("rationale")
>>> [field.feed(piece) for piece in ('{"ratio', 'nale": "Find \\u00', 'e9 now', '", "next"')]
['', 'Find ', 'é now', '']
"""

import json
import re
from dataclasses import dataclass, field

from umi_shared.well_formed import well_formed

__all__ = ["StringField"]

_BODY = re.compile(r'(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')


@dataclass(slots=True)
class StringField:
    """Decodes one string field of a JSON object as its text arrives, escapes included."""

    name: str
    _raw: str = field(default="", repr=False)
    _given: int = 0

    def feed(self, text: str) -> str:
        """Take the next piece of JSON text; return the piece of the field's value that it completes."""
        self._raw += text
        start = re.search(rf'"{re.escape(self.name)}"\s*:\s*"', self._raw)
        if start is None:
            return ""
        body = _BODY.match(self._raw, start.end())
        whole = body[0] if body else ""
        if re.search(r"\\u[dD][89abAB][0-9a-fA-F]{2}$", whole):  # half of a surrogate pair: wait for the rest
            whole = whole[:-6]
        value = well_formed(json.loads(f'"{whole}"', strict=False))
        piece = value[self._given :]
        self._given = len(value)
        return piece

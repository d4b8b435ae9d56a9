"""A reader of HTTP/2 header blocks (RFC 7541), as far as gRPC's C core writes them: no Huffman codes."""

__all__ = ["HeaderReader"]

# RFC 7541, appendix A.
_STATIC = tuple(
    (name, value)
    for name, _, value in (
        line.partition("=")
        for line in """
:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204
:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate
accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control
content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type
cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since
last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate
""".replace("\n", "|")
        .strip("|")
        .split("|")
    )
)
assert len(_STATIC) == 61


class HeaderReader:
    """Reads the header blocks of one connection, in order: they share a table."""

    def __init__(self) -> None:
        self._dynamic: list[tuple[str, str]] = []
        self._block = b""
        self._at = 0

    def read(self, block: bytes) -> tuple[tuple[str, str], ...]:
        """The names and values of one block."""
        self._block, self._at = block, 0
        headers = []
        while self._at < len(block):
            first = block[self._at]
            if first & 0x80:
                headers.append(self._entry(self._number(7)))
            elif first & 0x40:
                headers.append(self._literal(self._number(6)))
                self._dynamic.insert(0, headers[-1])
            elif first & 0x20:
                self._number(5)  # a new size of the table, which nothing here reaches
            else:
                headers.append(self._literal(self._number(4)))
        return tuple(headers)

    def _entry(self, index: int) -> tuple[str, str]:
        return (*_STATIC, *self._dynamic)[index - 1]

    def _literal(self, index: int) -> tuple[str, str]:
        name = self._entry(index)[0] if index else self._string()
        return name, self._string()

    def _string(self) -> str:
        assert not self._block[self._at] & 0x80, "a Huffman code"
        length = self._number(7)
        self._at += length
        return self._block[self._at - length : self._at].decode("latin-1")

    def _number(self, bits: int) -> int:
        value = self._block[self._at] & (1 << bits) - 1
        self._at += 1
        if value < (1 << bits) - 1:
            return value
        shift = 0
        while True:
            byte = self._block[self._at]
            self._at += 1
            value += (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

"""HTTP/2 header blocks (RFC 7541), as far as gRPC's C core writes them: no Huffman codes."""

__all__ = ["HeaderReader", "WireError"]

# RFC 7541, appendix A: 61 headers, those without a value as a name alone.
_STATIC_TABLE = """
:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204
:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate
accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control
content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type
cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since
last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate
"""
_STATIC = tuple(
    (name, value)
    for name, _, value in (one.partition("=") for one in _STATIC_TABLE.strip().replace("\n", "|").split("|"))
)
_ENTRY_BYTES = 32
"""What each entry of the dynamic table counts beside its name and value (section 4.1)."""


class WireError(ValueError):
    """The bytes are not what a gRPC client sends, or more of HTTP/2 than this reader knows."""


class HeaderReader:
    """Reads the header blocks of one connection, in order, since they share a table of `table_bytes` at most."""

    def __init__(self, table_bytes: int = 4096) -> None:
        self._dynamic: list[tuple[str, str]] = []
        self._table_bytes = table_bytes
        self._block = b""
        self._at = 0

    def read(self, block: bytes) -> tuple[tuple[str, str], ...]:
        r"""The names and values of one block. Raises `WireError` for a block that this reader cannot read.

        >>> HeaderReader().read(b"\x82\x86\x84")
        ((':method', 'GET'), (':scheme', 'http'), (':path', '/'))
        """
        self._block, self._at = block, 0
        headers = []
        try:
            while self._at < len(block):
                first = block[self._at]
                if first & 0x80:
                    headers.append(self._entry(self._number(7)))
                elif first & 0x40:
                    headers.append(self._literal(self._number(6)))
                    self._dynamic.insert(0, headers[-1])
                    self._evict()
                elif first & 0x20:
                    self._table_bytes = self._number(5)
                    self._evict()
                else:
                    headers.append(self._literal(self._number(4)))
        except IndexError:
            raise WireError("a header block ends too early, or names an entry that no table has") from None
        return tuple(headers)

    def _evict(self) -> None:
        """Forget the oldest entries until the rest fits (section 4.4)."""
        while sum(_ENTRY_BYTES + len(name) + len(value) for name, value in self._dynamic) > self._table_bytes:
            self._dynamic.pop()

    def _entry(self, index: int) -> tuple[str, str]:
        if not index:
            raise WireError("no table has an entry 0")
        return (*_STATIC, *self._dynamic)[index - 1]

    def _literal(self, index: int) -> tuple[str, str]:
        name = self._entry(index)[0] if index else self._string()
        return name, self._string()

    def _string(self) -> str:
        if self._block[self._at] & 0x80:
            raise WireError("a header is written in Huffman codes, which gRPC's C core does not do")
        length = self._number(7)
        self._at += length
        if self._at > len(self._block):
            raise WireError("a header block ends within a header")
        return self._block[self._at - length : self._at].decode("latin-1")

    def _number(self, bits: int) -> int:
        """An integer that begins in the last `bits` bits of the next byte (section 5.1)."""
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

r"""`x-forwarded-client-cert`: what a proxy that ends TLS says of the certificate that its client showed.

As Envoy writes it: elements apart by commas, one for each proxy that a request went through, the last by the one that
is nearest; pairs of a key and a value, apart by semicolons; a value in double quotes where it needs them, with `\"`
for a quote in it. Cert and Chain are PEM, with what is special in it spelled `%2F`. Decisions only; whom to believe is
`proxies`' affair.

Covered: headers that can be read in two ways, such as a quote that an earlier element leaves open to swallow the last
one; an element whose parts contradict each other. Not covered: a proxy that forwards what its client wrote as its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from umi_shared.errors import MalformedError

__all__ = ["FORWARDED_KEY", "HEADER_CHARACTERS", "ForwardedCertificate", "forwarded_certificates"]

FORWARDED_KEY = "x-forwarded-client-cert"
HEADER_CHARACTERS = 8 * 1024
"""The longest header that is read."""
_PAIR = re.compile(r'[ \t]*([A-Za-z]{1,16})=(?:"((?:[^"\\]|\\.)*)"|([^",;\\]*))(?:([;,])|\Z)')
_QUOTED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class ForwardedCertificate:
    """One element of the header: a certificate that somebody's client has shown."""

    pairs: Mapping[str, Sequence[str]] = field(repr=False)

    def certificate(self) -> x509.Certificate:
        """The certificate itself. Raises MalformedError where there is none, or the element contradicts itself."""
        try:
            shown = x509.load_pem_x509_certificate(self._pem())
            names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception as error:  # whatever a hostile certificate makes the parser raise
            if isinstance(error, MalformedError):
                raise
            raise MalformedError("no certificate that names a device") from error
        stated = self.pairs.get("Hash", ())
        if len(stated) > 1 or any(one.lower() != shown.fingerprint(hashes.SHA256()).hex() for one in stated):
            raise MalformedError("its hash is of another certificate")
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        if not {uri for uri in self.pairs.get("URI", ()) if uri} <= set(uris):
            raise MalformedError("its URI is of another certificate")
        return shown

    def _pem(self) -> bytes:
        """Cert, or the first of Chain; of both, when they agree."""
        cert, chain = self.pairs.get("Cert", ()), self.pairs.get("Chain", ())
        if len(cert) > 1 or len(chain) > 1 or not (cert or chain):
            raise MalformedError("no certificate, or more than one")
        leaf = _leaf(chain[0]) if chain else b""
        own = unquote_to_bytes(cert[0]) if cert else leaf
        if leaf and own.strip() != leaf.strip():
            raise MalformedError("its certificate is not that of its chain")
        return own


def forwarded_certificates(header: str) -> tuple[ForwardedCertificate, ...]:
    r"""The elements of a header; the last is of the proxy that is nearest. Raises MalformedError.

    >>> [one.pairs for one in forwarded_certificates(r'By=x;URI="a,\"b";URI=,Hash=ab')]
    [{'By': ['x'], 'URI': ['a,"b', '']}, {'Hash': ['ab']}]
    """
    if len(header) > HEADER_CHARACTERS:
        raise MalformedError(f"more than {HEADER_CHARACTERS} characters")
    elements: list[dict[str, list[str]]] = [{}]
    position, last = 0, ","
    while last:
        pair = _PAIR.match(header, position)
        if pair is None:
            raise MalformedError("not as a proxy writes it")
        key, quoted, bare, last = pair.groups()
        value = _QUOTED.sub(r"\1", quoted) if quoted is not None else bare
        elements[-1].setdefault(key, []).append(value)
        if last == ",":
            elements.append({})
        position = pair.end()
    return tuple(map(ForwardedCertificate, elements))


def _leaf(chain: str) -> bytes:
    pem = unquote_to_bytes(chain)
    end = b"-----END CERTIFICATE-----"
    return pem[: pem.find(end) + len(end)] if end in pem else pem

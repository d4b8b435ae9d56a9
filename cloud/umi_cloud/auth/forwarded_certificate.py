r"""`x-forwarded-client-cert`: what a proxy that ends TLS says of the certificate that its client showed.

As Envoy writes it: elements apart by commas, one for each proxy that a request went through, the last by the one that
is nearest; pairs of a key and a value, apart by semicolons; a value in double quotes where it needs them, with `\"`
for a quote in it. Keys are the same in capitals. Cert and Chain are PEM, with what is special in it spelled `%2F`.
Decisions only; whom to believe is `proxies`' affair.

Covered: headers that can be read in two ways, such as a quote that an earlier element leaves open to swallow the last
one; an element whose parts contradict each other. Not covered: a proxy that forwards what its client wrote as its own;
an Envoy that is told to add URI or DNS, which it does not quote, of certificates that nobody has looked at.
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
HEADER_CHARACTERS = 16 * 1024
"""The longest header that is read."""
KEYS = ("By", "Hash", "Cert", "Chain", "Subject", "URI", "DNS")
"""Those that Envoy knows."""
_PAIR = re.compile(r'[ \t]*([A-Za-z]{1,16})=(?:"((?:[^"\\]|\\.)*)"|([^",;\\]*))(?:([;,])|\Z)')
_QUOTED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class ForwardedCertificate:
    """One element of the header: a certificate that somebody's client has shown."""

    pairs: Mapping[str, Sequence[str]] = field(repr=False)
    """Values by key, the keys in small letters."""

    def certificate(self) -> x509.Certificate:
        """The certificate itself. Raises MalformedError, which names what is missing or contradicts itself."""
        pem = self._pem()
        try:
            shown = x509.load_pem_x509_certificate(pem)
            names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound as error:
            raise MalformedError("its certificate has no name (subjectAltName)") from error
        except Exception as error:  # whatever a hostile certificate makes the parser raise
            raise MalformedError("its Cert or Chain is no certificate (PEM, URL-encoded)") from error
        stated = self.pairs.get("hash", ())
        if len(stated) > 1 or any(one.lower() != shown.fingerprint(hashes.SHA256()).hex() for one in stated):
            raise MalformedError("its Hash is of another certificate")
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        if not {uri for uri in self.pairs.get("uri", ()) if uri} <= set(uris):
            raise MalformedError("its URI is of another certificate")
        return shown

    def issuers(self) -> list[x509.Certificate]:
        """What Chain has behind the certificate. Raises MalformedError."""
        try:
            chain = [unquote_to_bytes(one) for one in self.pairs.get("chain", ())]
            return [one for pem in chain for one in x509.load_pem_x509_certificates(pem)[1:]]
        except Exception as error:  # as above
            raise MalformedError("its Chain is not certificates (PEM, URL-encoded)") from error

    def _pem(self) -> bytes:
        """Cert, or the first of Chain; of both, when they agree."""
        cert, chain = (list(filter(None, self.pairs.get(key, ()))) for key in ("cert", "chain"))
        if len(cert) > 1 or len(chain) > 1:
            raise MalformedError("it says Cert or Chain more than once")
        if not (cert or chain):
            said = " and ".join(key for key in KEYS if any(self.pairs.get(key.lower(), ()))) or "nothing"
            raise MalformedError(
                f"the certificate itself is missing, it says {said}: have it add Cert "
                "(Envoy: `set_current_client_cert_details: {cert: true}`)"
            )
        leaf = _leaf(chain[0]) if chain else b""
        own = unquote_to_bytes(cert[0]) if cert else leaf
        if leaf and own.strip() != leaf.strip():
            raise MalformedError("its Cert is not the first of its Chain")
        return own


def forwarded_certificates(header: str) -> tuple[ForwardedCertificate, ...]:
    r"""The elements of a header; the last is of the proxy that is nearest. Raises MalformedError.

    >>> [one.pairs for one in forwarded_certificates(r'By=x;URI="a,\"b";uri=,Hash=ab')]
    [{'by': ['x'], 'uri': ['a,"b', '']}, {'hash': ['ab']}]
    """
    if len(header) > HEADER_CHARACTERS:
        raise MalformedError(f"its {FORWARDED_KEY} has more than {HEADER_CHARACTERS} characters")
    elements: list[dict[str, list[str]]] = [{}]
    position, last = 0, ","
    while last:
        pair = _PAIR.match(header, position)
        if pair is None:
            raise MalformedError(
                f"its {FORWARDED_KEY} is not KEY=VALUE;…,KEY=VALUE;… as Envoy writes it: a quote that is left open, "
                "or an empty element"
            )
        key, quoted, bare, last = pair.groups()
        value = _QUOTED.sub(r"\1", quoted) if quoted is not None else bare
        elements[-1].setdefault(key.lower(), []).append(value)
        if last == ",":
            elements.append({})
        position = pair.end()
    return tuple(map(ForwardedCertificate, elements))


def _leaf(chain: str) -> bytes:
    pem = unquote_to_bytes(chain)
    end = b"-----END CERTIFICATE-----"
    return pem[: pem.find(end) + len(end)] if end in pem else pem

"""What is signed when a certificate is renewed: by whoever asks, and by an authority that names the next."""

import hashlib

__all__ = ["bundle_words", "late_words", "renewal_words"]


def renewal_words(certificate_der: bytes, csr_pem: bytes) -> bytes:
    """What the key of a certificate that is good signs: what is asked for, by whoever brings it."""
    return b"umi renewal" + _digest(certificate_der) + _digest(csr_pem)


def late_words(challenge: bytes, certificate_der: bytes, csr_pem: bytes) -> bytes:
    """What the key of a certificate that has ended signs: this call's challenge, and what is asked for."""
    return b"umi late renewal" + challenge + _digest(certificate_der) + _digest(csr_pem)


def bundle_words(csr_pem: bytes, ca_pem: bytes) -> bytes:
    """What an authority signs: to the maker of this request, that these certificates are to be trusted from now on."""
    return b"umi authorities" + _digest(csr_pem) + _digest(ca_pem)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()

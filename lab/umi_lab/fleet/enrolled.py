"""Enrolled laptops: rows in the registry for all, keys and certificates for those that will call."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_cloud.auth import certificates
from umi_cloud.auth.authority import Authority, SignedCertificate

__all__ = ["Laptop", "enrol", "read_laptops", "write_laptops"]

_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """One device's name, key and certificate."""

    name: str
    key: str = field(repr=False)
    certificate: str = field(repr=False)


async def enrol(authority: Authority, database: str, count: int, *, calling: int) -> list[Laptop]:
    """Put `count` devices into the registry's database at once; the first `calling` get certificates to call with.

    Enrolment itself is measured elsewhere; here it would take minutes.
    """
    from psycopg import AsyncConnection  # noqa: PLC0415  # an extra

    laptops, signed = [], []
    for number in range(calling):
        key = ec.generate_private_key(ec.SECP256R1())
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        )
        made = authority.sign_device(request.public_bytes(serialization.Encoding.PEM), f"laptop-{number}")
        signed.append(made)
        laptops.append(
            Laptop(
                name=made.name,
                key=certificates.key_pem(key).decode(),
                certificate=made.pem.decode(),
            )
        )
    now = authority.clock().timestamp()
    async with await AsyncConnection.connect(database) as connection, connection.cursor() as cursor:
        async with cursor.copy("COPY devices (name, enrolled_at) FROM STDIN") as copy:
            for number in range(count):
                await copy.write_row((f"laptop-{number}", now))
        async with cursor.copy("COPY certificates (serial, name, issued_at, expires_at) FROM STDIN") as copy:
            for number in range(count):
                row = _row(signed[number]) if number < calling else _silent(number, now)
                await copy.write_row(row)
    return laptops


def write_laptops(path: Path, laptops: list[Laptop]) -> None:
    """One JSON object a line, for this user's eyes only."""
    path.touch(mode=0o600)
    path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in laptops))


def read_laptops(path: Path) -> list[Laptop]:
    """What `write_laptops` wrote."""
    return [Laptop(**json.loads(line)) for line in path.read_text().splitlines()]


def _row(signed: SignedCertificate) -> tuple[str, str, float, float]:
    return signed.serial, signed.name, signed.issued.timestamp(), signed.expires.timestamp()


def _silent(number: int, now: float) -> tuple[str, str, float, float]:
    return f"{number:040x}", f"laptop-{number}", now, now + 90 * _DAY

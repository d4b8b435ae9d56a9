"""A deployment's authority and registry, with clocks that the tests turn. A registry test runs on each database."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_cloud.auth.audit import Origin
from umi_cloud.auth.authority import Authority, SignedCertificate
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.registry_at import registry_at


@dataclass
class Clock:
    """A clock that stands still until a test moves it; a calendar and a stopwatch in one."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return self.moment.timestamp()

    def advance(self, **time: float) -> None:
        self.moment += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    """Starts at the real time, because TLS looks at the real clock."""
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def authority(state: Path, clock: Clock) -> Authority:
    return Authority.init(state, ["planner.example"], clock=clock)


@pytest.fixture
async def registry(state: Path, clock: Clock) -> AsyncIterator[Registry]:
    """In a SQLite file in `state`."""
    async with registry_at(state, clock=clock) as registry:
        yield registry


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, state: Path) -> str:
    """Where a registry can be: a directory, then a database."""
    return str(state) if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture
async def kept(place: str, clock: Clock) -> AsyncIterator[Registry]:
    """The registry there."""
    async with registry_at(place, clock=clock) as registry:
        yield registry


async def enrol(
    registry: Registry, clock: Clock, name: str, serial: str, *, label: str = "", days: int = 90
) -> None:
    """Let a device in, with a certificate of this serial number that ends in so many days."""
    digest = hashlib.sha256(serial.encode()).digest()
    await registry.add_token(name, digest, timedelta(hours=1), label=label, by=Origin("operator ann"))
    await registry.redeem(
        digest,
        lambda given: SignedCertificate(
            name=given, serial=serial, issued=clock(), expires=clock() + timedelta(days=days), pem=b""
        ),
        by=Origin("token", "10.0.0.7"),
    )


def csr(key: ec.EllipticCurvePrivateKey | None = None, name: str = "whatever") -> bytes:
    """A signing request, as a device makes it."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def csr_pem() -> bytes:
    return csr()

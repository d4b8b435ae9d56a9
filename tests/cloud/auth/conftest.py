"""A deployment's authority and registry, with clocks that the tests turn. A registry test runs on each database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_cloud.auth.authority import Authority
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


def csr(key: ec.EllipticCurvePrivateKey | None = None, name: str = "whatever") -> bytes:
    """A signing request, as a device makes it."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def csr_pem() -> bytes:
    return csr()

"""A place that the registry gave, and did not tell of, is given back."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.known_devices import KnownDevices
from umi_cloud.auth.live_calls import LiveCalls
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.store import RegistryUnavailableError
from umi_cloud.device_gate import EnrolledGate
from umi_shared.errors import RefusedError


class Call:
    """A call of a device, as the gate sees it."""

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    def auth_context(self) -> dict[str, tuple[bytes, ...]]:
        return {"x509_pem_cert": (self._pem,)}

    def invocation_metadata(self) -> None:
        return None


async def enrolled(registry: Registry, authority: Authority) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = csr.public_bytes(serialization.Encoding.PEM)
    digest = hashlib.sha256(b"secret").digest()
    await registry.add_token("alice", digest, timedelta(hours=1))
    return (await registry.redeem(digest, lambda name: authority.sign_device(pem, name))).pem


async def test_a_place_whose_giving_was_lost_on_the_way_is_given_back(tmp_path, monkeypatch):
    """Trial: a front that nobody had called yet lost the registry's answer; the laptop had a place less for good."""
    authority = Authority.init(tmp_path)
    async with registry_at(tmp_path) as registry:
        call, known = Call(await enrolled(registry, authority)), KnownDevices(600)
        gate = EnrolledGate(registry, Quota(concurrent=1), known, LiveCalls())
        begin = registry.begin_call

        async def answer_lost(*arguments, **options) -> None:
            await begin(*arguments, **options)
            raise RegistryUnavailableError("the connection broke")

        monkeypatch.setattr(registry, "begin_call", answer_lost)
        with pytest.raises(RefusedError, match="list of devices"):
            await gate.admit(call).__aenter__()
        monkeypatch.undo()
        known.registry_answered()
        for ended in known.take_ended():
            await registry.end_call(ended)
        async with gate.admit(call) as admitted:
            assert admitted.device == "alice"
        await gate.close()

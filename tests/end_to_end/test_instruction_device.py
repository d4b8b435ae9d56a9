"""`instruction: device`: what the user asks for never leaves for a shared planner; one on the device serves it."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_edge.connection.connection import Connection, ConnectionDraft
from umi_edge.ledger import read_ledger
from umi_edge.runtime.config import CallerSettings, EdgeConfig
from umi_edge.runtime.conversation import ON_DEVICE, Output, open_conversation
from umi_edge.runtime.laptop import open_laptop
from umi_shared.errors import PrivacyError, UmiError
from umi_shared.screen.console import Screen

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

INSTRUCTION = "Tell nobody that the merger is off."


class SharedPlanner:
    """Listens where the shared planner would be, and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self.heard = bytearray()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        with contextlib.suppress(OSError):
            self.heard += await reader.read(65536)
        writer.transport.abort()


@asynccontextmanager
async def shared_planner() -> AsyncIterator[SharedPlanner]:
    planner = SharedPlanner()
    server = await asyncio.start_server(planner.serve, "127.0.0.1", 0)
    planner.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield planner
    finally:
        server.close()
        await server.wait_closed()


def enrolled(folder: Path, address: str) -> Connection:
    """A device that is enrolled with the planner at an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(minutes=5))
    certificate = builder.not_valid_after(now + timedelta(days=90)).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    draft = ConnectionDraft(folder)
    draft.write_key(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return draft.commit(pem, pem, device="a", service_address=address, server_name="planner.example")


def config(folder: Path, instruction: str) -> EdgeConfig:
    policy = folder / "policy.yaml"
    policy.write_text(
        f"version: 1\nname: test\ndefaults: {{instruction: {instruction}}}\nlimits: {{steps: 1}}\n"
    )
    return EdgeConfig(
        connection=folder / "connection",
        policy=policy,
        ledger=folder / "ledger.jsonl",
        caller=CallerSettings(context_tokens=1024, threads=1),
    )


def quiet() -> Output:
    return Output(console=Screen(file=io.StringIO()), quiet=True)


async def test_the_planner_on_the_device_serves_it_and_the_shared_one_hears_nothing(tmp_path, capsys):
    async with shared_planner() as shared:
        enrolled(tmp_path / "connection", shared.address)
        async with open_conversation(config(tmp_path, "device"), quiet()) as conversation:
            assert conversation.where == ON_DEVICE
            with contextlib.suppress(UmiError):  # what a model this small makes of it is not the point
                await conversation.ask(INSTRUCTION)
        assert [entry for entry in read_ledger(tmp_path / "ledger.jsonl") if entry["kind"] == "sent"]
    assert shared.visits == 0
    capsys.readouterr()


async def test_under_scan_the_shared_planner_is_the_one_that_is_asked(tmp_path):
    async with shared_planner() as shared:
        enrolled(tmp_path / "connection", shared.address)
        with pytest.raises(UmiError):
            async with open_conversation(config(tmp_path, "scan"), quiet()):
                pass
    assert shared.visits > 0, "or the test above would show nothing"


async def test_no_session_with_a_shared_planner_begins_whoever_asks_for_it(tmp_path):
    async with shared_planner() as shared:
        connection = enrolled(tmp_path / "connection", shared.address)
        async with open_laptop(config(tmp_path, "device"), tools=()) as laptop:
            with pytest.raises(PrivacyError, match="keeps the instruction on this device"):
                async with laptop.session(connection):
                    pass
    assert shared.visits == 0

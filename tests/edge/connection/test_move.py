"""A laptop moves to another address of the same operator's; others are named, and nothing changes. Real servers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_cloud.config import CloudConfig, ScriptedSettings
from umi_cloud.deployment import Deployment
from umi_edge.cli import umi
from umi_edge.connection import move as move_module
from umi_edge.connection.connection import Connection, drafted
from umi_edge.connection.enroll import enroll
from umi_edge.connection.move import move
from umi_shared.errors import ConfigError, PeerError, RefusedError, TransportError


@contextlib.asynccontextmanager
async def front(state: Path, certificates: Path | None = None) -> AsyncIterator[Deployment]:
    config = replace(
        CloudConfig.local(state, engine=ScriptedSettings(replies=("Done. Next: summarizer.",))),
        certificates=certificates,
    )
    deployment = await Deployment.start(config)
    try:
        await deployment.load()
        yield deployment
    finally:
        await deployment.stop(0)


def named(deployment: Deployment, host: str = "localhost") -> tuple[str, str]:
    return tuple(
        address.replace("127.0.0.1", host) for address in (deployment.address, deployment.enrol_address)
    )


@pytest.fixture
async def first(tmp_path: Path) -> AsyncIterator[Deployment]:
    Authority.init(tmp_path / "cloud")
    async with front(tmp_path / "cloud") as deployment:
        yield deployment


@pytest.fixture
async def enrolled(first, tmp_path) -> Connection:
    service, enrolment = named(first)
    async with registry_at(tmp_path / "cloud") as registry:
        minted = await mint(
            Authority.load(tmp_path / "cloud"),
            registry,
            "alice",
            service_address=service,
            enrolment_address=enrolment,
        )
    return (await enroll(minted.token.text(), tmp_path / "laptop")).connection


async def test_another_front_of_the_same_registry_takes_the_laptop_as_it_is(enrolled, tmp_path):
    async with front(tmp_path / "cloud") as second:
        service, enrolment = named(second)
        moved = await move(enrolled, service, enrolment_address=enrolment)
        assert (moved.service_address, moved.enrolment_address) == (service, enrolment)
        assert moved == Connection.load(enrolled.directory)
        assert moved.certificate.read_bytes()
        by_address = await move(moved, second.address, enrolment_address=enrolment)
        assert by_address.server_name == "127.0.0.1"
    assert sum(1 for _ in enrolled.directory.iterdir()) == 5  # one is the lock


async def refused(error: type[Exception], connection: Connection, address: str, **options) -> tuple[str, str]:
    with pytest.raises(error) as caught:
        await move(connection, address, **options)
    assert Connection.load(connection.directory) == connection
    return caught.value.message, caught.value.fix


async def test_an_address_where_nothing_answers_or_nothing_that_is_a_planner_is_named(enrolled):
    assert "nothing answers at localhost:1" in (await refused(TransportError, enrolled, "localhost:1"))[0]

    async def hang_up(_reader, writer) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert "does not speak umi's TLS" in (await refused(PeerError, enrolled, f"localhost:{port}"))[0]
    server.close()
    await server.wait_closed()
    assert "is not an address" in (await refused(ConfigError, enrolled, "https://planner.example"))[0]


async def test_a_name_that_the_certificate_lacks_is_told_with_those_that_it_has(enrolled, first):
    port = first.address.rpartition(":")[2]
    said, fix = await refused(PeerError, enrolled, f"127.1:{port}")
    assert "its certificate names localhost, 127.0.0.1, ::1" in said
    assert "umi-cloud ca init --renew-server --host 127.1" in fix


async def test_another_operators_planner_is_told_from_a_new_authority(enrolled, tmp_path):
    Authority.init(tmp_path / "other")
    async with front(tmp_path / "other") as other:
        service, _ = named(other)
        said, fix = await refused(PeerError, enrolled, service)
        assert "certified by another authority" in said
        assert "--ca FILE" in fix
        assert "umi enroll TOKEN" in fix
        theirs = tmp_path / "other" / "ca" / "ca.pem"
        said, fix = await refused(RefusedError, enrolled, service, authorities=theirs)
        assert "does not accept this laptop's certificate" in said
        assert "umi enroll TOKEN" in fix


async def test_the_same_authority_with_another_registry_does_not_know_the_laptop(enrolled, tmp_path):
    async with front(tmp_path / "empty", tmp_path / "cloud") as other:
        said, fix = await refused(RefusedError, enrolled, named(other)[0])
    assert "CERTIFICATE_UNKNOWN" in said
    assert "umi enroll TOKEN" in fix


async def test_a_revoked_laptop_moves_nowhere(enrolled, first, tmp_path):
    async with registry_at(tmp_path / "cloud") as registry:
        await registry.revoke("alice")
    assert "CERTIFICATE_REVOKED" in (await refused(RefusedError, enrolled, named(first)[0]))[0]


async def test_new_authorities_are_trusted_where_the_user_gives_them(enrolled, first, tmp_path):
    """The operator has rotated, and retired the old authority before this laptop renewed; the server knows it yet."""
    authority = Authority.load(tmp_path / "cloud")
    rotated = authority.rotate(tmp_path / "cloud")
    theirs = tmp_path / "new.pem"
    theirs.write_bytes(rotated.ca_pem)
    moved = await move(enrolled, named(first)[0], authorities=theirs)
    assert moved.ca.read_bytes() == rotated.ca_pem
    assert (
        "not certified by the authorities in the file"
        in (await refused(PeerError, moved, named(first)[0], authorities=await foreign(tmp_path)))[0]
    )


async def foreign(folder: Path) -> Path:
    Authority.init(folder / "foreign")
    return folder / "foreign" / "ca" / "ca.pem"


async def test_the_command_says_where_the_laptop_is_now(enrolled, first):
    arguments = ["connection", "move", named(first)[0], "--directory", str(enrolled.directory), "--json"]
    result = await asyncio.to_thread(lambda: CliRunner().invoke(umi, arguments))
    assert json.loads(result.stdout)["service_address"] == named(first)[0]


async def test_a_certificate_that_another_program_got_meanwhile_is_not_lost(enrolled, first, monkeypatch):
    """Trial: the older one came back in its place, and was renewed late no more, for the newer one had been used."""
    original = enrolled.certificate.read_bytes()
    asked = move_module.admission

    async def meanwhile(*arguments) -> tuple[grpc.StatusCode, str]:
        async with drafted(enrolled.directory) as draft:
            draft.write_key(enrolled.key.read_bytes())
            draft.commit(
                original,
                enrolled.ca.read_bytes(),
                device=enrolled.device,
                service_address=enrolled.service_address,
                enrolment_address=enrolled.enrolment_address,
                server_name=enrolled.server_name,
            )
        return await asked(*arguments)

    monkeypatch.setattr(move_module, "admission", meanwhile)
    with pytest.raises(ConfigError) as caught:
        await move(enrolled, first.address, enrolment_address=first.enrol_address)
    assert "another program has renewed" in caught.value.message
    kept = Connection.load(enrolled.directory)
    assert kept.certificate != enrolled.certificate
    assert kept.service_address == enrolled.service_address
    monkeypatch.undo()
    assert (await move(enrolled, first.address)).service_address == first.address

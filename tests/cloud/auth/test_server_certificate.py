"""The server's own certificate: what is wrong with it is found, and the next comes in time."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.server_certificate import CertificateWatch, check_certificates, renew_when_due
from umi_cloud.auth.store import RegistryUnavailableError
from umi_cloud.config import CloudConfig, ScriptedSettings
from umi_cloud.deployment import Deployment
from umi_shared.errors import ConfigError


def wrong(state, clock) -> str:
    with pytest.raises(ConfigError) as caught:
        check_certificates(state, clock())
    assert caught.value.fix
    return caught.value.message


def test_good_certificates_have_dates_and_no_warnings(authority, state, clock):
    dates = check_certificates(state, clock())
    assert dates.server == authority.server_certificate.not_valid_after_utc
    assert dates.warnings(clock()) == ()


def test_an_expired_server_certificate_is_named(authority, state, clock):
    """Trial: it passed `--check`, "ready" and the logs."""
    clock.advance(days=365)
    assert "server.pem expired at" in wrong(state, clock)


def test_a_certificate_of_another_authority_is_named(authority, state, clock, tmp_path):
    other = Authority.init(tmp_path / "other", clock=clock)
    AuthorityFiles(state).server.write_bytes(AuthorityFiles(tmp_path / "other").server.read_bytes())
    assert other.ca_certificate != authority.ca_certificate
    assert "no device would trust it" in wrong(state, clock)


def test_a_key_of_another_certificate_is_named(authority, state, clock):
    files = AuthorityFiles(state)
    before = files.server.read_bytes()
    authority.issue_server(state)
    after = files.server.read_bytes()
    cut = b"-----BEGIN CERTIFICATE-----"
    files.server.write_bytes(before.partition(cut)[0] + cut + after.partition(cut)[2])
    assert "not that of its certificate" in wrong(state, clock)


def test_a_clock_that_is_far_behind_is_named(authority, state, clock):
    clock.advance(days=-30)
    assert "is valid from" in wrong(state, clock)


def test_the_next_certificate_comes_thirty_days_ahead_and_once(authority, state, clock):
    clock.advance(days=334)
    assert not renew_when_due(state, clock)
    clock.advance(days=2)
    assert len(check_certificates(state, clock()).warnings(clock())) == 1
    assert renew_when_due(state, clock)
    assert not renew_when_due(state, clock)
    renewed = Authority.load(state)
    assert renewed.server_names == authority.server_names
    assert check_certificates(state, clock()).warnings(clock()) == ()


def test_an_old_authority_that_is_about_to_end_is_to_be_retired(authority, state, clock):
    """The advice was to renew the server's certificate, which cannot outlast it; then everything stood still."""
    clock.advance(days=3640)
    Authority.load(state, clock=clock).issue_server(state)
    Authority.load(state, clock=clock).rotate(state, at_once=True)
    (warning,) = check_certificates(state, clock()).warnings(clock())
    assert "the old certificate authority" in warning
    assert "`umi-cloud ca retire`" in warning
    clock.advance(days=11)
    assert "the certificate authority" in wrong(state, clock)
    Authority.load(state, clock=clock).retire(state)
    assert check_certificates(state, clock()).warnings(clock()) == ()


def test_an_expired_certificate_is_renewed_too(authority, state, clock):
    clock.advance(days=400)
    assert renew_when_due(state, clock)
    check_certificates(state, clock())


async def look(state, clock) -> list[bool]:
    told = []

    async def tell(well: bool) -> None:
        told.append(well)

    await CertificateWatch(state, tell, renewed=never, clock=clock).look()
    return told


async def never() -> None:
    raise AssertionError("nothing was renewed")


async def test_a_folder_that_others_write_is_warned_about_and_then_not_ready(
    authority, state, clock, monkeypatch, caplog
):
    def fail(*_):
        raise ConfigError("the folder is read-only")

    monkeypatch.setattr(Authority, "issue_server", fail)
    clock.advance(days=340)
    with caplog.at_level(logging.WARNING):
        assert await look(state, clock) == [True]
    assert "cannot be renewed here" in caplog.text
    assert "ends at" in caplog.text
    clock.advance(days=30)
    assert await look(state, clock) == [False]
    assert "expired at" in caplog.text


async def test_a_front_of_several_renews_nothing_by_itself(authority, state, clock, caplog):
    """Trial: two fronts with copies of the files made one each, and tokens pinned the other's."""
    before = AuthorityFiles(state).server.read_bytes()
    clock.advance(days=340)

    async def tell(well: bool) -> None:
        assert well

    with caplog.at_level(logging.WARNING):
        await CertificateWatch(state, tell, renews=False, renewed=never, clock=clock).look()
    assert AuthorityFiles(state).server.read_bytes() == before
    assert "`umi-cloud ca init --renew-server` makes the next" in caplog.text


async def test_an_authority_that_ends_is_warned_about(authority, state, clock, caplog):
    clock.advance(days=3630)
    renew_when_due(state, lambda: clock() - timedelta(days=40))
    with caplog.at_level(logging.WARNING):
        await look(state, clock)
    assert "the certificate authority ends at" in caplog.text


async def test_a_renewal_in_time_is_told_once(authority, state, clock):
    told = []

    async def tell(_well: bool) -> None:
        pass

    async def renewed() -> None:
        told.append(True)

    watch = CertificateWatch(state, tell, renewed=renewed, clock=clock)
    await watch.look()
    assert told == []
    clock.advance(days=340)
    await watch.look()
    await watch.look()
    assert told == [True]


async def test_what_a_server_renews_by_itself_is_in_the_audit(tmp_path, caplog):
    state = tmp_path / "state"
    Authority.init(state, clock=lambda: datetime.now(UTC) - timedelta(days=350))
    deployment = await Deployment.start(
        CloudConfig.local(state, engine=ScriptedSettings(replies=("Done. Next: summarizer.",)))
    )
    try:
        fleet = deployment._fleet
        (entry,) = [one async for one in fleet.registry.audit(datetime.now(UTC) - timedelta(hours=1))]
        assert (entry.event, entry.who) == ("authority", "server")
        assert "renewed" in entry.detail

        async def gone(*_, **__) -> None:
            raise RegistryUnavailableError("no registry")

        fleet.registry.note_authority = gone
        await fleet.note_renewed_server()
        assert "is not in the audit: no registry" in caplog.text
    finally:
        await deployment.stop(0)


async def test_a_server_that_cannot_join_its_registry_renews_nothing_and_the_next_start_tells_of_it(tmp_path):
    """Trial: it renewed, then found no registry; the next start renewed nothing, and no audit had heard of it."""
    state = tmp_path / "state"
    Authority.init(state, clock=lambda: datetime.now(UTC) - timedelta(days=350))
    config = CloudConfig.local(state, engine=ScriptedSettings(replies=("Done. Next: summarizer.",)))
    before = AuthorityFiles(state).server.read_bytes()
    registry = state / "devices.sqlite"
    registry.write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError):
        await Deployment.start(config)
    assert AuthorityFiles(state).server.read_bytes() == before
    registry.unlink()
    deployment = await Deployment.start(config)
    try:
        (entry,) = [
            one async for one in deployment._fleet.registry.audit(datetime.now(UTC) - timedelta(hours=1))
        ]
        assert entry.event == "authority"
        assert AuthorityFiles(state).server.read_bytes() != before
    finally:
        await deployment.stop(0)

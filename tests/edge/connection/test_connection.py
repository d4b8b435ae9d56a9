"""The connection's files: what is wrong with them is named, with the fix."""

import json
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_edge.connection.connection import (
    SENT_ONCE,
    SOON_AGAIN,
    UNPROBED,
    CertificateError,
    Connection,
    ConnectionDraft,
    channel_credentials,
    channel_options,
    check_certificate,
)
from umi_edge.egress.cloud_client import CloudConfig
from umi_shared.errors import ConfigError

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def certificate_for(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(minutes=5))
    certificate = builder.not_valid_after(NOW + timedelta(days=90)).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def make(directory: Path, address: str = "planner.example:7443") -> Connection:
    """A connection whose certificate is its own CA: nothing here looks at the chain."""
    key = ec.generate_private_key(ec.SECP256R1())
    draft = ConnectionDraft(directory)
    draft.write_key(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    pem = certificate_for(key)
    return draft.commit(pem, pem, device="a", service_address=address, server_name="planner.example")


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    return make(tmp_path / "connection")


def reason(connection: Connection, now: datetime = NOW) -> tuple[str, str]:
    with pytest.raises(CertificateError) as caught:
        check_certificate(connection, now)
    return caught.value.reason, str(caught.value)


def test_a_good_connection_is_good(connection):
    check_certificate(connection, NOW)
    assert Connection.load(connection.directory) == connection


def test_a_laptop_that_was_never_enrolled_is_told_how(tmp_path):
    with pytest.raises(ConfigError, match=r"connection\.json is not there") as caught:
        Connection.load(tmp_path)
    assert "umi enroll TOKEN" in caught.value.fix


def test_an_expired_certificate_and_the_clock_are_named(connection):
    check_certificate(connection, NOW + timedelta(days=90, minutes=59))  # a clock may be an hour ahead
    word, text = reason(connection, NOW + timedelta(days=90, hours=1))
    assert word == "EXPIRED"
    assert "expired at 2026-09-13 12:00 UTC" in text
    assert "clock says 2026-09-13 13:00 UTC" in text
    assert "umi enroll TOKEN" in text


def test_a_clock_that_is_behind_is_told_apart_from_a_bad_certificate(connection):
    word, text = reason(connection, NOW - timedelta(days=400))
    assert word == "CLOCK_BEHIND"
    assert "valid from 2026-06-15 11:55 UTC" in text
    assert "clock says 2025-05-11 12:00 UTC" in text
    assert "set this device's clock" in text


def test_five_minutes_behind_is_not_behind(connection):
    check_certificate(connection, NOW - timedelta(minutes=5))


@pytest.mark.parametrize("field", ["key", "certificate", "ca"])
def test_a_missing_file_is_named(connection, field):
    path: Path = getattr(connection, field)
    path.unlink()
    word, text = reason(connection)
    assert word == "MISSING"
    assert str(path) in text
    with pytest.raises(CertificateError, match=path.name):
        channel_credentials(connection)


@pytest.mark.parametrize("field", ["key", "certificate", "ca"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"x" * 100_000], ids=["empty", "garbage", "huge"])
def test_a_damaged_file_is_named(connection, field, content):
    path: Path = getattr(connection, field)
    path.write_bytes(content)
    word, text = reason(connection)
    assert word == "DAMAGED"
    assert str(path) in text


def test_the_key_of_another_certificate_is_noticed(connection, tmp_path):
    connection.key.write_bytes(make(tmp_path / "other").key.read_bytes())
    assert "is not the key of" in reason(connection)[1]


def change(connection: Connection, **fields: object) -> None:
    path = connection.directory / "connection.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "../../etc/key"},
        {"ca": "/etc/passwd"},
        {"certificate": ".."},
        {"key": 7},
        {"expires": "tomorrow"},
        {"device": "a\nb"},
        {"service_address": "nowhere"},
    ],
)
def test_a_connection_file_that_was_tampered_with_is_refused(connection, fields):
    change(connection, **fields)
    with pytest.raises(ConfigError):
        Connection.load(connection.directory)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "{", '{"version": 1}', "[" * 10_000])
def test_a_connection_file_that_is_damaged_is_named(connection, content):
    (connection.directory / "connection.json").write_text(content)
    with pytest.raises(ConfigError, match=r"connection\.json is damaged"):
        Connection.load(connection.directory)


def test_a_connection_of_a_later_umi_is_left_alone(connection):
    change(connection, version=2)
    with pytest.raises(ConfigError, match="another version"):
        Connection.load(connection.directory)


def test_until_the_last_write_the_old_connection_counts(connection):
    """As after a crash between any two writes of a second enrolment."""
    draft = ConnectionDraft(connection.directory)
    draft.write_key(b"another key")
    assert Connection.load(connection.directory) == connection
    check_certificate(connection, NOW)


def test_a_new_connection_takes_leftovers_of_a_crash_away(connection):
    ConnectionDraft(connection.directory).write_key(b"left over")
    again = make(connection.directory)
    names = {path.name for path in connection.directory.iterdir()}
    assert names == {"connection.json", again.key.name, again.certificate.name, again.ca.name}


def test_discarding_after_the_commit_does_nothing(tmp_path):
    draft = ConnectionDraft(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    draft.write_key(b"key")
    pem = certificate_for(key)
    draft.commit(pem, pem, device="a", service_address="h:1", server_name="h")
    draft.discard()
    assert Connection.load(tmp_path).key.exists()


def test_the_servers_name_is_overridden_only_where_the_address_has_another(connection, tmp_path):
    ours = [SENT_ONCE, UNPROBED, *SOON_AGAIN, ("grpc.primary_user_agent", f"umi/{version('umi-runtime')}")]
    assert channel_options(connection) == ours
    tunnelled = make(tmp_path / "tunnelled", "10.0.0.7:7443")
    assert channel_options(tunnelled) == [*ours, ("grpc.ssl_target_name_override", "planner.example")]


def test_a_connection_that_died_unseen_is_noticed_before_a_session_gives_up(connection):
    """A laptop comes to another network in mid-session: the try fails while there is time for another."""
    options = dict(channel_options(connection))
    noticed = options["grpc.keepalive_time_ms"] + options["grpc.keepalive_timeout_ms"]
    assert noticed < 1000 * CloudConfig().idle_seconds

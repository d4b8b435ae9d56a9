"""The registry: which tokens and certificates count, whatever races or dies."""

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.registry import Registry, Standing
from umi_shared.errors import ConfigError, RefusedError

HOUR = timedelta(hours=1)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def certificate(clock, name: str, serial: str) -> SignedCertificate:
    return SignedCertificate(
        name=name, serial=serial, issued=clock(), expires=clock() + timedelta(days=90), pem=b""
    )


def enrol(registry, clock, name: str, serial: str) -> None:
    registry.add_token(name, digest(serial), HOUR)
    registry.redeem(digest(serial), lambda given: certificate(clock, given, serial))


def refused(registry, clock, secret: str) -> str:
    with pytest.raises(RefusedError) as caught:
        registry.redeem(digest(secret), lambda name: certificate(clock, name, "never"))
    return caught.value.reason


def test_a_token_works_once(registry, clock):
    enrol(registry, clock, "a", "01")
    assert registry.is_active("a", "01")
    assert refused(registry, clock, "01") == "TOKEN_USED"


def test_a_token_nobody_made_is_unknown(registry, clock):
    assert refused(registry, clock, "guess") == "TOKEN_UNKNOWN"


def test_a_token_expires_on_the_second(registry, clock):
    registry.add_token("a", digest("s"), HOUR)
    clock.advance(hours=1)
    assert refused(registry, clock, "s") == "TOKEN_EXPIRED"
    assert not registry.is_active("a", "never")


def test_a_token_is_not_spent_when_signing_fails(registry, clock):
    registry.add_token("a", digest("s"), HOUR)

    def fail(name):
        raise ConfigError("no CA")

    with pytest.raises(ConfigError, match="no CA"):
        registry.redeem(digest("s"), fail)
    registry.redeem(digest("s"), lambda name: certificate(clock, name, "01"))
    assert registry.is_active("a", "01")


def test_of_many_redeemers_at_once_one_gets_a_certificate(registry, state, clock):
    registry.add_token("a", digest("s"), HOUR)

    def attempt(number):
        # Its own connection each, as processes would have.
        with Registry(state, clock=clock) as mine:
            try:
                mine.redeem(digest("s"), lambda name: certificate(clock, name, str(number)))
            except RefusedError as error:
                return error.reason
        return "enrolled"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))
    assert outcomes == ["TOKEN_USED"] * 7 + ["enrolled"]


def test_a_revocation_counts_from_the_next_look_in_another_process(registry, state, clock):
    enrol(registry, clock, "a", "01")
    assert registry.is_active("a", "01")
    code = (
        "import sys, pathlib; from umi_cloud.auth.registry import Registry;"
        "registry = Registry(pathlib.Path(sys.argv[1])); assert registry.revoke('a'); registry.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(state)], check=True)
    assert registry.standing("a", "01") is Standing.REVOKED


def test_a_revocation_takes_unused_tokens_along(registry, clock):
    registry.add_token("a", digest("s"), HOUR)
    assert registry.revoke("a")
    assert refused(registry, clock, "s") == "TOKEN_UNKNOWN"


def test_revoking_a_stranger_says_so(registry):
    assert not registry.revoke("stranger")


def test_enrolling_again_ends_older_certificates_and_a_revocation(registry, clock):
    enrol(registry, clock, "a", "01")
    enrol(registry, clock, "a", "02")
    assert registry.standing("a", "01") is Standing.REVOKED
    registry.revoke("a")
    enrol(registry, clock, "a", "03")
    assert [registry.standing("a", serial) for serial in ("01", "02", "03")] == [
        Standing.REVOKED,
        Standing.REVOKED,
        Standing.ACTIVE,
    ]


def test_a_renewal_leaves_the_old_certificate_good_until_it_ends(registry, clock):
    enrol(registry, clock, "a", "01")
    clock.advance(days=80)
    registry.add_certificate(certificate(clock, "a", "02"))
    assert registry.is_active("a", "01")
    clock.advance(days=10)
    assert registry.standing("a", "01") is Standing.EXPIRED
    assert registry.is_active("a", "02")


def test_a_revoked_device_cannot_renew(registry, clock):
    enrol(registry, clock, "a", "01")
    registry.revoke("a")
    with pytest.raises(RefusedError) as caught:
        registry.add_certificate(certificate(clock, "a", "02"))
    assert caught.value.reason == "CERTIFICATE_REVOKED"


def test_a_serial_counts_for_its_own_device_only(registry, clock):
    enrol(registry, clock, "a", "01")
    enrol(registry, clock, "b", "02")
    assert registry.standing("b", "01") is Standing.UNKNOWN


def test_devices_lists_use_and_invitations(registry, clock):
    enrol(registry, clock, "b", "01")
    registry.add_token("a", digest("s"), HOUR)
    registry.count_request("b")
    registry.spend_tokens("b", clock().date(), 120)
    registry.spend_tokens("b", clock().date(), 3)
    invited, active = registry.devices()
    assert (invited.name, invited.standing, invited.expires) == ("a", Standing.INVITED, clock() + HOUR)
    assert (active.name, active.standing, active.serial) == ("b", Standing.ACTIVE, "01")
    assert (active.requests, active.tokens) == (1, 123)
    clock.advance(days=90)
    (expired,) = registry.devices()
    assert expired.standing is Standing.EXPIRED


def test_only_the_hash_of_a_token_is_in_the_file(registry, state):
    registry.add_token("a", digest("the secret of the token"), HOUR)
    content = b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())
    assert digest("the secret of the token") in content
    assert b"the secret" not in content


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead of modes")
def test_the_files_are_their_owners_alone(registry, state):
    registry.add_token("a", digest("s"), HOUR)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir() if path.is_file()}
    assert modes.keys() >= {"devices.sqlite", "devices.sqlite-wal"}
    assert set(modes.values()) == {0o600}


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.registry import Registry

registry = Registry(Path(sys.argv[1]))
now = datetime.now(UTC)
for number in range(1_000_000):
    digest = number.to_bytes(32, "big")
    registry.add_token("a", digest, timedelta(hours=1))
    registry.redeem(digest, lambda name: SignedCertificate(
        name=name, serial=str(number), issued=now, expires=now + timedelta(days=1), pem=b""))
    registry.count_request("a")
    registry.spend_tokens("a", now.date(), 1)
    print(number, flush=True)
"""


def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_acknowledged(state):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(state)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        numbers = [process.stdout.readline() for _ in range(40)]
        process.kill()
        numbers += process.stdout.readlines()
    acknowledged = len(numbers)
    with closing(sqlite3.connect(state / "devices.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        used = database.execute("SELECT count(*) FROM tokens WHERE used_at IS NOT NULL").fetchone()[0]
        issued = database.execute("SELECT count(*) FROM certificates").fetchone()[0]
        total, day = database.execute(
            "SELECT d.tokens, s.tokens FROM devices d JOIN spending s ON s.name = d.name"
        ).fetchone()
    assert used == issued >= acknowledged >= 40  # token spent and certificate recorded: both or neither
    assert total == day >= acknowledged
    with Registry(state) as registry:
        assert registry.is_active("a", str(issued - 1))
        assert registry.tokens_spent("a", datetime.now(UTC).date()) == day


def test_a_file_that_is_no_registry_is_named(state):
    state.mkdir()
    (state / "devices.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigError, match=r"devices\.sqlite cannot be used") as caught:
        Registry(state)
    assert "backup" in caught.value.fix


def test_a_registry_of_another_version_is_left_alone(registry, state):
    with closing(sqlite3.connect(state / "devices.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="another version"):
        Registry(state)


def test_a_mistyped_state_directory_is_not_made(tmp_path):
    with pytest.raises(ConfigError, match="no registry"):
        Registry.existing(tmp_path / "typo")
    assert list(tmp_path.iterdir()) == []

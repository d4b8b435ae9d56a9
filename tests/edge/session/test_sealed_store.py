"""Sealed files: only the key opens them, and any change is found."""

import json
import stat
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umi_edge.session.sealed_store import KeyringKey, Passphrase, SealedError, SealedStore
from umi_shared.errors import ConfigError

CONTENT = b"Alice Moreau, alice.moreau@example.org"
CHEAP = Passphrase("correct horse", log2_cost=10)


@pytest.fixture
def store(tmp_path):
    return SealedStore(tmp_path / "sessions", CHEAP)


@pytest.mark.parametrize(
    "key", [CHEAP, Passphrase("ünïcode"), KeyringKey(bytes(32))], ids=["cheap", "default", "ring"]
)
def test_what_was_saved_is_loaded_and_cannot_be_read_without_the_key(tmp_path, key):
    store = SealedStore(tmp_path, key)
    for content in (CONTENT, b"", bytes(100_000)):
        store.save("work", content)
        assert store.load("work") == content
    store.save("work", CONTENT)
    assert b"Alice" not in store.path("work").read_bytes()
    assert store.names() == ["work"]


def test_the_same_content_is_never_the_same_file(store):
    store.save("a", CONTENT)
    first = store.path("a").read_bytes()
    store.save("a", CONTENT)
    second = store.path("a").read_bytes()
    header, other = (json.loads(file.partition(b"\n")[0]) for file in (first, second))
    assert header["salt"] != other["salt"]
    assert first[-len(CONTENT) :] != second[-len(CONTENT) :]


@pytest.mark.parametrize(
    "key", [Passphrase("correct hors", log2_cost=10), Passphrase("", log2_cost=10), KeyringKey(bytes(32))]
)
def test_another_key_does_not_open_it(store, key):
    store.save("work", CONTENT)
    with pytest.raises(SealedError) as refused:
        SealedStore(store.folder, key).load("work")
    assert "work.sealed" in str(refused.value)
    assert "horse" not in str(refused.value) + repr(key)
    assert refused.value.__cause__ is None


def test_a_file_that_was_cut_short_says_so(store):
    store.save("work", CONTENT)
    whole = store.path("work").read_bytes()
    header = whole.index(b"\n") + 1
    for size in range(len(whole)):
        store.path("work").write_bytes(whole[:size])
        with pytest.raises(SealedError, match="cut short" if size >= header else "not a sealed session"):
            store.load("work")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_bit_is_found(store, data):
    store.save("work", CONTENT)
    file = bytearray(store.path("work").read_bytes())
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= 1 << data.draw(st.integers(0, 7))
    store.path("work").write_bytes(file)
    with pytest.raises(SealedError):
        store.load("work")


def test_bytes_added_at_the_end_are_found(store):
    store.save("work", CONTENT)
    with store.path("work").open("ab") as file:
        file.write(b"x")
    with pytest.raises(SealedError):
        store.load("work")


def test_a_file_under_another_name_does_not_open(store):
    store.save("work", CONTENT)
    store.path("work").rename(store.path("home"))
    with pytest.raises(SealedError, match="another name"):
        store.load("home")


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b"[]",
        b"null",
        b"[" * 900,
        b'{"format":"umi-sealed-1","name":"work","bytes":"x","key":"scrypt"}',
        b'{"format":"umi-sealed-1","name":"work","bytes":9,"key":"scrypt","salt":"AA==","log2_cost":15}',
        b'{"format":"umi-sealed-1","name":"work","bytes":9,"key":"scrypt","salt":"%s","log2_cost":40}'
        % (b"A" * 22 + b"=="),
        b'{"format":"umi-sealed-1","name":"work","bytes":-9,"key":"scrypt","salt":"%s","log2_cost":10}'
        % (b"A" * 22 + b"=="),
        b"\xff\xfe",
    ],
)
def test_a_header_of_a_strangers_making_is_an_error_and_costs_little(store, header):
    store.folder.mkdir()
    store.path("work").write_bytes(header + b"\n123456789")
    with pytest.raises(SealedError):
        store.load("work")


@pytest.mark.parametrize("name", ["", "../work", "a/b", "a\\b", ".hidden", "x" * 65, "a\n", "ä"])
def test_a_name_is_no_path(store, name):
    for use in (store.load, lambda name: store.save(name, b"")):
        with pytest.raises(ConfigError, match="not a name"):
            use(name)


def test_what_is_not_there_is_named(store):
    with pytest.raises(SealedError, match="no such session"):
        store.load("work")
    assert store.names() == []


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_the_owner_may_read_it(store):
    store.save("work", CONTENT)
    assert stat.S_IMODE(store.path("work").stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_without_a_keyring_there_is_no_key_of_it(monkeypatch):
    keyring = pytest.importorskip("keyring")
    from keyring.backends import fail

    monkeypatch.setattr(keyring.core, "_keyring_backend", fail.Keyring())
    assert KeyringKey.of_system() is None


def test_a_keyring_keeps_one_key(monkeypatch):
    keyring = pytest.importorskip("keyring")
    kept = {}

    class Ring(keyring.backend.KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            return kept.get((service, username))

        def set_password(self, service, username, password):
            kept[service, username] = password

        def delete_password(self, service, username):
            del kept[service, username]

    monkeypatch.setattr(keyring.core, "_keyring_backend", Ring())
    key = KeyringKey.of_system()
    assert key is not None
    assert KeyringKey.of_system() == key
    assert len(key.secret) == 32
    assert len(kept) == 1

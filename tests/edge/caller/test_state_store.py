"""States on disk: whole or not given out, their owner's alone, bounded."""

import os
import stat

import pytest

from umi_edge.caller.state_store import StateStore


@pytest.fixture
def store(tmp_path) -> StateStore:
    return StateStore(tmp_path / "states", limit_bytes=1000)


def used(store: StateStore, key: str, second: int) -> None:
    os.utime(store.folder / f"{key}.kv", (second, second))


def test_what_was_put_is_given_back(store):
    assert store.get("a") is None
    assert store.put("a", b"state")
    assert store.get("a") == b"state"


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead")
def test_files_are_their_owners_alone(store):
    store.put("a", b"state")
    assert stat.S_IMODE((store.folder / "a.kv").stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-1], lambda raw: raw[:20], lambda _: b"", lambda raw: raw[:-1] + b"X"]
)
def test_a_torn_or_altered_file_is_not_given_out_and_goes(store, damage):
    store.put("a", b"state")
    path = store.folder / "a.kv"
    path.write_bytes(damage(path.read_bytes()))
    assert store.get("a") is None
    assert not path.exists()


def test_another_keys_file_is_not_given_out(store):
    store.put("a", b"state")
    (store.folder / "a.kv").rename(store.folder / "b.kv")
    assert store.get("b") is None


def test_what_was_used_longest_ago_goes_first(store):
    for second, key in enumerate("abc"):
        store.put(key, b"x" * 280)
        used(store, key, second)
    store.get("a")
    store.put("d", b"x" * 280)
    assert [key for key in "abcd" if store.get(key)] == ["a", "c", "d"]


def test_what_a_crash_left_counts_and_goes(store):
    store.put("a", b"x" * 300)
    left = store.folder / ".b.kv.1234"
    left.write_bytes(b"x" * 600)
    os.utime(left, (0, 0))
    store.put("c", b"x" * 300)
    assert not left.exists()
    assert store.get("a")
    assert store.get("c")


def test_a_state_larger_than_the_bound_is_not_kept(store):
    store.put("a", b"x" * 100)
    assert not store.put("b", b"x" * 2000)
    assert store.get("a")


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_state(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert not StateStore(tmp_path / "file" / "states", 1000).put("a", b"state")
    assert StateStore(tmp_path / "file" / "states", 1000).get("a") is None

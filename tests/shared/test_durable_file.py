"""Files that are there whole, or not at all."""

import os
import stat

import pytest

from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "file"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_durably(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"cannot write .*file: No space left") as caught:
        write_durably(path, b"new")
    assert "make room" in caught.value.fix
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead of modes")
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_the_mode_is_the_one_asked_for(tmp_path, private, mode):
    write_durably(tmp_path / "file", b"", private=private)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) & ~0o022 == mode & ~0o022


def test_a_directory_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write"):
        make_private_directory(tmp_path / "file" / "directory")

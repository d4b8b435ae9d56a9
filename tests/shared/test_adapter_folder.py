"""A folder of adapters: roles may share a file, one file a role still works, and a damaged folder is an error."""

import hashlib
import json
from pathlib import Path

import pytest

from umi_shared.adapter_folder import (
    MANIFEST,
    ROLES,
    adapters_in,
    read_adapter_folder,
    shipped_adapters,
    write_manifest,
)
from umi_shared.errors import ConfigError, ModelError


def written(folder: Path, name: str, content: bytes = b"GGUF") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder in which planner and summarizer share a file, and the caller has its own."""
    both, own = written(tmp_path, "both.gguf", b"GGUF both"), written(tmp_path, "caller.gguf", b"GGUF own")
    write_manifest(tmp_path, {"planner": both, "summarizer": both, "caller": own})
    return tmp_path


def test_without_a_manifest_each_role_has_the_file_that_is_named_after_it(tmp_path: Path) -> None:
    files = {role: written(tmp_path, f"{role}.gguf") for role in ("planner", "caller")}
    assert adapters_in(tmp_path) == files
    written(tmp_path, "planner.gguf", b"GGUF other")  # nobody said what it has to be
    assert adapters_in(tmp_path) == files
    assert adapters_in(None) == {}


def test_roles_may_share_a_file_whose_digest_stands_in_the_manifest(shared: Path) -> None:
    found = read_adapter_folder(shared)
    assert {role: file.path.name for role, file in found.items()} == {
        "planner": "both.gguf",
        "summarizer": "both.gguf",
        "caller": "caller.gguf",
    }
    assert found["planner"].sha256 == hashlib.sha256(b"GGUF both").hexdigest()
    assert adapters_in(shared) == {role: file.path for role, file in found.items()}


def test_a_file_that_was_changed_is_found_out(shared: Path) -> None:
    written(shared, "both.gguf", b"GGUF changed")
    with pytest.raises(ModelError, match=r"both\.gguf is not the adapter that adapters\.json names"):
        adapters_in(shared)
    read_adapter_folder(shared)["caller"].check()


def test_a_file_that_cannot_be_read_is_an_error_of_its_own(shared: Path) -> None:
    file = read_adapter_folder(shared)["planner"]
    file.path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        file.check()


def test_a_role_file_beside_the_manifest_that_it_does_not_name_is_an_error(shared: Path) -> None:
    """Somebody has put it there to be used, and the manifest would silently win."""
    written(shared, "planner.gguf")
    with pytest.raises(ConfigError, match=r"planner\.gguf is not in") as caught:
        adapters_in(shared)
    assert "planner.gguf" in caught.value.fix
    (shared / MANIFEST).unlink()
    assert adapters_in(shared) == {
        "planner": shared / "planner.gguf",
        "caller": shared / "caller.gguf",
    }


def test_a_folder_without_adapters_is_an_error(tmp_path: Path) -> None:
    assert read_adapter_folder(tmp_path) == {}
    with pytest.raises(ConfigError, match=r"holds neither adapters\.json nor any of planner\.gguf"):
        adapters_in(tmp_path)


def a_manifest(roles: object, digests: object) -> bytes:
    return json.dumps({"roles": roles, "sha256": digests}).encode()


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b" " * 70_000 + a_manifest({"planner": "a.gguf"}, {"a.gguf": "0"}),
        a_manifest({"planner": "a.gguf"}, {}),
        a_manifest({"planner": "a.gguf"}, {"a.gguf": ""}),
        a_manifest({"planner": "a.gguf"}, {"a.gguf": 7}),
        a_manifest({"planner": ["a.gguf"]}, {"a.gguf": "0"}),
        a_manifest({"planner": "b.gguf"}, {"b.gguf": "0"}),
        a_manifest({"planner": "../a.gguf"}, {"../a.gguf": "0"}),
        a_manifest({"planner": ".."}, {"..": "0"}),
        a_manifest({"planner": "/etc/passwd"}, {"/etc/passwd": "0"}),
        a_manifest({"gardener": "a.gguf"}, {"a.gguf": "0"}),
    ],
)
def test_a_manifest_that_makes_no_sense_is_an_error(tmp_path: Path, manifest: bytes) -> None:
    folder = tmp_path / "adapters"
    folder.mkdir()
    for place in (tmp_path, folder):
        written(place, "a.gguf")
    (folder / MANIFEST).write_bytes(manifest)
    with pytest.raises(ConfigError):
        read_adapter_folder(folder)


def test_what_ships_serves_every_role_or_none() -> None:
    assert set(shipped_adapters()) in (set(), set(ROLES))

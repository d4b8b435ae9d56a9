"""The adapters that ship: in the wheel with their card, small, in float16, and of the embedded model."""

import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import pytest

from umi_shared.adapter_folder import ROLES, shipped_adapters
from umi_shared.models import shipped_adapter

ROOT = Path(__file__).parents[2]
CARD = Path(str(resources.files("umi_shared"))) / "adapters" / "README.md"
shipped = pytest.mark.skipif(shipped_adapter("planner") is None, reason="this version ships no adapters yet")


def test_the_wheel_holds_what_ships(tmp_path: Path):
    """The package data is what lies in the folder, the card at least; no file is in it twice."""
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    entries = [
        entry
        for entry in zipfile.ZipFile(wheel).infolist()
        if entry.filename.startswith("umi_shared/adapters/")
    ]
    held = {Path(entry.filename).name for entry in entries}
    assert held == {path.name for path in CARD.parent.iterdir()}
    assert "README.md" in held
    assert len({entry.CRC for entry in entries}) == len(entries)


@shipped
def test_a_set_ships_whole():
    assert all(shipped_adapter(role) for role in ROLES)


@shipped
@pytest.mark.parametrize("role", ROLES)
def test_an_adapter_is_small_and_in_float16(role: str):
    gguf = pytest.importorskip("gguf")
    path = shipped_adapter(role)
    assert path is not None
    assert path.stat().st_size <= 12_000_000
    kinds = {tensor.tensor_type for tensor in gguf.GGUFReader(path).tensors}
    assert kinds == {gguf.GGMLQuantizationType.F16}


@shipped
@pytest.mark.model
@pytest.mark.parametrize("role", ROLES)
def test_an_adapter_fits_the_embedded_model(role: str, smollm2: Path):
    from umi_shared.llama import Weights

    path = shipped_adapter(role)
    assert path is not None
    weights = Weights.load(smollm2)
    try:
        weights.adapter(path)
    finally:
        weights.close()


@shipped
def test_the_card_says_what_ships():
    """No figure is left to be filled in, and each file stands there by its name and its digest."""
    card = CARD.read_text("utf-8")
    assert "@" not in card
    for file in shipped_adapters().values():
        file.check()
        assert f"`{file.path.name}`" in card
        assert file.sha256 in card

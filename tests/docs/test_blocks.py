"""What the README and the hand-written pages show is sound: files load, commands exist, links lead somewhere."""

import re
import shlex

import click
import pytest

from tests.docs.pages import DOCS, ROOT, Block, blocks_of, commands_of, hand_written
from umi_cloud.cli import umi_cloud
from umi_cloud.config import CloudConfig
from umi_edge.cli import umi
from umi_edge.policy import load_policy
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.machine_config import MachineConfig
from umi_edge.tools import Tool
from umi_edge.tools.mcp import McpServers
from umi_shared.settings import SettingsFile

BLOCKS = [block for page in hand_written() for block in blocks_of(page)]
PROGRAMS = {"umi": umi, "umi-cloud": umi_cloud}
COMMANDS = [
    pytest.param(command, id=f"{block}: {command}")
    for block in BLOCKS
    if block.language == "console"
    for command in commands_of(block)
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def titled(title: str) -> list[Block]:
    found = [block for block in BLOCKS if block.title == title]
    assert found, f"no page shows a {title}"
    return found


@pytest.mark.parametrize("block", titled("config.yaml"), ids=str)
def test_a_laptops_configuration_parses(block, tmp_path):
    config = EdgeConfig.parse(block.text, tmp_path / "config.yaml")
    McpServers.parse({"mcpServers": config.mcp})


@pytest.mark.parametrize("block", titled("cloud.yaml"), ids=str)
def test_an_operators_configuration_parses(block, tmp_path):
    SettingsFile(tmp_path / "cloud.yaml").parse(CloudConfig, block.text)


@pytest.mark.parametrize("block", titled("policy.yaml"), ids=str)
def test_a_policy_loads(block):
    if block.language == "yaml":
        load_policy(block.text, "policy.yaml")


@pytest.mark.parametrize("block", titled("my_tools.py"), ids=str)
def test_a_function_becomes_a_tool(block):
    namespace: dict[str, object] = {}
    exec(compile(block.text, block.title, "exec"), namespace)
    (tool,) = (one for one in namespace.values() if isinstance(one, Tool))
    assert tool.input_schema["required"] == ["customer"]
    assert tool.hints.read_only


def test_a_machines_configuration_says_what_it_shows(tmp_path):
    (block,) = (block for block in BLOCKS if block.title == "/etc/umi/umi.yaml")
    file = tmp_path / "umi.yaml"
    file.write_text(block.text)
    assert MachineConfig.read(file).says == ("policy", "require_signed_policy", "preview")


def test_every_block_of_yaml_and_python_is_tried():
    known = {
        "config.yaml",
        "/etc/umi/umi.yaml",
        "cloud.yaml",
        "policy.yaml",
        "my_tools.py",
        "wish.test.yaml",
        "laptop.test.yaml",
        "chat_program.py",  # in end_to_end/test_serve.py
        "extra-openai-models.yaml",  # in end_to_end/test_serve_clients.py
    }
    untried = [
        str(block)
        for block in BLOCKS
        if block.language in ("yaml", "python") and block.title.partition(",")[0] not in known
    ]
    assert untried == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_shown_exists_with_its_options(command):
    words = shlex.split(command.partition(" > ")[0])
    group = PROGRAMS[words[0]]
    context = click.Context(group, info_name=words[0])
    rest = words[1:]
    while isinstance(context.command, click.Group):
        below = context.command.get_command(context, rest[0])
        assert below is not None, f"{context.command_path} has no command {rest[0]}"
        context = click.Context(below, info_name=rest[0], parent=context)
        rest = rest[1:]
    context.command.make_parser(context).parse_args(list(rest))  # raises where an option is unknown
    arguments = [one for one in context.command.params if isinstance(one, click.Argument) and one.required]
    given = [word for word in rest if not word.startswith("-")]
    assert len(given) >= len(arguments)


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)[^)]*\)", README))))
def test_every_link_of_the_readme_leads_somewhere(target):
    assert (ROOT / target).exists()


def test_every_how_to_page_is_listed():
    index = (DOCS / "how-to/index.md").read_text(encoding="utf-8")
    pages = {page.name for page in (DOCS / "how-to").glob("*.md")} - {"index.md"}
    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", index))

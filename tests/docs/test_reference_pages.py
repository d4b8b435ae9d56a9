"""The pages that are made from the program: nothing of it is missing, and nothing is fetched from elsewhere."""

import json
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import click
import pytest

import umi_cloud
import umi_edge
from tests.docs.pages import DOCS, ROOT
from umi_cloud.cli import umi_cloud as umi_cloud_command
from umi_edge.cli import umi
from umi_edge.policy.schema import schema_text

pytest.importorskip(
    "mkdocs", reason="the documentation's generator is not installed: pip install -e '.[docs]'"
)

from tools import reference_pages

PAGES = reference_pages.pages()
PAGE = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"))


def commands(group: click.Group, name: str) -> list[click.Context]:
    found, waiting = [], [click.Context(group, info_name=name)]
    while waiting:
        context = waiting.pop()
        found.append(context)
        if isinstance(context.command, click.Group):
            for below in context.command.list_commands(context):
                command = context.command.get_command(context, below)
                assert command is not None
                waiting.append(click.Context(command, info_name=below, parent=context))
    return found


@pytest.mark.parametrize(("group", "name"), [(umi, "umi"), (umi_cloud_command, "umi-cloud")])
def test_every_command_and_every_option_has_its_place(group: click.Group, name: str) -> None:
    page = PAGES[f"reference/{name}.md"]
    for context in commands(group, name):
        assert f"# {context.command_path}\n" in page
        for parameter in context.command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[-1] in page, f"{context.command_path} {parameter.opts[-1]}"


def test_every_word_of_the_policy_language_has_its_place() -> None:
    page, schema = PAGES["reference/policy.md"], json.loads(schema_text())
    for name in schema["properties"]:
        assert f"`{name}`" in page
    for definition in ("detector", "tool"):
        for name in schema["$defs"][definition]["properties"]:
            assert f"| `{name}`" in page
    for rule in ("argumentRule", "resultRule"):
        for name in schema["$defs"][rule]["else"]["then"]["properties"]:
            assert f"| `{name}`" in page


@pytest.mark.parametrize(
    "file", [reference_pages.EDGE_EXAMPLE, reference_pages.CLOUD_EXAMPLE], ids=lambda one: one.name
)
def test_the_example_configurations_stand_there_whole(file: Path) -> None:
    assert file.read_text(encoding="utf-8") in PAGES["reference/configuration.md"]


@pytest.mark.parametrize("file", sorted((ROOT / "proto").rglob("*.proto")), ids=lambda one: one.name)
def test_the_wire_stands_there_whole(file: Path) -> None:
    assert file.read_text(encoding="utf-8") in PAGES["reference/wire.md"]


@pytest.mark.parametrize("module", [umi_edge, umi_cloud], ids=lambda one: one.__name__)
def test_every_name_that_a_program_may_rely_on_has_its_place(module: ModuleType) -> None:
    page = PAGES["reference/python.md"]
    for name in getattr(module, "__all__", ()):
        assert name.startswith("__") or f"### {name}\n" in page


def test_no_path_of_the_machine_that_builds_the_pages_is_in_one() -> None:
    for name, page in PAGES.items():
        assert str(Path.home()) not in page, name
        assert str(ROOT) not in page, name


def test_every_decision_is_listed() -> None:
    for file in (DOCS / "adr").glob("[0-9]*.md"):
        assert f"]({file.name})" in PAGES["adr/index.md"]


def test_no_text_of_a_help_page_becomes_html() -> None:
    for name in ("umi", "umi-cloud"):
        prose = re.sub(r"```.*?```|`[^`]*`", "", PAGES[f"reference/{name}.md"], flags=re.DOTALL)
        assert "<" not in prose


@pytest.mark.parametrize(
    "fetched",
    [
        '<script src="https://unpkg.com/x"></script>',
        "<img alt=a src=//example.org/pixel.png>",
        '<link href="https://fonts.example.org/css" rel="stylesheet">',
        '<link rel=preconnect href="https://fonts.example.org">',
        '<pre class="mermaid"><code>graph LR</code></pre>',
    ],
)
def test_a_page_that_would_fetch_something_from_elsewhere_is_refused(fetched: str) -> None:
    with pytest.raises(Exception, match="another server"):
        reference_pages.on_post_page(f"<html>{fetched}</html>", PAGE, None)


@pytest.mark.parametrize(
    "harmless",
    ['<script src="assets/x.js"></script>', '<a href="https://arxiv.org">paper</a>', "<img src=umi.svg>"],
)
def test_links_and_own_assets_are_let_through(harmless: str) -> None:
    reference_pages.on_post_page(f"<html>{harmless}</html>", PAGE, None)

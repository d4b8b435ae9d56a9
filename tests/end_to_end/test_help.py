"""What `--help` of every command teaches, and how it reads on a terminal of 80 columns."""

from collections.abc import Iterator

import click
import pytest

from umi_cloud.cli import umi_cloud
from umi_edge.cli import umi


def commands(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None, f"{name} is listed and not there"
            yield from commands(click.Context(command, info_name=name, parent=context, terminal_width=80))


ALL = [
    *commands(click.Context(umi, info_name="umi", terminal_width=80)),
    *commands(click.Context(umi_cloud, info_name="umi-cloud", terminal_width=80)),
]


@pytest.mark.parametrize("context", ALL, ids=lambda context: context.command_path)
def test_help_says_what_the_command_is_for_and_is_cut_nowhere(context: click.Context) -> None:
    said = context.get_help()
    assert context.command.help
    assert "\\b" not in said, "a block of lines that click would leave as they are is not marked as one"
    assert "..." not in said.partition("Commands:")[2], "the line of a command is cut"


@pytest.mark.parametrize("context", ALL, ids=lambda context: context.command_path)
def test_every_option_says_what_it_does(context: click.Context) -> None:
    silent = [
        parameter.opts[-1]
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]
    assert silent == []

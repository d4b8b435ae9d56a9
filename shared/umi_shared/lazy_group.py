"""The command group that imports a command's module only when that command runs.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import importlib
import io
import os
import sys
import traceback
from collections.abc import Mapping
from typing import IO, NoReturn

import click

from umi_shared.errors import UmiError
from umi_shared.screen.log import log_to_stderr
from umi_shared.screen.output import Coloured, say, say_text

__all__ = ["LazyGroup", "run", "show_error"]


class LazyGroup(click.Group):
    """A click group whose commands live in modules of one package.

    `summaries` maps a command's name to the line that `--help` shows, so that help and argument errors
    import no model library. The module's name is the command's with `-` as `_`; it exports `command`.
    """

    def __init__(self, *, package: str, summaries: Mapping[str, str], **attrs: object) -> None:
        super().__init__(**attrs)  # type: ignore[arg-type]  # click types its attributes one by one
        self.package = package
        self.summaries = dict(summaries)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the summaries."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in self.summaries:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the summaries alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))


def run(group: click.Group, program: str, argv: list[str] | None = None) -> NoReturn:
    """Run a group as a program: an UmiError becomes one clear message and its exit code.

    Exit codes: 0 done, 1 not done, 2 usage or configuration, 3 model, 4 tool, 5 the peer refused or broke
    the protocol, 6 connection, 7 privacy, 8 limit, 70 a fault of umi's own, 130 interrupted. A fault is named by
    its type alone, since its text and its trace may quote private values (I8); `UMI_TRACEBACK=1` shows them.
    """
    _make_printable()
    log_to_stderr()
    try:
        result = group.main(args=argv, prog_name=program, standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)  # it may quote a file's name
        say_text(shown.getvalue(), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted", err=True)
        sys.exit(130)
    except UmiError as error:
        show_error(program, error)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("UMI_TRACEBACK"):
            say_text(traceback.format_exc(), err=True)
        say(
            (Coloured(f"{program}: ", "red"), f"a fault of umi's own ({type(error).__name__})"),
            "Fix: please report it. UMI_TRACEBACK=1 shows where it happened, private values and all.",
            err=True,
        )
        sys.exit(70)
    sys.exit(result if isinstance(result, int) else 0)


def _make_printable() -> None:
    """Let any text be printed: redirected output is UTF-8, on Windows too, and what cannot be shown is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            redirected = not stream.isatty() and "PYTHONIOENCODING" not in os.environ
            stream.reconfigure(encoding="utf-8" if redirected else None, errors="backslashreplace")


def show_error(program: str, error: UmiError, *, file: IO[str] | None = None) -> None:
    """Say on standard error, or in a file, what went wrong, and the fix."""
    first, *more = error.lines
    say((Coloured(f"{program}: ", "red"), first), *more, err=True, file=file)

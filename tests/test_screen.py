"""Every module of umi prints through `umi_shared.screen`, so that nobody's words steer a terminal."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge/umi_edge", "cloud/umi_cloud", "shared/umi_shared")
SCREEN = ROOT / "shared/umi_shared/screen"

ALLOWED = {
    ("cloud/umi_cloud/commands/evaluate.py", "click.progressbar"): "its label is a constant",
    ("cloud/umi_cloud/commands/evaluate.py", "sys.stderr"): "where that bar goes",
    ("cloud/umi_cloud/commands/render.py", "sys.stdout"): "asks whether it is a terminal",
    ("cloud/umi_cloud/commands/render.py", "sys.stderr"): "asks whether it is a terminal",
    ("cloud/umi_cloud/commands/serve.py", "sys.stdout"): "handed to `say` as its file",
    ("cloud/umi_cloud/commands/serve.py", "os.dup"): "standard output kept for `say_json`",
    ("cloud/umi_cloud/commands/serve.py", "os.dup2"): "what engines print does not mix with the JSON",
    ("edge/umi_edge/ledger/ledger.py", "os.write"): "appends to the ledger's own file",
    ("shared/umi_shared/lazy_group.py", "sys.stdout"): "sets the encoding",
    ("shared/umi_shared/lazy_group.py", "sys.stderr"): "sets the encoding",
    ("shared/umi_shared/lazy_group.py", "traceback.format_exc"): "handed to `say_text`",
}
"""What a module may do that could print, and why it prints nobody's words."""

BUILT_IN = {"print", "input", "breakpoint", "help"}
MODULES = {
    "click": {"echo", "secho", "echo_via_pager", "prompt", "confirm", "progressbar", "edit", "pause", "style"}
    | {"getchar", "get_text_stream", "get_binary_stream", "open_file", "launch"},
    "sys": {"stdout", "stderr", "__stdout__", "__stderr__", "excepthook", "displayhook"},
    "os": {"write", "dup", "dup2", "system", "popen"},
    "logging": {"basicConfig", "StreamHandler", "lastResort"},
    "traceback": {"print_exc", "print_exception", "print_stack", "print_tb", "print_last", "format_exc"}
    | {"format_exception", "format_tb"},
    "warnings": {"showwarning", "warn", "warn_explicit"},
    "pprint": {"pprint", "pp"},
    "faulthandler": {"enable", "dump_traceback"},
    "getpass": {"getpass"},
    "readline": set(),
    "rich": {"print", "print_json", "inspect", "get_console", "reconfigure"},
    "rich.console": {"Console"},
    "rich.prompt": {"Prompt", "Confirm", "IntPrompt", "PromptBase"},
    "rich.markup": {"render"},
    "rich.logging": {"RichHandler"},
    "rich.traceback": {"install"},
    "rich.panel": set(),
    "rich.spinner": set(),
}
METHODS = {"from_markup", "from_ansi", "set_window_title", "print_exception", "out", "print_help"}
"""Of Rich's and click's objects: they read markup or escapes, or write past `Screen.render`."""
CHILDREN = {
    *(f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call")),
    *(f"asyncio.create_subprocess_{name}" for name in ("exec", "shell")),
}


def imported(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for, with dots."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                (one.asname or one.name.split(".")[0]): one.name if one.asname else one.name.split(".")[0]
                for one in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(one.asname or one.name): f"{node.module}.{one.name}" for one in node.names}
    return found


def meaning(node: ast.expr, names: dict[str, str]) -> str:
    """`sys.stdout` for an attribute or a name that stands for it; empty for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id if node.id in BUILT_IN else "")
    if isinstance(node, ast.Attribute):
        before = meaning(node.value, names)
        return f"{before}.{node.attr}" if before else ""
    return ""


def ways(source: str) -> Iterator[str]:
    """Each way past the screen that a module could take."""
    tree = ast.parse(source)
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            what = meaning(node, names)
            module, _, name = what.rpartition(".")
            if what in BUILT_IN or name in MODULES.get(module, ()):
                yield what
        if isinstance(node, ast.Call):
            yield from _calls(node, names)


def _calls(node: ast.Call, names: dict[str, str]) -> Iterator[str]:
    what = meaning(node.func, names)
    given = {one.arg: one.value for one in node.keywords}
    name = what.rpartition(".")[2]
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield f".{node.func.attr}()"
    if what.startswith("rich") and name == "TextColumn":
        markup = given.get("markup")
        if not (isinstance(markup, ast.Constant) and markup.value is False):
            yield "TextColumn with markup"
    if what.startswith("rich") and name in ("Panel", "Spinner", "Status", "track"):
        titles = (given.get("title"), given.get("subtitle"), given.get("text"), given.get("description"))
        texts = [one for one in titles if one is not None and not isinstance(one, ast.Constant)]
        if any(not isinstance(one, ast.Call) for one in texts):
            yield f"{name} with a text that may be read as markup"
    if what in CHILDREN:
        captured = "capture_output" in given or {"stdout", "stderr"} <= set(given)
        if not captured:
            yield "a process that prints on umi's terminal"


def modules() -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if SCREEN not in path.parents]


def test_no_module_prints_but_through_the_screen():
    taken = {
        (path.relative_to(ROOT).as_posix(), way)
        for path in modules()
        for way in ways(path.read_text("utf-8"))
    }
    assert taken - set(ALLOWED) == set()
    assert set(ALLOWED) - taken == set(), "no longer needed"
    assert len(modules()) > 300


@pytest.mark.parametrize(
    "source",
    [
        "print('x')",
        "import click\nclick.echo('x')",
        "from click import secho as say\nsay('x')",
        "import sys\nsys.stderr.write('x')",
        "from sys import stdout as out\nout.write('x')",
        "import os\nos.write(1, b'x')",
        "from rich.console import Console\nConsole().print('x')",
        "import rich.console\nrich.console.Console()",
        "from rich.text import Text\nText.from_markup(x)",
        "from rich.progress import TextColumn\nTextColumn('{task.description}')",
        "from rich.panel import Panel\nPanel('x', title=name)",
        "from rich.progress import track\ntrack(x, description=f'{name}')",
        "import logging\nlogging.StreamHandler()",
        "import traceback\ntraceback.print_exc()",
        "import subprocess\nsubprocess.run(['ls'])",
        "import asyncio\nasyncio.create_subprocess_exec('ls', stdout=1)",
        "screen.out('x')",
    ],
)
def test_the_judge_knows_a_way_past_the_screen(source):
    assert list(ways(source))

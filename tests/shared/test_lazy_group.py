"""How the two programs end: a clear message and an exit code, never a trace with values in it."""

import os
import subprocess
import sys

import click
import pytest

from umi_shared.errors import PrivacyError
from umi_shared.lazy_group import LazyGroup, run


def group(command: click.Command) -> LazyGroup:
    made = LazyGroup(package="nowhere", summaries={command.name or "": "A command."})
    made.get_command = lambda _ctx, name: command if name == command.name else None  # type: ignore[method-assign]
    return made


def exit_of(command: click.Command, *argv: str) -> int:
    with pytest.raises(SystemExit) as end:
        run(group(command), "umi", list(argv))
    return int(end.value.code or 0)


@click.command("go")
@click.option("--how", required=True)
def go(how: str) -> int:
    match how:
        case "fault":
            raise KeyError("alice@example.org")
        case "privacy":
            raise PrivacyError("the ledger is full", fix="make room")
        case "interrupt":
            raise KeyboardInterrupt
    return int(how)


@pytest.mark.parametrize(
    ("how", "code"), [("0", 0), ("1", 1), ("privacy", 7), ("fault", 70), ("interrupt", 130)]
)
def test_each_end_has_its_exit_code(how: str, code: int) -> None:
    assert exit_of(go, "go", "--how", how) == code


def test_a_usage_error_is_2() -> None:
    assert exit_of(go, "go") == 2


def test_an_error_is_printed_with_its_fix(capsys: pytest.CaptureFixture[str]) -> None:
    exit_of(go, "go", "--how", "privacy")
    assert capsys.readouterr().err == "umi: the ledger is full\nFix: make room\n"


def test_a_fault_is_named_by_its_type_alone(capsys: pytest.CaptureFixture[str]) -> None:
    exit_of(go, "go", "--how", "fault")
    said = capsys.readouterr()
    assert "KeyError" in said.err
    assert "alice" not in said.err + said.out


@pytest.mark.parametrize("package", ["umi_edge", "umi_cloud"])
def test_help_imports_no_model_library(package: str) -> None:
    code = (
        f"import sys, {package}.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
        "bad = {'llama_cpp', 'numpy', 'grpc', 'mcp', 'torch', 'pydantic', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(bad)}' if bad else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("environment", "printed"),
    [
        ({"PYTHONIOENCODING": "cp1252"}, rb"\u2713 caf" + b"\xe9"),
        ({"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}, "✓ café".encode()),
    ],
)
def test_no_text_is_too_strange_for_a_pipe(environment: dict[str, str], printed: bytes) -> None:
    """As where Windows redirects: its encoding there has no check mark."""
    program = (
        "import click\n"
        "from umi_shared.lazy_group import LazyGroup, run\n"
        "group = LazyGroup(package='nowhere', summaries={'go': ''})\n"
        "group.get_command = lambda *_: click.Command('go', callback=lambda: click.echo('\\u2713 caf\\xe9'))\n"
        "run(group, 'umi', ['go'])\n"
    )
    left = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, env=left | environment
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, printed)

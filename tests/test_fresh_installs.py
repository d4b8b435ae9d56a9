"""`make test-install`: which Pythons it finds, and what it lets pass."""

import importlib.util
import sys
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location(
    "fresh_installs", Path(__file__).parents[1] / "tools" / "fresh_installs.py"
)
assert SPEC
assert SPEC.loader
fresh_installs = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fresh_installs)

HERE = "{}.{}".format(*sys.version_info)
ENROLLED = {"name": "python", "status": "fine", "message": ""}
ALONE = {"name": "connection", "status": "broken", "message": "this device is not enrolled"}
BROKEN = {"name": "packages", "status": "broken", "message": "mcp does not load (ImportError)"}


def program(path: Path, line: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
def test_the_newest_python_of_pyenv_comes_first_and_one_that_does_not_run_is_none(
    monkeypatch, tmp_path: Path
):
    versions, path = tmp_path / "versions", tmp_path / "path"
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(path))
    shim = program(path / f"python{HERE}", "exit 127")
    assert fresh_installs.interpreter(HERE) is None
    for patch, line in (
        ("9", f"exec {sys.executable} $@"),
        ("10", f'exec {sys.executable} "$@"'),
        ("11rc1", "exit 1"),
    ):
        program(versions / f"{HERE}.{patch}" / "bin" / "python", line)
    found = fresh_installs.interpreter(HERE)
    assert found == versions / f"{HERE}.10" / "bin" / "python"
    found.unlink()
    (versions / f"{HERE}.9" / "bin" / "python").unlink()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    assert fresh_installs.interpreter(HERE) == shim
    assert fresh_installs.interpreter("2.6") is None


def test_a_home_that_is_not_enrolled_is_no_broken_installation_and_all_else_is():
    fresh_installs.whole({"findings": [ENROLLED, ALONE]})
    with pytest.raises(fresh_installs.NotWorkingError, match="mcp does not load"):
        fresh_installs.whole({"findings": [ENROLLED, ALONE, BROKEN]})
    with pytest.raises(fresh_installs.NotWorkingError):
        fresh_installs.whole({"findings": []})


def test_a_demo_that_asked_nobody_did_not_work():
    asked = {"ledger": {"entries": 4}}
    fresh_installs.carried_out({"mail": asked, "event": asked, "note": asked})
    with pytest.raises(fresh_installs.NotWorkingError):
        fresh_installs.carried_out({"mail": asked, "event": asked, "note": {"ledger": {"entries": 0}}})
    with pytest.raises(fresh_installs.NotWorkingError):
        fresh_installs.carried_out({"mail": asked})


def test_a_command_that_fails_is_shown_with_its_output():
    command = [sys.executable, "-c", "import sys; print('out'); sys.exit('why')"]
    with pytest.raises(fresh_installs.NotWorkingError, match=r"(?s)ended with 1, not 0.*out.*why"):
        fresh_installs.ran(command)
    assert fresh_installs.ran(command, code=1).stderr == "why\n"


def test_a_command_that_hangs_is_a_failure(monkeypatch):
    monkeypatch.setattr(fresh_installs, "LONGEST_SECONDS", 0.2)
    with pytest.raises(fresh_installs.NotWorkingError, match="did not end"):
        fresh_installs.ran([sys.executable, "-c", "import time; time.sleep(60)"])


@pytest.mark.parametrize(
    "fault", [ValueError("no JSON"), KeyError("findings"), fresh_installs.NotWorkingError("x")]
)
def test_one_python_that_fails_fails_the_whole_and_the_others_are_still_tried(monkeypatch, capsys, fault):
    tried = []

    def once(_python, _wheel, folder):
        tried.append(folder.name)
        if folder.name == "3.12":
            raise fault

    monkeypatch.setattr(
        fresh_installs, "interpreter", lambda version: None if version == "3.11" else Path("python")
    )
    monkeypatch.setattr(fresh_installs, "built", lambda: Path("wheel"))
    monkeypatch.setattr(fresh_installs, "tried", once)
    assert fresh_installs.main() == 1
    assert tried == ["3.12", "3.13"]
    said = capsys.readouterr().out
    assert "Python 3.11: MISSING" in said
    assert "FAILED on Python 3.12" in said
    assert "1 of 2 work" in said
    monkeypatch.setattr(fresh_installs, "interpreter", lambda version: None)
    assert fresh_installs.main() == 1


def test_nothing_of_this_python_reaches_the_fresh_one(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("UMI_CONFIG", "/somewhere")
    env = fresh_installs.environment(tmp_path)
    assert not {"PYTHONPATH", "UMI_CONFIG"} & set(env)
    assert env["HOME"] == str(tmp_path)

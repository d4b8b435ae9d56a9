"""Install umi as a stranger would, once for each Python that is here, and see that it works.

For each of Python 3.11, 3.12 and 3.13, found on PATH or in pyenv: a fresh venv, umi's wheel with the newest packages
that its bounds allow (no lock), a home of its own, no PYTHONPATH, a folder that is not the repository. There
`umi --version`, `umi demo --json` and `umi doctor --json` run, `umi-cloud evaluate` names the laboratory, and nothing
that trains or serves has come along. llama.cpp is built once, as a wheel below build/, for all of them.

Exit code 0: all work; 1: one does not, and its output is shown, or there is no Python to try.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / "build" / "fresh-installs"
VERSIONS = ("3.11", "3.12", "3.13")
NATIVE = "llama-cpp-python"
ELSEWHERE = ("agentdojo", "matplotlib", "psutil", "ray", "torch", "transformers", "umi_lab", "vllm")
"""Modules that no laptop needs."""
NOT_ENROLLED = {"connection"}
"""What the doctor may call broken here: nobody has enrolled this device."""
LONGEST_SECONDS = 1800


class NotWorkingError(Exception):
    """A step failed; the text says which, and what it printed."""


def main() -> int:
    """Build, install and try; 1 when one does not work."""
    pythons = {version: found for version in VERSIONS if (found := interpreter(version))}
    for version in VERSIONS:
        say(f"Python {version}: {pythons.get(version, 'MISSING here, so not tried')}")
    if not pythons:
        say("No Python to try: neither PATH nor pyenv has one of " + ", ".join(VERSIONS))
        return 1
    failed = []
    with tempfile.TemporaryDirectory(prefix="umi-fresh-") as folder:
        try:
            wheel = built()
        except NotWorkingError as error:
            say(f"FAILED to build\n{error}")
            return 1
        for version, python in pythons.items():
            try:
                tried(python, wheel, Path(folder) / version)
            except (
                NotWorkingError,
                ValueError,
                LookupError,
            ) as error:  # also: it printed no JSON, or another
                failed.append(version)
                say(f"FAILED on Python {version}\n{type(error).__name__}: {error}")
    say(f"Installed from the wheel without the lock: {len(pythons) - len(failed)} of {len(pythons)} work.")
    return 1 if failed else 0


def interpreter(version: str) -> Path | None:
    """The newest Python of a version that runs: pyenv's own, else one on PATH, whose name may be a shim for none."""
    root = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    of_pyenv = Path(root).glob(f"versions/{version}.*/bin/python")
    candidates = sorted(of_pyenv, key=lambda path: patch(path.parts[-3]), reverse=True)
    candidates += [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    for python in candidates:
        if os.access(python, os.X_OK):
            said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
            if said.stdout.strip() == version:
                return python
    return None


def patch(name: str) -> int:
    """The last number of 3.12.1; for 3.13.0rc2 and the like one that is below any."""
    number = name.rpartition(".")[2]
    return int(number) if number.isdecimal() else -1


def built() -> Path:
    """The wheel of umi, built now; beside it llama.cpp's, from the last time or pip's cache where they have it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (native,) = (line for line in project["dependencies"] if line.startswith(NATIVE))
    WHEELS.mkdir(parents=True, exist_ok=True)
    for old in WHEELS.glob("umi_runtime-*.whl"):
        old.unlink()
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", WHEELS]
    name, _, release = native.partition("==")
    if not list(WHEELS.glob(f"{name.replace('-', '_')}-{release}-*.whl")):
        timed("llama.cpp's wheel (5 to 10 minutes where pip has not cached it)", lambda: ran([*pip, native]))
    timed("umi's wheel", lambda: ran([*pip, ROOT]))
    (wheel,) = WHEELS.glob("umi_runtime-*.whl")
    say(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def tried(python: Path, wheel: Path, folder: Path) -> None:
    """Install into a fresh venv below a folder, and use it there."""
    home, programs = folder / "home", folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    home.mkdir(parents=True)
    env = environment(home)

    def use(program: str, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        return ran([programs / program, *arguments], cwd=home, env=env, code=code)

    say(f"\n{python}")
    ran([python, "-m", "venv", folder / "venv"])
    install = ["install", "-q", "--find-links", WHEELS, "--only-binary", NATIVE, wheel]
    timed("pip install", lambda: use("python", "-m", "pip", *install))
    say(use("umi", "--version").stdout.strip())
    here = f"from importlib.util import find_spec; print(*[m for m in {ELSEWHERE} if find_spec(m)])"
    if came := use("python", "-c", here).stdout.split():
        raise NotWorkingError(f"came along, and no laptop needs it: {', '.join(came)}")
    names_the_laboratory(use("umi-cloud", "evaluate", "closed-loop", code=2).stderr)
    timed("umi demo", lambda: carried_out(json.loads(use("umi", "demo", "--json").stdout)))
    timed("umi doctor", lambda: whole(json.loads(use("umi", "doctor", "--json", code=1).stdout)))


def environment(home: Path) -> dict[str, str]:
    """The variables of this process but Python's and umi's, with another home; pip keeps its cache and its settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "UMI_", "XDG_", "VIRTUAL_ENV"))
    }
    settings = Path.home() / ".config" / "pip" / "pip.conf"
    if settings.is_file():
        kept.setdefault("PIP_CONFIG_FILE", str(settings))
    cache = ran([sys.executable, "-m", "pip", "cache", "dir"]).stdout.strip()
    return {**kept, "HOME": str(home), "USERPROFILE": str(home), "PIP_CACHE_DIR": cache}


def names_the_laboratory(said: str) -> None:
    """Raise unless a command of the laboratory's says what to install."""
    if "umi-lab" not in said or "pip install" not in said:
        raise NotWorkingError(f"does not say how to install the laboratory:\n{said}")


def carried_out(reports: dict[str, Any]) -> None:
    """Raise unless the demo has three tasks, each of which asked the planner; how they ended, its exit code says."""
    asked = {name: report["ledger"]["entries"] for name, report in reports.items()}
    if len(asked) != 3 or not all(asked.values()):
        raise NotWorkingError(f"the messages that the demo's tasks sent are {asked}")


def whole(report: dict[str, Any]) -> None:
    """Raise when the doctor finds something broken in the installation."""
    broken = [
        f"{finding['name']}: {finding['message']}"
        for finding in report["findings"]
        if finding["status"] == "broken" and finding["name"] not in NOT_ENROLLED
    ]
    if broken or not report["findings"]:
        raise NotWorkingError(
            "the doctor calls broken: " + ("; ".join(broken) or "nothing, having looked at nothing")
        )


def ran(
    command: list[Any], *, cwd: Path | None = None, env: dict[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """A command that has ended as it should. Raises `NotWorkingError` with its output where it has not."""
    shown = " ".join(map(str, command))
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise NotWorkingError(f"{shown}\ndid not end within {LONGEST_SECONDS} seconds") from error
    if done.returncode != code:
        said = "\n".join(text[-4000:].strip() for text in (done.stdout, done.stderr))
        raise NotWorkingError(f"{shown}\nended with {done.returncode}, not {code}:\n{said}")
    return done


def timed(what: str, work: Callable[[], object]) -> None:
    """Do something, and say how long it took."""
    started = time.monotonic()
    work()
    say(f"{what}: {time.monotonic() - started:.0f} s")


def say(text: str) -> None:
    """Print at once, also where nobody watches."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

"""What `umi service` prints is what systemd and launchd read."""

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from umi_edge.doors.service import launchd_agent, systemd_unit

PROGRAM = ["/opt/a b/python", "-m", "umi_edge", "serve", "--config", "/home/x/100%$.yaml"]


def test_launchd_reads_the_agent(tmp_path: Path) -> None:
    agent = plistlib.loads(launchd_agent(PROGRAM, tmp_path).encode())
    assert agent["ProgramArguments"] == PROGRAM
    assert agent["StandardErrorPath"] == str(tmp_path / "daemon.log")
    assert agent["Umask"] == 0o077


def test_the_unit_has_the_program_word_by_word() -> None:
    unit = systemd_unit(PROGRAM)
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert line == 'ExecStart="/opt/a b/python" -m umi_edge serve --config /home/x/100%%$$.yaml'
    assert "NoNewPrivileges=yes" in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    unit = tmp_path / "umi.service"
    unit.write_text(systemd_unit(["/bin/true", "serve"]))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)], capture_output=True, text=True, check=False
    )
    assert "umi.service" not in ran.stderr, ran.stderr

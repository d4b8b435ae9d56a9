"""The place of the daemon: one for a ledger, found while it runs and not afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from umi_edge.doors.place import Place, settings_digest
from umi_edge.runtime.config import EdgeConfig
from umi_shared.errors import ConfigError

KEY = "k" * 43
HOLDER = """
import sys, time
from pathlib import Path
from umi_edge.doors.place import Place
place = Place(Path(sys.argv[1]))
with place.held():
    place.note(4864, 'k' * 43)
    print("held", flush=True)
    time.sleep(600)
"""


def test_it_is_found_while_it_runs(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.running() is None
    with place.held():
        assert place.running() is None, "before it listens"
        place.note(4864, KEY)
        running = place.running()
        assert running is not None
        assert (running.port, running.pid, running.key) == (4864, os.getpid(), KEY)
        assert KEY not in repr(running)
        place.withdraw()
        assert place.running() is None, "it gives up its port"
        assert place.is_held(), "it has not ended"
    assert not place.is_held()
    assert place.running() is None


def test_there_is_one(tmp_path: Path) -> None:
    with Place(tmp_path).held(), pytest.raises(ConfigError, match="runs already"), Place(tmp_path).held():
        pytest.fail("there are two")
    with Place(tmp_path).held():
        pass


def test_what_a_killed_one_has_left_leads_nowhere(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    place = Place(tmp_path)
    assert place.running() is not None
    process.kill()
    process.wait()
    process.stdout.close()
    assert (tmp_path / "daemon.json").exists()
    assert place.running() is None
    with place.held():
        assert place.running() is None, "the port that it had may be another program's"
        place.note(4865, KEY)
        assert place.running() is not None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"port": "x", "pid": 1}', '{"port": 1, "pid": 1}', "\xff"])
def test_a_file_of_something_else_is_no_daemon(tmp_path: Path, text: str) -> None:
    with Place(tmp_path).held():
        (tmp_path / "daemon.json").write_text(text, encoding="latin-1")
        assert Place(tmp_path).running() is None


def test_its_files_are_the_users_alone(tmp_path: Path) -> None:
    with Place(tmp_path).held():
        Place(tmp_path).note(4864, KEY)
        Place(tmp_path).key()
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
        assert json.loads((tmp_path / "daemon.json").read_text()).keys() == {"port", "pid", "key"}


def test_settings_that_differ_in_anything_but_the_preview_differ(tmp_path: Path) -> None:
    config = EdgeConfig()
    assert settings_digest(config, "k") == settings_digest(config.with_overrides(preview="always"), "k")
    for changed in ({"policy": tmp_path / "p.yaml"}, {"offline": "device"}, {"mcp": {"a": {"command": "x"}}}):
        assert settings_digest(config, "k") != settings_digest(config.with_overrides(**changed), "k")
    assert settings_digest(config, "k") != settings_digest(config, "other")

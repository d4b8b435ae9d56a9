"""`umi ask` and `umi chat` as people run them: enrolled with a real server, over mTLS, with a real caller."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, blocks_of
from umi_edge.ledger import read_ledger, verify_ledger
from umi_edge.tools.sample_home import make_sample_home
from umi_lab.wire_tap import tapped

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

ANSWER = "I looked for <person:1> and did what could be done."
SCRIPT = ["To find <person:1>, use contacts.search. Next: caller.", "All is done. Next: summarizer.", ANSWER]
INSTRUCTION = "Email Alice Moreau that I am late."


def umi(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "umi_edge", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **env},
    )


def short_policy(folder: Path) -> str:
    """A policy that ends a session after two steps: an untuned planner would take all there are."""
    policy = folder / "short.yaml"
    policy.write_text("version: 1\nname: short\nlimits: {steps: 2}\n")
    return str(policy)


def umi_cloud(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "umi_cloud", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
    ).stdout


class Office:
    """An operator's server, and one laptop enrolled with it."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "cloud"
        self.connection = folder / "connection"
        self.config = folder / "config.yaml"
        self.ledger = folder / "ledger.jsonl"
        self.process: subprocess.Popen[str] | None = None
        umi_cloud("ca", "init", "--state", str(self.state), "--host", "localhost")

    def serve(self, replies: list[str], dialect: str = "umi", listen: str = "127.0.0.1:0") -> None:
        """Start the server, with a planner that follows a script."""
        settings = {
            "listen": listen,
            "enrol_listen": "127.0.0.1:0",
            "state": str(self.state),
            "engine": {"kind": "scripted", "replies": replies, "dialect": dialect},
        }
        file = self.state / "cloud.yaml"
        file.write_text(json.dumps(settings))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "umi_cloud", "serve", "--config", str(file), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = next(
            event for line in self.process.stdout if (event := json.loads(line))["event"] == "ready"
        )

    def enroll(self) -> None:
        """The operator prints a token; the laptop reads it from standard input."""
        ports = ["--address", self.ready["address"], "--enrol-address", self.ready["enrol_address"]]
        token = umi_cloud("enroll", "laptop", "--state", str(self.state), *ports)
        enrolled = umi("enroll", "-", "--directory", str(self.connection), stdin=token)
        assert enrolled.returncode == 0, enrolled.stderr

    def configure(self, folder: Path, **settings: Any) -> None:
        """The laptop's configuration, as YAML: two of the folders, so that a small model has little to read."""
        folders = {name: str(folder / name) for name in ("contacts", "notes")}
        written = {
            "connection": str(self.connection),
            "ledger": str(self.ledger),
            "home": folders,
            "caller": {"threads": 1},
            **settings,
        }
        self.config.write_text(json.dumps(written))

    def stop(self) -> None:
        """End the server, as its operator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=30)

    def ask(self, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
        return umi("ask", "--config", str(self.config), *more, INSTRUCTION, **env)


@contextmanager
def office(folder: Path, replies: list[str]) -> Iterator[Office]:
    opened = Office(folder)
    try:
        opened.serve(replies)
        opened.enroll()
        make_sample_home(folder / "home", date(2026, 6, 1))
        opened.configure(folder / "home")
        yield opened
    finally:
        opened.stop()


@pytest.fixture
def enrolled(tmp_path: Path, smollm2: Path) -> Iterator[Office]:
    with office(tmp_path, SCRIPT) as opened:
        yield opened


def test_a_program_gets_one_json_object_with_the_answer_and_what_was_done(enrolled: Office) -> None:
    ran = enrolled.ask("--json")
    assert ran.returncode == 0, ran.stderr
    printed = json.loads(ran.stdout)
    assert printed["ending"] == "answered"
    assert printed["text"] == ANSWER.replace("<person:1>", "Alice Moreau")
    assert len(printed["actions"]) == 1
    assert printed["messages_out"] == 3
    report = verify_ledger(enrolled.ledger)
    assert (report.entries, report.unsigned, report.sent_bytes) == (3, 0, printed["bytes_out"])
    entries = [entry for entry in read_ledger(enrolled.ledger) if entry["kind"] == "sent"]
    assert {entry["session"] for entry in entries} == {printed["session"]}
    assert {entry["peer"] for entry in entries} == {f"the planner at {enrolled.ready['address']}"}


def test_the_policy_of_the_readme_keeps_the_people_of_the_contacts(enrolled: Office, tmp_path: Path) -> None:
    """Trial: it named no detectors, and every name that was typed left in clear."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        next(block.text for block in blocks_of(ROOT / "README.md") if block.title == "policy.yaml")
    )
    ran = enrolled.ask("--policy", str(policy))
    assert ran.returncode == 0, ran.stderr
    shown = umi("ledger", "show", "--message", "1", "--config", str(enrolled.config))
    assert "instruction: Email <person:1> that I am late." in shown.stdout
    entries = [entry for entry in read_ledger(enrolled.ledger) if entry["kind"] == "sent"]
    assert not any(b"Alice" in base64.b64decode(entry["message"]) for entry in entries)


async def test_health_and_session_go_over_one_connection(enrolled: Office, tmp_path: Path) -> None:
    """So that a session costs one TLS handshake."""
    async with tapped(enrolled.ready["address"]) as wire:
        enrolled.ready["address"] = wire.address
        enrolled.connection = tmp_path / "through"
        await asyncio.to_thread(enrolled.enroll)
        enrolled.configure(tmp_path / "home")
        ran = await asyncio.to_thread(enrolled.ask, "--json")
    assert ran.returncode == 0, ran.stderr
    assert len(wire.connections) == 1


def test_piped_output_is_the_answer_and_the_calls_and_nothing_else(enrolled: Office) -> None:
    ran = enrolled.ask()
    assert ran.returncode == 0, ran.stderr
    first, *actions = ran.stdout.splitlines()
    assert first == ANSWER.replace("<person:1>", "Alice Moreau")
    assert len(actions) == 1
    assert actions[0].startswith("- ")


def test_a_chat_keeps_its_handles_from_one_instruction_to_the_next(enrolled: Office) -> None:
    ran = umi("chat", "--config", str(enrolled.config), stdin=f"{INSTRUCTION}\n{INSTRUCTION}\n\n")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(ANSWER.replace("<person:1>", "Alice Moreau")) == 2
    assert verify_ledger(enrolled.ledger).entries == 6


def test_a_revoked_laptop_is_refused_and_told_so(enrolled: Office) -> None:
    umi_cloud("revoke", "laptop", "--state", str(enrolled.state))
    ran = enrolled.ask()
    assert ran.returncode == 5, ran.stderr
    assert "revoked" in ran.stderr
    assert "Fix: " in ran.stderr


def test_without_a_server_the_default_is_to_stop_before_anything_is_sent(enrolled: Office) -> None:
    enrolled.stop()
    ran = enrolled.ask()
    assert ran.returncode == 6, ran.stderr
    assert "cannot be reached" in ran.stderr
    assert verify_ledger(enrolled.ledger).entries == 0


def test_offline_a_planner_on_this_device_takes_over_and_says_so(enrolled: Office, tmp_path: Path) -> None:
    enrolled.stop()
    ran = enrolled.ask("--offline", "device", "--json", "--policy", short_policy(tmp_path))
    assert ran.returncode in (0, 1), ran.stderr
    assert "planning on this device instead" in ran.stderr
    assert json.loads(ran.stdout)["steps"] >= 1


def test_an_mcp_server_of_the_users_is_called_like_any_tool(enrolled: Office, tmp_path: Path) -> None:
    server = Path(__file__).with_name("mcp_echo_server.py")
    enrolled.stop()
    enrolled.serve(["To echo, use echo.echo. Next: caller.", "Done. Next: summarizer.", "Echoed."])
    enrolled.connection = tmp_path / "second"
    enrolled.enroll()
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nname: p\ntools:\n  echo.*: {runs: device, confirm: never}\n")
    enrolled.configure(
        tmp_path / "home",
        home={},
        policy=str(policy),
        mcpServers={"echo": {"command": sys.executable, "args": [str(server)]}},
    )
    ran = enrolled.ask("--json")
    assert ran.returncode == 0, ran.stderr
    assert [action["tool"] for action in json.loads(ran.stdout)["actions"]] == ["echo.echo"]


def test_broken_mcp_servers_are_told_of_and_the_session_goes_on(enrolled: Office, tmp_path: Path) -> None:
    """One ends at its start, one never answers; with `required` the session does not begin."""
    ends = {"command": sys.executable, "args": ["-c", "raise SystemExit('sk-secret')", "--key=sk-secret"]}
    hangs = {"command": sys.executable, "args": ["-c", "input(); input()"], "start_seconds": 1}
    enrolled.configure(tmp_path / "home", mcpServers={"ends": ends, "hangs": hangs})
    ran = enrolled.ask("--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["ending"] == "answered"
    assert "Going on without the tools of mcp:ends: the MCP server ends did not start: it ended" in ran.stderr
    assert "mcp-ends.log, or set disabled: true, in mcpServers.ends" in ran.stderr
    assert (
        "Going on without the tools of mcp:hangs: the MCP server hangs did not start: no answer" in ran.stderr
    )
    assert "sk-secret" not in ran.stdout + ran.stderr

    enrolled.configure(tmp_path / "home", mcpServers={"ends": {**ends, "required": True}})
    ran = enrolled.ask("--json")
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "the MCP server ends did not start" in ran.stderr


def test_a_detector_that_reads_from_a_broken_server_stops_the_session(
    enrolled: Office, tmp_path: Path
) -> None:
    """Without the names that the user wants kept, they would leave in clear."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nname: p\ndetect:\n"
        '  - {type: person, values_from: {tool: crm.people, path: "$[*].name"}}\n'
    )
    gone = {"command": str(tmp_path / "no-such-program")}
    enrolled.configure(tmp_path / "home", policy=str(policy), mcpServers={"crm": gone})
    ran = enrolled.ask("--json")
    assert ran.returncode == 7, ran.stderr
    assert "crm.people did not give all names" in ran.stderr
    assert "the MCP server crm did not start" in ran.stderr
    assert not enrolled.ledger.exists() or verify_ledger(enrolled.ledger).entries == 0


def test_a_laptop_that_is_not_enrolled_is_told_how(tmp_path: Path, smollm2: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"connection": str(tmp_path / "none"), "ledger": str(tmp_path / "l.jsonl")}))
    ran = umi("ask", "--config", str(config), INSTRUCTION)
    assert ran.returncode == 2
    assert "umi enroll" in ran.stderr


def test_a_laptop_with_no_planner_plans_here_where_its_owner_wants_that(
    tmp_path: Path, smollm2: Path
) -> None:
    config = tmp_path / "config.yaml"
    make_sample_home(tmp_path / "home", date(2026, 6, 1))
    home = {"contacts": str(tmp_path / "home" / "contacts")}
    settings = {"connection": str(tmp_path / "none"), "ledger": str(tmp_path / "l.jsonl"), "home": home}
    config.write_text(json.dumps({**settings, "offline": "device"}))
    ran = umi("ask", "--config", str(config), "--policy", short_policy(tmp_path), "--json", INSTRUCTION)
    assert ran.returncode in (0, 1), ran.stderr
    assert "not enrolled with any planner" in ran.stderr
    assert json.loads(ran.stdout)["messages_out"] >= 1


def test_a_broken_policy_is_named_with_its_line_before_anything_starts(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nname: p\ntols: {}\n")
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"ledger": str(tmp_path / "l.jsonl")}))
    ran = umi("ask", "--config", str(config), "--policy", str(policy), INSTRUCTION)
    assert ran.returncode == 2
    assert "policy.yaml:3" in ran.stderr
    assert "tools" in ran.stderr

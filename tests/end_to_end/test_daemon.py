"""One daemon, and the commands that use it: real processes, a real caller, a planner that follows a script."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.end_to_end.harness import chat_plan, chat_question
from tests.end_to_end.test_ask import Office, umi
from umi_edge.doors.place import Place, Running
from umi_edge.ledger import verify_ledger

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

SECRET = "the key lies under the blue pot 4711"
PLAN = "To look, use box.open. Next: caller."
DONE = "All is done. Next: summarizer."
ANSWER = "It says <text:1>."
SAID = f"It says {SECRET}."
ASKED = "What is in the box?"
TOOLS = f'''
import pathlib, time
from umi_edge.tools import tool

HERE = pathlib.Path(__file__).parent

@tool(name="box.open")
def opened() -> dict[str, str]:
    """Open the box."""
    with (HERE / "opened").open("a") as file:
        file.write("once\\n")
    while (HERE / "hold").exists():
        time.sleep(0.02)
    return {{"said": "{SECRET}"}}
'''
POLICY = (
    "version: 1\nname: boxes\ntools: {box.open: {runs: device, confirm: %s, results: {'$.said': handle}}}\n"
)


@dataclass
class Desk:
    """A laptop whose daemon runs."""

    folder: Path
    office: Office
    process: subprocess.Popen[str]
    log: Path

    @property
    def config(self) -> Path:
        return self.office.config

    @property
    def running(self) -> Running:
        found = Place.beside(self.office.ledger).running()
        assert found is not None, self.log.read_text()
        return found

    @property
    def programs_key(self) -> str:
        return Place.beside(self.office.ledger).key()

    @property
    def opened(self) -> int:
        """How often the box was opened."""
        file = self.folder / "opened"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def ask(self, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
        return umi("ask", "--config", str(self.config), *more, ASKED, **env)

    def http(self, **headers: str) -> httpx.Client:
        key = {"authorization": f"Bearer {self.running.key}"}
        return httpx.Client(base_url=self.running.url, headers=key | headers, timeout=60, trust_env=False)

    def wait(self, seconds: float = 60) -> None:
        """Until it can be found."""
        for _ in range(int(seconds * 20)):
            if Place.beside(self.office.ledger).running() is not None:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"the daemon does not run: {self.log.read_text()}")


def desk_of(
    folder: Path,
    *,
    confirm: str = "never",
    script: Sequence[str] = (PLAN, DONE, ANSWER),
    dialect: str = "umi",
) -> Iterator[Desk]:
    office = Office(folder)
    shows = folder / "bin" / "notify-send"
    shows.parent.mkdir()
    shows.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/notified\n')
    shows.chmod(0o755)
    (folder / "box_tools.py").write_text(TOOLS)
    (folder / "policy.yaml").write_text(POLICY % confirm)
    try:
        office.serve(list(script), dialect)
        office.enroll()
        office.configure(
            folder, home={}, operators=False, tools=["box_tools:opened"], policy=str(folder / "policy.yaml")
        )
        os.environ["PYTHONPATH"] = f"{folder}:{os.environ.get('PYTHONPATH', '')}"
        log = folder / "daemon.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "umi_edge", "serve", "--config", str(office.config), "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PATH": f"{shows.parent}:{os.environ['PATH']}"},
            )
        desk = Desk(folder, office, process, log)
        try:
            desk.wait()
            yield desk
        finally:
            process.kill()
            process.wait()
    finally:
        os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].partition(":")[2]
        office.stop()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Desk]:
    """One whose box is opened unasked."""
    yield from desk_of(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Desk]:
    """One whose box is opened after a yes only."""
    yield from desk_of(tmp_path_factory.mktemp("asking"), confirm="always")


@pytest.fixture(scope="module")
def curious(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Desk]:
    """One whose planner asks the user which box."""
    script = [chat_question("Which box?"), chat_plan("That is known."), "It is empty."]
    yield from desk_of(tmp_path_factory.mktemp("curious"), script=script, dialect="chat")


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.shown = ""
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "umi_edge", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm"},
        )
        os.close(theirs)

    def shows(self, words: str, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while words not in self.shown:
            if time.monotonic() > end or not self._read(end):
                pytest.fail(f"the terminal does not show {words!r}:\n{self.shown}")

    def types(self, line: str) -> None:
        time.sleep(0.7)  # what is typed before a question has stood for a moment does not count
        os.write(self.ours, f"{line}\n".encode())

    def ends(self, seconds: float = 90) -> int:
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        return self.process.wait(max(end - time.monotonic(), 1))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self.ours], [], [], max(end - time.monotonic(), 0))
        try:
            piece = os.read(self.ours, 4096) if ready else b""
        except OSError:  # the command has ended
            piece = b""
        self.shown = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", self.shown + piece.decode(errors="replace"))
        return bool(piece)


@pytest.fixture
def at_terminal(desk: Desk) -> Iterator[Any]:
    open_ones: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        open_ones.append(Terminal(*arguments))
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.close()


def test_a_command_has_the_daemon_do_it_and_prints_the_same(desk: Desk) -> None:
    before = verify_ledger(desk.office.ledger).entries
    through = desk.ask("--json")
    alone = desk.ask("--json", "--alone")
    assert (through.returncode, alone.returncode) == (0, 0), through.stderr + alone.stderr
    a, b = json.loads(through.stdout), json.loads(alone.stdout)
    assert a["text"] == b["text"] == SAID
    assert a.keys() == b.keys()
    assert [one["tool"] for one in a["actions"]] == ["box.open"]
    assert verify_ledger(desk.office.ledger).entries == before + 6
    piped = [desk.ask(*more) for more in ((), ("--alone",))]
    assert piped[0].stdout == piped[1].stdout == f"{SAID}\n- box.open: done\n"
    assert piped[0].stderr == piped[1].stderr


def test_at_a_terminal_it_is_live_as_it_is_alone(desk: Desk, at_terminal: Any) -> None:
    shown = []
    for more in ((), ("--alone",)):
        terminal = at_terminal("ask", "--config", str(desk.config), *more, ASKED)
        terminal.shows(f"answer   {SAID}")
        assert terminal.ends() == 0
        shown.append(terminal.shown)
    assert ["starting the tools" in one for one in shown] == [False, True]
    for words in ("stayed on this device", "step 1", "<text:1>", SECRET, "done on this device"):
        assert words in shown[0]
        assert words in shown[1]


def test_a_chat_goes_through_it_too(desk: Desk) -> None:
    ran = umi("chat", "--config", str(desk.config), stdin=f"{ASKED}\n{ASKED}\n\n")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(SAID) == 2


def test_other_settings_are_done_alone_and_that_is_said(desk: Desk) -> None:
    other = desk.folder / "other.yaml"
    other.write_text(POLICY % "never" + "limits: {steps: 3}\n")
    ran = desk.ask("--policy", str(other))
    assert ran.stdout.startswith(SAID)
    assert "The running umi serve is not used: it has another configuration or policy" in ran.stderr


def test_ctrl_c_stops_the_run_in_the_daemon_and_says_what_was_done(desk: Desk, at_terminal: Any) -> None:
    hold = desk.folder / "hold"
    hold.touch()
    try:
        before = desk.opened
        terminal = at_terminal("ask", "--config", str(desk.config), ASKED)
        _true(lambda: desk.opened > before)
        terminal.process.send_signal(signal.SIGINT)
        terminal.shows("interrupted")
        assert terminal.ends() == 130
        assert "box.open" in terminal.shown.partition("done on this device")[2]
    finally:
        hold.unlink()
    with desk.http() as http:
        assert http.get("/api/policy").status_code == 200
    assert desk.ask().returncode == 0  # the script's other two replies


def test_there_is_one_for_a_ledger(desk: Desk) -> None:
    second = umi("serve", "--config", str(desk.config), "--port", "0")
    assert second.returncode == 2
    assert "runs already for this ledger" in second.stderr
    assert "umi stop" in second.stderr


def test_its_file_and_its_key_are_the_users_alone(desk: Desk) -> None:
    for name in ("daemon.json", "serve.key", "daemon.lock"):
        assert (desk.office.ledger.parent / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/daemon/visits", b"{", 400),
        ("/daemon/visits", b"[]", 400),
        ("/daemon/visits", json.dumps({"settings": "x", "instruction": 1, "preview": "never"}).encode(), 400),
        ("/daemon/visits", b'"' + b"x" * (2 << 20) + b'"', 413),
        ("/daemon/visits/unknown/line", b'{"line": "yes"}', 404),
        ("/daemon/visits/unknown/line", b'{"line": 1}', 400),
        ("/daemon/visits/unknown/interrupt", b"", 404),
    ],
)
def test_bad_requests_are_refused_plainly(desk: Desk, path: str, body: bytes, status: int) -> None:
    with desk.http() as http:
        reply = http.post(path, content=body)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer wrong"}, 401),
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
    ],
)
def test_nobody_else_is_let_in(desk: Desk, headers: dict[str, str], status: int) -> None:
    with desk.http(**headers) as http:
        for path in ("/daemon/visits", "/daemon/visits/x/line", "/daemon/stop"):
            assert http.post(path, json={}).status_code == status
    assert desk.process.poll() is None


def test_the_programs_key_opens_neither_the_page_nor_the_commands(desk: Desk) -> None:
    with desk.http(authorization=f"Bearer {desk.programs_key}") as http:
        assert http.get("/v1/models").status_code == 200
        for path in ("/daemon/visits", "/daemon/stop", "/api/policy/write", "/api/approvals/x", "/api/code"):
            assert http.post(path, json={}).status_code == 401, path
        assert http.get("/api/stream").status_code == 401
    with desk.http() as http:
        assert http.get("/v1/models").status_code == 401
    assert desk.process.poll() is None


def test_a_question_is_for_the_terminal_of_the_command(asking: Desk, at_terminal: Any) -> None:
    for word, opened in (("yes", 1), ("n", 0)):
        before = asking.opened
        terminal = at_terminal("ask", "--config", str(asking.config), ASKED)
        terminal.shows("May box.open do this?")
        terminal.shows("Go ahead?")
        terminal.types(word)
        assert terminal.ends() == 0
        assert asking.opened - before == opened
        assert ("box.open: approved" in terminal.shown) == bool(opened)


def test_without_a_terminal_the_answer_is_no(asking: Desk) -> None:
    before = asking.opened
    ran = asking.ask("--json")
    assert [one["result"] for one in json.loads(ran.stdout)["actions"]] == ["declined"]
    assert asking.opened == before


def test_a_chat_program_is_told_that_nobody_can_be_asked(asking: Desk) -> None:
    client = openai.OpenAI(base_url=f"{asking.running.url}/v1", api_key=asking.programs_key)
    answer = client.chat.completions.create(model="umi", messages=[{"role": "user", "content": ASKED}])
    assert "nobody can be asked" in answer.choices[0].message.model_extra["reasoning_content"]
    client.close()


def test_what_asks_on_the_page_is_answered_once(asking: Desk) -> None:
    """The `openai` client asks, two tabs of the page answer, and the box is opened once."""
    before = asking.opened
    client = openai.OpenAI(base_url=f"{asking.running.url}/v1", api_key=asking.programs_key)
    with asking.http() as http, ThreadPoolExecutor() as pool, http.stream("GET", "/api/stream") as page:
        told = (json.loads(line[6:]) for line in page.iter_lines() if line.startswith("data: "))
        answer = pool.submit(
            client.chat.completions.create, model="umi", messages=[{"role": "user", "content": ASKED}]
        )
        waiting = next(one for said in told for one in _waiting(said))
        assert SECRET not in json.dumps(waiting)
        notified = asking.folder / "notified"
        _true(lambda: notified.exists() and "box.open" in notified.read_text())
        path, said = f"/api/approvals/{waiting['id']}", {"digest": waiting["digest"]}
        wrong = http.post(path, json={"digest": "0" * 64, "reply": True})
        assert wrong.status_code >= 400
        decided = [http.post(path, json=said | {"reply": reply}).json() for reply in (True, False)]
        content = answer.result(60).choices[0].message.content
    assert [one["approved"] for one in decided] == [True, True]
    assert [one["mine"] for one in decided] == [True, False]
    assert content == f"{SAID}\n\nDone on this device: box.open: done."
    assert asking.opened == before + 1
    client.close()


def test_a_planners_question_is_replied_to_at_the_terminal_of_the_command_or_on_the_page(
    curious: Desk, at_terminal: Any
) -> None:
    """The first reply holds; a chat program gets the question, and its next message replies."""
    terminal = at_terminal("ask", "--config", str(curious.config), ASKED)
    terminal.shows("Your reply")
    assert terminal.shown.count("Which box?") == 1
    terminal.types("the blue one")
    terminal.shows("It is empty.")
    assert terminal.ends() == 0
    with curious.http() as http, http.stream("GET", "/api/stream") as page:
        told = (json.loads(line[6:]) for line in page.iter_lines() if line.startswith("data: "))
        terminal = at_terminal("ask", "--config", str(curious.config), ASKED)
        waiting = next(one for said in told for one in _waiting(said))
        assert (waiting["kind"], waiting["door"], waiting["message"]) == ("reply", "ask", "Which box?")
        terminal.shows("Your reply")
        said = {"digest": waiting["digest"], "reply": {"reply": "the red one"}}
        assert http.post(f"/api/approvals/{waiting['id']}", json=said).json()["mine"] is True
        terminal.shows("Answered elsewhere (page)")
        assert terminal.ends() == 0
    asked = curious.ask()
    assert (asked.returncode, "Which box?" in asked.stdout) == (9, True)


def _waiting(said: Any) -> list[Any]:
    """The questions that an event of the page's stream tells of."""
    return said if isinstance(said, list) else said.get("waiting", [])


def test_a_daemon_that_is_killed_leaves_a_command_that_says_what_was_done(
    tmp_path: Path, smollm2: Path, at_terminal: Any
) -> None:
    for desk in desk_of(tmp_path):
        hold = tmp_path / "hold"
        hold.touch()
        terminal = at_terminal("ask", "--config", str(desk.config), ASKED)
        _true(lambda: desk.opened == 1)  # noqa: B023  # it ends with the loop
        desk.process.kill()
        terminal.shows("box.open: begun, and perhaps done")
        assert terminal.ends() == 6
        assert "umi's daemon ended in the midst of this" in terminal.shown
        hold.unlink()
        assert (tmp_path / "daemon.json").exists()
        assert Place.beside(desk.office.ledger).running() is None
        desk.office.stop()
        desk.office.serve([PLAN, DONE, ANSWER])
        desk.office.connection = tmp_path / "again"
        desk.office.enroll()
        desk.office.configure(
            tmp_path,
            home={},
            operators=False,
            tools=["box_tools:opened"],
            policy=str(tmp_path / "policy.yaml"),
        )
        ran = desk.ask("--json")  # alone, as where no daemon ever ran
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["text"] == SAID
        _opened_and_stopped(desk)


def test_a_planner_that_stands_in_gives_way_when_the_shared_one_is_back(
    tmp_path: Path, smollm2: Path
) -> None:
    office = Office(tmp_path)
    log = tmp_path / "daemon.log"
    try:
        office.serve([DONE, "It is well."])
        office.enroll()
        office.configure(tmp_path, home={}, offline="device")
        office.stop()
        with log.open("w") as file:
            command = [
                sys.executable,
                "-m",
                "umi_edge",
                "serve",
                "--config",
                str(office.config),
                "--port",
                "0",
            ]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True)
        desk = Desk(tmp_path, office, process, log)
        try:
            desk.wait(120)
            assert "cannot be reached: planning on this device instead" in " ".join(log.read_text().split())
            stand_in = _children(process.pid)
            assert stand_in
            office.serve([DONE, "It is well."], listen=office.ready["address"])
            _true(lambda: "is there again" in log.read_text())
            ran = umi("ask", "--config", str(office.config), "Is all well?")
            assert (ran.returncode, ran.stdout) == (0, "It is well.\n"), ran.stderr + log.read_text()
            _true(lambda: not _children(process.pid))
        finally:
            process.kill()
            process.wait()
    finally:
        office.stop()


def _children(process: int) -> list[int]:
    """The processes that it has started and that run."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, check=False)
    return [int(word) for word in found.stdout.split()]


def _opened_and_stopped(desk: Desk) -> None:
    """The page starts a daemon where none runs; `umi stop` ends it."""
    config = ("--config", str(desk.config))
    opened = umi("open", "--print", *config)
    assert opened.returncode == 0, opened.stderr
    running = desk.running
    address, _, code = opened.stdout.strip().partition("#code=")
    assert address == f"{running.url}/"
    for secret in (running.key, desk.programs_key):
        assert secret not in opened.stdout
    exchanged = [httpx.post(f"{running.url}/api/key", json={"code": code}, trust_env=False) for _ in range(2)]
    assert [one.status_code for one in exchanged] == [200, 403]
    assert exchanged[0].json() == {"key": running.key}
    assert umi("open", "--print", *config).stdout != opened.stdout
    assert "<title>" in httpx.get(running.url, trust_env=False).text
    stopped = umi("stop", *config)
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert Place.beside(desk.office.ledger).running() is None
    assert not (desk.folder / "daemon.json").exists()
    assert umi("stop", *config).stdout == "umi serve does not run\n"


def _true(condition: Any) -> None:
    """Wait until it holds."""
    for _ in range(1800):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it never came to that")

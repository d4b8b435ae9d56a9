"""Attacks on the terminal: what strangers wrote steers nothing, hides nothing, and forges no line of umi's.

The poison stands wherever a stranger can write: what a server says of its tools and of its failures, contacts, notes,
calendars, names of files, policies, ledgers, a planner's words, answers. The real commands print it at a pty and
through pipes. A terminal that is not umi's judges.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no pty", allow_module_level=True)

from tests.attacks.terminal_judge import IN_A_NAME, POISON, at_terminal, faults
from tests.end_to_end.harness import tool_of
from tests.scanners import scanner_without_lists
from umi_cloud.auth.registry_at import registry_at
from umi_edge.connection.device_key import device_key
from umi_edge.labelling.labeller import Labeller
from umi_edge.ledger import Ledger, LedgerConfig
from umi_edge.policy import load_policy
from umi_edge.records import Marked
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop_records import read_records
from umi_edge.session.events import Answered, CallWritten, Ended, Instructed, Observed, Planned
from umi_edge.session.recording import SessionRecorder
from umi_edge.tools import Catalogue, Succeeded
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.engine import Usage
from umi_shared.labels import PUBLIC
from umi_shared.released import Disclosure
from umi_shared.transcript import Next

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("poisonous_mcp_server.py")
ESCAPED = POISON.encode("unicode_escape").decode()
IN_A_PATH = "".join(one for one in POISON if ord(one) < 0x10000)
"""Of the poison what JSON spells without pairs, which YAML does not know."""
IN_A_WORD = "".join(one for one in IN_A_PATH if ord(one) >= 0x20)
ARGUMENT = POISON.replace("\x00", "")


# The judge can fail.


@pytest.mark.parametrize(
    "said",
    [
        *(one for one in sorted(set(POISON)) if not one.isprintable() and one not in "\n\r\t"),
        "\x1b]8;;http://x\x1b\\",
    ],
    ids=ascii,
)
def test_the_judge_finds_each_character_of_the_poison(said):
    assert faults(f"a{said}b\n".encode())


@pytest.mark.parametrize(
    "said",
    [
        "\x1b[2J",
        "\x1b[5;5Hx",
        "\x1b]0;title\x07",
        "\x1bc",
        "\x9b2J",
        "a\nzqforged",
        "a\rzqforged",
        "zqmarkup",
        "\x1b[4m\x1bP+\x1b\\",
    ],
)
def test_the_judge_finds_what_is_done_to_the_terminal(said):
    assert faults(said.encode())


def test_the_judge_lets_an_honest_program_pass():
    honest = "\x1b[1mpolicy\x1b[0m  ok ✓ é 你好\r\n\x1b[?25l⠋ waits\r\x1b[2K\x1b[1A\x1b[?25h"
    assert faults(honest.encode()) == []


def test_a_program_that_prints_the_poison_as_it_is_fails_at_a_pty(tmp_path):
    assert len(faults(at_terminal(["-c", f"print({POISON!r})"]))) > 30


# The world of a stranger.


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home, a configuration, a policy, a ledger and folders with the poison in all that may hold it."""
    folder = tmp_path_factory.mktemp("home")
    for part in ("contacts", "calendar", "notes", "files", "mail"):
        (folder / part).mkdir()
    _contacts(folder / "contacts")
    _calendar(folder / "calendar")
    (folder / "notes" / f"{IN_A_NAME[:100]}.md").write_text(f"# {POISON}\n{POISON}\n")
    (folder / "files" / IN_A_NAME).write_text(f"{POISON} a@example.org")
    (folder / "files" / os.fsdecode(b"zq\xff\x9b")).write_text("x")
    servers = {
        "evil": {"command": sys.executable, "args": [str(SERVER), ESCAPED]},
        f"broken{POISON}": {"command": sys.executable, "args": [str(SERVER), ESCAPED, "fails"]},
        "gone": {"command": f"./{IN_A_NAME}"},
    }
    home: dict[str, object] = {part: str(folder / part) for part in ("contacts", "calendar", "notes")}
    home["files"] = [str(folder / "files")]
    ledger = folder / "state" / "ledger.jsonl"
    config = {"ledger": str(ledger), "home": home, "mcpServers": servers}
    (folder / "config.yaml").write_text(json.dumps(config))
    (folder / "damaged").mkdir()
    (folder / "damaged" / f"{IN_A_NAME[:100]}.vcf").write_bytes(b"BEGIN:VCARD\r\nFN:\xff\xfe\r\n")
    damaged = config | {"home": home | {"contacts": str(folder / "damaged")}}
    (folder / "damaged.yaml").write_text(json.dumps(damaged))
    (folder / "policy.yaml").write_text(_policy())
    wrong = {
        "version": 1,
        "name": POISON,
        f"x{POISON}": POISON,
        "tools": {POISON: {"results": {POISON: POISON}}},
    }
    (folder / "wrong.yaml").write_text(json.dumps(wrong))
    (folder / f"{IN_A_NAME[:150]}.yaml").write_text(json.dumps({"version": POISON, f"x{POISON}": 1}))
    (folder / "open.yaml").write_text(_policy().replace(": cloud}  #", ": planner, $: cloud}  #"))
    (folder / "tests.test.yaml").write_text(_table_tests())
    _ledger(ledger)
    _records(ledger)
    _recording(folder / "recorded.jsonl")
    return folder


def _contacts(folder: Path) -> None:
    steering = [one for one in POISON if not one.isalnum() and one not in "\r\n\x00\x0b\x0c"]
    name = (
        f"Bertha {''.join(steering)}"  # none of the poison's words: they would be taken for names everywhere
    )
    for number, card in enumerate((name, "Paul"), start=1):
        lines = (
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"FN:{card}",
            f"NICKNAME:{name}",
            f"EMAIL:{number}@example.org",
        )
        (folder / f"{number}.vcf").write_text("\r\n".join((*lines, "END:VCARD", "")))


def _calendar(folder: Path) -> None:
    said = POISON.replace("\n", "\\n").replace("\r", "").replace("\x00", "")
    zone = "zq\x1b[2J\u202e\u200b"
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        f"DTSTART;TZID={zone}:20261123T100000\r\nDTEND;TZID={zone}:20261123T110000\r\nSUMMARY:{said}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    (folder / f"{IN_A_NAME[:100]}.ics").write_text(text)
    (folder / "broken.ics").write_text(f"BEGIN:VCALENDAR\r\n{said}\r\n")


def _policy() -> str:
    quoted, path = json.dumps(IN_A_PATH), f"$[{json.dumps(IN_A_PATH)}]"
    comment = "zq\u202e\u200b\u2066\U000e0041"
    return (
        f"version: 1  # {comment}\nname: {json.dumps(POISON[:60])}\n"
        f"detect: [{{type: email, pattern: builtin}}, {{type: zq, values: [{quoted}]}}]\n"
        f"tools:\n  evil.find:\n    card: cloud\n"
        f"    results: {{{json.dumps(path)}: cloud}}  # {comment}\n"
        f"    arguments: {{{json.dumps(IN_A_WORD)}: {{accepts: cloud, on_violation: ask}}}}\n"
        f"keep: [{{type: zq}}]\n"
    )


def _table_tests() -> str:
    test = {
        "name": IN_A_PATH,
        "result": {"tool": "evil.find", "value": {IN_A_PATH: IN_A_PATH}},
        "expect": {f"$[{json.dumps(IN_A_PATH)}]": "hidden"},
        "planner": IN_A_PATH,
    }
    return json.dumps({"policy": "policy.yaml", "tests": [test]})


def _ledger(path: Path) -> None:
    ledger = Ledger.open(path, device_key(path.parent), lambda: "2026-11-22T10:00:00+00:00", LedgerConfig())
    text = pb.Text(segments=[pb.Segment(clear=POISON)])
    card = pb.ToolCard(name=POISON[:40], description=text, input_schema=json.dumps({"title": POISON}))
    view = pb.View(catalogue=[card], entries=[pb.Entry(instruction=pb.Instruction(text=text))])
    message = pb.PlanRequest(request_id="r", view=view).SerializeToString()
    shown = [Disclosure(entry=0, rule=f"rule{POISON}", clear_bytes=3)]
    ledger.append(session=POISON, sink=POISON, request_id=POISON, message=message, disclosures=shown)
    ledger.checkpoint()
    ledger.close()


def _records(ledger: Path) -> None:
    records = read_records(EdgeConfig(ledger=ledger))
    marked = Marked(by_stranger=True, said=(POISON,), marks=records.marks(["what a stranger wrote"]))
    number = records.write(tool=f"evil.{POISON}", store="evil", approved=True, fields={POISON: marked})
    records.name(number, POISON)


def _recording(file: Path) -> None:
    """A session in which the evil server is called, recorded as a session is."""
    policy = load_policy(_policy(), f"{POISON}.yaml")
    tool = tool_of("evil.find", str, source="mcp:evil")
    labeller = Labeller.fresh(policy, scanner_without_lists(policy), {tool.name: tool.source})
    tell = SessionRecorder(file, policy, Catalogue([tool]), labeller.vault)
    tell(Instructed(labeller.instruction(POISON)))
    tell(Planned(step=1, rationale=(), next=Next.CALLER, tool=tool.name, usage=Usage()))
    given = labeller.arguments(tool.name, {IN_A_WORD: POISON}, PUBLIC).text
    tell(CallWritten(tool=tool.name, arguments=given, usage=Usage()))
    result = {IN_A_PATH: POISON, POISON: POISON}
    seen = labeller.result(tool.name, result)
    tell(Observed(tool=tool.name, outcome=Succeeded(result, 0), observation=seen, failure=""))
    tell(Ended(Answered(POISON)))


COMMANDS: dict[str, list[str]] = {
    "tools": ["tools"],
    "tools, one": ["tools", "evil.find"],
    "tools, unknown": ["tools", f"x{ARGUMENT}"],
    "tools approve": ["tools", "approve", "evil"],
    "policy check": ["policy", "check", "policy.yaml"],
    "policy check, wrong": ["policy", "check", "wrong.yaml"],
    "policy check, file's name": ["policy", "check", f"{IN_A_NAME[:150]}.yaml"],
    "policy prove, paths": ["policy", "prove", "policy.yaml", "--keep", "evil.*: $..*"],
    "policy explain, argument": [
        "policy",
        "explain",
        "policy.yaml",
        "--tool",
        "evil.find",
        "--argument",
        f"p{ARGUMENT}",
    ],
    "policy detect": [
        "policy",
        "detect",
        f"{ARGUMENT} a@example.org",
        "--policy",
        "policy.yaml",
    ],
    "policy detect, file": ["policy", "detect", str(Path("files") / IN_A_NAME)],
    "policy init": ["policy", "init"],
    "policy test": ["policy", "test", "tests.test.yaml", "--coverage"],
    "ledger show": ["ledger", "show"],
    "ledger show, message": ["ledger", "show", "--message", "1"],
    "ledger verify": ["ledger", "verify"],
    "ledger export": ["ledger", "export", "-"],
    "records": ["records"],
    "policy replay": ["policy", "replay", "recorded.jsonl", "--against", "open.yaml"],
    "ask": ["ask", ARGUMENT],
    "ask, damaged contacts": ["ask", ARGUMENT, "--config", "damaged.yaml"],
    "doctor": ["doctor", "--config", "damaged.yaml"],
    "usage": [f"--x{ARGUMENT}"],
}
SAY_NONE = ("ledger verify",)
JSON = (
    "tools",
    "tools, one",
    "policy check",
    "policy check, wrong",
    "policy prove, paths",
    "policy explain, argument",
    "policy detect",
    "policy test",
    "ledger show",
    "ledger show, message",
    "records",
    "policy replay",
)


def command(home: Path, name: str) -> list[str]:
    """The arguments of Python for a command of umi's, in the poisoned home."""
    arguments = COMMANDS[name]
    takes_config = arguments[0] in ("tools", "ledger", "records", "ask") or arguments[1:2] in (
        ["prove"],
        ["detect"],
        ["init"],
    )
    more = ["--config", str(home / "config.yaml")] if takes_config and "--config" not in arguments else []
    within = [one if not (home / one).exists() else str(home / one) for one in arguments]
    return ["-m", "umi_edge", *within, *more]


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_of_a_stranger_steers_the_terminal_of_a_command(home, name):
    printed = at_terminal(command(home, name), typed=b"n\n", UMI_CONFIG=str(home / "config.yaml"))
    assert faults(printed) == []
    assert name in SAY_NONE or b"zqforged" in printed, "the poison did not come this far"


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_of_a_stranger_steers_what_reads_a_pipe(home, name):
    done = subprocess.run(
        [sys.executable, *command(home, name)], capture_output=True, timeout=110, stdin=subprocess.DEVNULL
    )
    assert faults(done.stderr) == []
    assert faults(done.stdout) == []
    assert name in SAY_NONE or b"zqforged" in done.stdout + done.stderr, "the poison did not come this far"


@pytest.mark.parametrize("name", JSON)
def test_json_is_escaped_and_says_all_of_it_to_a_program(home, name):
    done = subprocess.run(
        [sys.executable, *command(home, name), "--json"],
        capture_output=True,
        timeout=110,
        stdin=subprocess.DEVNULL,
    )
    assert faults(done.stdout) == []
    assert b"\x1b" not in done.stdout
    assert "zqforged" in json.dumps(json.loads(done.stdout))


# The operator's program.

CLOUD: dict[str, list[str]] = {
    "devices": ["devices", "--state", "state"],
    "revoke": ["revoke", f"x{ARGUMENT}", "--state", "state"],
    "no state": ["devices", "--state", IN_A_NAME],
    "serve": ["serve", "--config", IN_A_NAME],
    "usage": [f"--x{ARGUMENT}"],
}


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("name", CLOUD)
def test_nothing_of_a_stranger_steers_the_terminal_of_an_operator(tmp_path, name, piped):
    """A device's name, a path and an argument may hold anything."""

    async def invite() -> None:
        async with registry_at(tmp_path / "state") as registry:
            await registry.add_token("laptop", bytes(32), timedelta(hours=1))

    asyncio.run(invite())
    with closing(sqlite3.connect(tmp_path / "state" / "devices.sqlite")) as database:
        database.execute("UPDATE tokens SET name = ?", (f"laptop{ARGUMENT}",))
        database.commit()
    within = [str(tmp_path / one) if one in ("state", IN_A_NAME) else one for one in CLOUD[name]]
    arguments = ["-m", "umi_cloud", *within]
    if piped:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, timeout=110, check=False)
        printed = done.stdout + done.stderr
    else:
        printed = at_terminal(arguments, typed=b"n\n")
    assert faults(printed) == []
    assert b"zq" in printed, "the poison did not come this far"


# A session at a terminal.

SESSION = """
import asyncio, sys
from pathlib import Path
from tests.attacks.terminal_judge import POISON
from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.report import Report
from umi_edge.terminal.consent import TerminalConsent
from umi_edge.terminal.live_view import LiveView, conclusion
from umi_edge.terminal.preview import TerminalPreview
from umi_edge.terminal.stdin import TypedLines
from umi_edge.tools import FailureKind, ToolFailure
from umi_shared.screen.console import Screen
import json

POLICY = (
    "defaults: {results: handle}\\ntools: {a.read: {errors: cloud, integrity: untrusted, results: {'$.shown': cloud}}, "
    "a.send: {confirm: always}}"
)

def fails(_):
    raise ToolFailure(FailureKind.ERROR, POISON)

async def main():
    screen, lines = Screen(), TypedLines(moment=0.05)
    tools = [
        tool_of("a.read", lambda _: {"shown": POISON, "kept": POISON, POISON: 1}),
        tool_of("a.fails", fails),
        tool_of("a.send", lambda _: {"sent": POISON}),
    ]
    said = POISON.replace("\\ue000", "")
    plans = [plan(f"{said} use a.read."), plan("Use a.fails."), plan("Use a.send."), plan("Done.", "summarizer"), said]
    calls = [("a.read", "{}"), ("a.fails", "{}"), ("a.send", json.dumps({"to": said, "body": said}))]
    consent = TerminalConsent(screen, lines, lambda: [POISON])
    async with world(Path(sys.argv[1]), plans=plans, calls=calls, tools=tools, policy=POLICY, consent=consent) as w:
        w.session.observe = LiveView(screen, w.vault).show
        w.session.cloud.approver = TerminalPreview(screen, lines, notices=lambda: (POISON,))
        report = await Report.of(w.session, f"Read {said}", w.ledger)
        screen.print(conclusion(report))

asyncio.run(main())
"""


def test_nothing_of_a_stranger_steers_the_terminal_of_a_session(tmp_path):
    printed = at_terminal(
        ["-c", SESSION, str(tmp_path)], typed=b"yes\n", PYTHONPATH=os.pathsep.join((str(ROOT), *sys.path))
    )
    assert faults(printed) == []
    for part in (
        b"May a.send do this?",
        b"about to leave",
        b"planner ",
        b"answer ",
        b"failed ",
        b"done on this device",
    ):
        assert part in printed

"""The gateway with programs that others wrote: the TypeScript SDK's client, MCP's Inspector, the conformance suite."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.end_to_end.gateway_client import told
from tests.end_to_end.harness import tool_of
from tests.end_to_end.test_gateway import CANARY, POLICY, box, fail
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.http import gateway_app
from umi_edge.egress.guard import EgressGuard
from umi_edge.tools.sample_home import make_sample_home

KEY = "umi-" + "k" * 40
NOT_OFFERED = "a gateway offers tools, and neither resources, prompts, completion nor logging"
WRAPPED = "a result is an object with the handles in it, not the text that the suite's own tool gives"
NOT_ASKED = "a gateway asks the program's user nothing by form, and its model nothing"
BY_A_CLOCK = "progress is told by a clock, every five seconds, and not by the tool"
EXPECTED_FAILURES = {
    **dict.fromkeys(
        (
            "server-resources-list",
            "server-resources-read-text",
            "server-resources-read-binary",
            "server-resources-templates-read",
            "server-resources-subscribe",
            "server-resources-unsubscribe",
            "server-prompts-list",
            "server-prompts-get-simple",
            "server-prompts-get-with-args",
            "server-prompts-get-embedded-resource",
            "server-prompts-get-with-image",
            "server-completion-complete",
            "server-logging-set-level",
            "server-tools-call-with-logging",
        ),
        NOT_OFFERED,
    ),
    **dict.fromkeys(
        (
            "server-tools-call-simple-text",
            "server-tools-call-image",
            "server-tools-call-audio",
            "server-tools-call-embedded-resource",
            "server-tools-call-mixed-content",
        ),
        WRAPPED,
    ),
    **dict.fromkeys(
        (
            "server-tools-call-elicitation",
            "server-tools-call-sampling",
            "server-elicitation-sep1330-enums",
            "server-elicitation-sep1034-defaults",
        ),
        NOT_ASKED,
    ),
    "server-tools-call-with-progress": BY_A_CLOCK,
}
"""Scenarios in which some check fails, and why. The list only shrinks: one that passes leaves it."""
SCENARIOS = 30
OF_THE_SUITE = """
  test_error_handling: {confirm: never}
"""


@asynccontextmanager
async def served(folder: Path, *, with_key: bool) -> AsyncIterator[str]:
    """A gateway at a port; with the key put into each request, for programs that cannot bring one."""
    async with (
        told(
            folder,
            [*box(), tool_of("test_error_handling", lambda _: fail())],
            POLICY + OF_THE_SUITE,
            guard=EgressGuard,
        ) as t,
        gateway_app(t.gateway, Doorkeeper(KEY)) as app,
    ):

        async def keyed(scope: Any, receive: Any, send: Any) -> None:
            given = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
            key = (b"authorization", f"Bearer {KEY}".encode())
            await app({**scope, "headers": [*given, key]} if with_key else scope, receive, send)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(uvicorn.Config(keyed, log_level="error", lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            finally:
                server.should_exit = True
                await serving


async def run(*command: str | Path, cwd: Path, code: int | None = None) -> str:
    """What a program says; `code`: how it has to end."""
    done = await asyncio.to_thread(
        subprocess.run,
        [*map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert code in (None, done.returncode), done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(180)
async def test_the_conformance_suite_for_servers(tmp_path, conformance_suite):
    async with served(tmp_path, with_key=True) as url:
        await run(*conformance_suite, "server", "--url", url, "-o", tmp_path / "out", cwd=tmp_path)
    failed: dict[str, list[str]] = {}
    played = [*(tmp_path / "out").rglob("checks.json")]
    for checks in played:
        scenario = re.sub(
            r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", checks.parent.relative_to(tmp_path / "out").as_posix()
        )
        failing = [one["id"] for one in json.loads(checks.read_text()) if one["status"] == "FAILURE"]
        if failing:
            failed[scenario] = failing
    assert len(played) == SCENARIOS
    assert failed.keys() - EXPECTED_FAILURES.keys() == set(), failed
    assert EXPECTED_FAILURES.keys() - failed.keys() == set(), "these pass now: take them off the list"


PROGRAM = """
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
const headers = { authorization: "Bearer " + process.argv[3] };
const client = new Client({ name: "ts", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2]), { requestInit: { headers } }));
const { tools } = await client.listTools();
const opened = await client.callTool({ name: "box_open", arguments: {} });
const said = await client.callTool({ name: "box_say", arguments: { text: opened.structuredContent.result.said } });
const locked = await client.callTool({ name: "box_lock", arguments: {} });
console.log(JSON.stringify({ tools, opened, said, locked }));
await client.close();
"""


@pytest.mark.timeout(180)
async def test_the_client_of_typescript(tmp_path, conformance_suite):
    """It holds results to their output schemas."""
    node, program = conformance_suite
    modules = Path(program).parents[4] / "node_modules"
    script = tmp_path / "client.mjs"
    (tmp_path / "node_modules").symlink_to(modules)
    script.write_text(PROGRAM)
    async with served(tmp_path, with_key=False) as url:
        said = await run(node, script, url, KEY, cwd=tmp_path)
    answer = json.loads(said)
    assert answer["opened"]["structuredContent"]["result"]["said"] == "<text:1>"
    assert not answer["said"]["isError"]
    assert answer["locked"]["isError"]
    assert "box_open" in {tool["name"] for tool in answer["tools"]}
    assert CANARY not in said


@pytest.mark.timeout(180)
async def test_the_inspector_over_http_finds_no_fault_with_the_tools_and_is_told_of_a_wrong_key(
    tmp_path, inspector
):
    async with served(tmp_path, with_key=False) as url:

        def inspect(key: str, *asked: str, code: int) -> Any:
            told = ("--header", f"Authorization: Bearer {key}")
            return run(*inspector, "--cli", url, *told, *asked, cwd=tmp_path, code=code)

        listed, opened, refused = await asyncio.gather(
            inspect(KEY, "--method", "tools/list", "--strict", code=0),  # 6: a schema that programs refuse
            inspect(KEY, "--method", "tools/call", "--tool-name", "box_open", code=0),
            inspect("wrong", "--method", "tools/list", code=3),
        )
    assert '"name": "box_open"' in listed
    assert '"said": "<text:1>"' in opened
    assert "auth_required" in refused
    assert CANARY not in listed + opened + refused


@pytest.mark.timeout(180)
async def test_the_inspector_starts_it_and_reads_handles(tmp_path, inspector):
    """Its own limit for a start, 15 seconds, is short for a machine that does much else."""
    contacts = make_sample_home(tmp_path / "home", date(2026, 6, 1)).contacts
    config = tmp_path / "config.yaml"
    config.write_text(
        json.dumps({"home": {"contacts": str(contacts)}, "ledger": str(tmp_path / "ledger.jsonl")})
    )
    asked = ("--method", "tools/call", "--tool-name", "contacts_search", "--tool-arg", "name=Alice Moreau")
    sources = os.environ.get("PYTHONPATH")
    path = ("-e", f"PYTHONPATH={sources}") if sources else ()  # it hands on little of its own environment
    umi = (sys.executable, "-m", "umi_edge", "mcp", "serve", "--client", "inspector", "--config", config)
    said = await run(
        *inspector, "--cli", "--connect-timeout", "90000", *path, *asked, "--", *umi, cwd=tmp_path, code=0
    )
    [alice] = json.loads(said)["structuredContent"]["result"]["matches"]
    assert alice["email"] == "<email:1>"
    assert "moreau" not in said.lower()

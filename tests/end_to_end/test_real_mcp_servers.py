"""MCP servers that people have, as npm and PyPI have them: all their tools are offered, and calls work."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_ask import office, umi
from tests.mcp_packages import RealServers
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.runner import RunLimits, Succeeded, run_tool

pytestmark = pytest.mark.timeout(600)

PAGE = "data:text/html,<title>Timetable</title><h1>The train leaves at nine</h1>"
POLICY = """
version: 1
name: browser
limits: {steps: 4}
tools:
  contacts.search: {results: {"$.matches[*].email": {locality: handle, type: email}}}
  playwright.*: {runs: device, confirm: never, stored_as: nowhere}
"""
SCRIPT = [
    "To find the address of <person:1>, use contacts.search. Next: caller.",
    "It is known now. Next: summarizer.",
    "It is <email:1>.",
]


def configured(real: RealServers, folder: Path) -> dict[str, dict[str, Any]]:
    """The servers, each on data of its own."""
    subprocess.run(["git", "init", "-q", folder / "repository"], check=True)
    (folder / "letter.txt").write_text("Dear all")
    return {
        "everything": real.node("mcp-server-everything"),
        "filesystem": real.node("mcp-server-filesystem", str(folder)),
        "memory": real.node("mcp-server-memory", MEMORY_FILE_PATH=str(folder / "memory.json")),
        "thinking": real.node("mcp-server-sequential-thinking"),
        "fetch": real.python("mcp_server_fetch"),
        "git": real.python("mcp_server_git", "--repository", str(folder / "repository")),
        "sqlite": real.python("mcp_server_sqlite", "--db-path", str(folder / "data.db")),
        "time": real.python("mcp_server_time", "--local-timezone", "Europe/Paris"),
    }


CALLS = {
    "everything.get-sum": {"a": 2, "b": 3},
    "filesystem.read_text_file": {"path": "letter.txt"},
    "memory.create_entities": {
        "entities": [{"name": "Alice", "entityType": "person", "observations": ["drinks tea"]}]
    },
    "thinking.sequentialthinking": {
        "thought": "First.", "nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 1,
    },
    "git.git_status": {"repo_path": "repository"},
    "sqlite.read_query": {"query": "select 2 + 3 as sum"},
    "time.convert_time": {
        "source_timezone": "Europe/Paris", "time": "12:00", "target_timezone": "Asia/Tokyo",
    },
    "fetch.fetch": {"url": "http://127.0.0.1:9/"},
}  # fmt: skip
COUNTS = {
    "everything": 16, "filesystem": 14, "memory": 10, "thinking": 1, "fetch": 1, "git": 12, "sqlite": 7, "time": 2,
}  # fmt: skip


def seen(name: str, value: Any) -> bool:
    """Whether a result is what the server was asked for."""
    match name:
        case "everything.get-sum":
            return "5" in value
        case "filesystem.read_text_file":
            return value == {"content": "Dear all"}
        case "memory.create_entities":
            return value["entities"][0]["observations"] == ["drinks tea"]
        case "thinking.sequentialthinking":
            return value["thoughtHistoryLength"] == 1
        case "git.git_status":
            return "nothing to commit" in value
        case "sqlite.read_query":
            return "5" in value
        case "time.convert_time":
            return value["target"]["timezone"] == "Asia/Tokyo"
    return False


async def test_every_tool_of_servers_that_people_use_is_offered_and_its_results_are_read(
    real_servers, tmp_path
):
    """The one that fetches pages refuses an address of this machine: its refusal is read too."""
    servers = McpServers.parse({"mcpServers": configured(real_servers, tmp_path)})
    async with open_mcp(servers, os.environ) as sources:
        assert [(source.name, source.problem) for source in sources if source.problem] == []
        assert [source.withheld for source in sources if source.withheld] == []
        tools = {tool.name: tool for source in sources for tool in source.tools}
        counted = {source.prefix[:-1]: len(source.tools) for source in sources}
        outcomes = {}
        for name, arguments in CALLS.items():
            placed = {
                word: str(tmp_path / value) if word in ("path", "repo_path") else value
                for word, value in arguments.items()
            }
            outcomes[name] = await run_tool(tools[name], placed, RunLimits(call_seconds=60))
    assert counted == COUNTS
    refused = outcomes.pop("fetch.fetch")
    assert (refused.kind, "127.0.0.1" in refused.detail) == ("error", True)
    failed = [outcome for name, outcome in outcomes.items() if not isinstance(outcome, Succeeded)]
    assert failed == []
    assert [name for name, outcome in outcomes.items() if not seen(name, outcome.value)] == []


@pytest.mark.model
def test_a_session_with_playwrights_server_goes_as_without_and_its_browser_reads_a_page(
    real_servers, tmp_path, smollm2
):
    with office(tmp_path, SCRIPT) as laptop:
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY)
        servers = {"playwright": real_servers.playwright(tmp_path)}
        laptop.configure(tmp_path / "home", mcpServers=servers, policy=str(policy))
        config = ("--config", str(laptop.config))
        listed = umi("tools", "--json", *config)
        names = {tool["name"] for tool in json.loads(listed.stdout)["tools"]}
        asked = umi("ask", *config, "What is the email address of Alice Moreau?")
        called = umi(
            "tools", "call", "playwright.browser_navigate", json.dumps({"url": PAGE}), "--json", *config
        )
    assert listed.returncode == 0, listed.stderr
    assert {"playwright.browser_navigate", "playwright.browser_snapshot", "contacts.search"} <= names
    assert asked.returncode == 0, asked.stderr
    assert "Alice Moreau: alice.moreau@example.org" in asked.stdout
    assert called.returncode == 0, called.stderr
    assert "Page Title: Timetable" in json.loads(called.stdout)[0]["value"]


async def test_playwrights_browser_is_driven_call_by_call(real_servers, tmp_path):
    """The picture is kept on the disk, and its place stands in the result."""
    servers = McpServers.parse({"mcpServers": {"playwright": real_servers.playwright(tmp_path)}})
    async with open_mcp(servers, os.environ, log_folder=tmp_path / "mcp") as (source,):
        assert (source.problem, source.withheld) == (None, ())
        tools = {tool.name.removeprefix("playwright."): tool for tool in source.tools}
        results = []
        for name, arguments in (
            ("browser_navigate", {"url": PAGE}),
            ("browser_snapshot", {}),
            ("browser_take_screenshot", {"type": "png", "scale": "css"}),
        ):
            outcome = await run_tool(tools[name], arguments, RunLimits(call_seconds=60))
            assert isinstance(outcome, Succeeded), outcome
            results.append(outcome.value)
    assert 'heading "The train leaves at nine"' in results[1]
    picture = await asyncio.to_thread(Path(results[2][-1]).read_bytes)
    assert picture.startswith(b"\x89PNG")

"""A server asks that an argument be copied into an HTTP header, where proxies and logs on the way read it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.mcp.http import BoundedTransport
from umi_edge.tools.runner import RunLimits, Succeeded, run_tool

CANARY = "zq-canary-of-an-argument"
SCHEMA = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
SERVER_INFO = {"name": "recorder", "version": "1"}


class Recorder(BaseHTTPRequestHandler):
    """Streamable HTTP of MCP 2026-07-28, as far as a call needs it; keeps the headers and bodies that arrive."""

    seen: list[tuple[dict[str, str], dict]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((dict(self.headers), body))
        complete = {"resultType": "complete"}
        cached = {**complete, "ttlMs": 0, "cacheScope": "private"}
        tool = {"name": "ask", "description": "Ask.", "inputSchema": SCHEMA}
        results = {
            "server/discover": {
                **cached,
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "serverInfo": SERVER_INFO,
            },
            "tools/list": {**cached, "tools": [tool]},
            "tools/call": {**complete, "content": [{"type": "text", "text": "done"}]},
        }
        said = json.dumps(
            {"jsonrpc": "2.0", "id": body.get("id"), "result": results.get(body["method"], {})}
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def recorder() -> Iterator[tuple[str, list]]:
    seen: list = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Recording", (Recorder,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/mcp", seen
    server.shutdown()
    thread.join()
    server.server_close()


async def called(url: str) -> None:
    async with open_mcp(McpServers.parse({"mcpServers": {"far": {"type": "http", "url": url}}}), {}) as (
        source,
    ):
        assert source.problem is None, source.problem
        outcome = await run_tool(source.tools[0], {"region": CANARY}, RunLimits(call_seconds=20))
        assert isinstance(outcome, Succeeded), outcome


def calls(seen: list) -> list[dict[str, str]]:
    return [headers for headers, body in seen if body["method"] == "tools/call"]


async def test_an_argument_that_a_server_wants_in_a_header_leaves_in_the_body_only(recorder):
    """The SDK is told of no schema, so it copies nothing; and the transport lets no such header out."""
    url, seen = recorder
    await called(url)
    (headers,) = calls(seen)
    assert not [name for name in headers if name.lower().startswith("mcp-param-")]
    assert all(CANARY not in value for value in headers.values())


async def test_the_sdk_would_have_put_it_there(recorder, monkeypatch):
    """Else the test above could not fail."""
    url, seen = recorder

    def unmended(answers: Any, tool: dict) -> list[dict]:
        answers._link.schemas.append((tool["inputSchema"], None))
        return [tool]

    monkeypatch.setattr("umi_edge.tools.mcp.answers._MendedAnswers._tool", unmended)
    monkeypatch.setattr(
        BoundedTransport, "handle_async_request", httpx2.AsyncHTTPTransport.handle_async_request
    )
    await called(url)
    (headers,) = calls(seen)
    assert {name.lower(): value for name, value in headers.items()}["mcp-param-region"] == CANARY


def test_the_prefix_is_the_protocols():
    from mcp.shared.inbound import MCP_PARAM_HEADER_PREFIX

    assert MCP_PARAM_HEADER_PREFIX.lower() == "mcp-param-"

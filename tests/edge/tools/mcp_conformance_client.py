"""umi as a client for the conformance suite of MCP: `python mcp_conformance_client.py URL`; see `test_conformance.py`.

The suite says in the environment which scenario it plays. Nobody sits at the browser: the login page answers at once.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp import McpLimits, McpServers
from umi_edge.tools.mcp.last_offers import LastOffers
from umi_edge.tools.mcp.logins import Logins
from umi_edge.tools.mcp.running_server import RunningServer
from umi_edge.tools.mcp.stored_files import StoredFiles
from umi_edge.tools.outcome import ToolFailure
from umi_edge.tools.running_call import Nobody, ServerQuestion, begin_call

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
CALLS = {
    "add_numbers": {"a": 5, "b": 3},
}


def browse(url: str) -> None:
    """Stands in for the user's browser: goes where the login page sends it."""
    response = httpx2.get(url, follow_redirects=False)
    httpx2.get(response.headers["location"])


def issuer(url: str) -> str:
    """The login server, which a user's configuration names."""
    metadata = httpx2.get(urljoin(url, f"/.well-known/oauth-protected-resource{urlsplit(url).path}"))
    return str(metadata.json()["authorization_servers"][0])


class Defaults(Nobody):
    """Stands in for a user who answers what the server proposes."""

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON]:
        return {one.name: one.default for one in question.fields}


async def main(url: str) -> None:
    oauth = {"clientMetadataUrl": "https://conformance-test.local/client-metadata.json"}
    if "client_id" in CONTEXT:
        oauth = {"clientId": CONTEXT["client_id"], "clientSecret": CONTEXT.get("client_secret", "")}
    if SCENARIO.startswith("auth/client-credentials"):
        oauth |= {"grantType": "client_credentials", "issuer": issuer(url)}
    if "private_key_pem" in CONTEXT:
        oauth |= {"privateKey": CONTEXT["private_key_pem"], "algorithm": CONTEXT["signing_algorithm"]}
    (server,) = McpServers.parse({"mcpServers": {"suite": {"url": url, "oauth": oauth}}}).servers
    with tempfile.TemporaryDirectory() as folder:
        logins = Logins(Path(folder))
        running = RunningServer(
            server, {}, McpLimits(start_seconds=30), None, StoredFiles(None), LastOffers(None), logins
        )
        try:
            tools = await (running.log_in(browse) if SCENARIO.startswith("auth/") else running.offered())
            begin_call(Defaults(), 60)
            for tool in tools:
                try:
                    print(tool.name, await running.call(tool, CALLS.get(tool.name, {})))
                except ToolFailure as failure:
                    print(tool.name, failure.kind, failure.detail)
        finally:
            await running.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))

"""umi as a client passes the conformance suite of MCP, but for the checks that are listed here.

The suite is `@modelcontextprotocol/conformance` of npm, on the Node that npm's package `node` has. Make a folder with
`npm install --prefix FOLDER @modelcontextprotocol/conformance@0.1.16 node@22`, and name it in UMI_CONFORMANCE.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("UMI_CONFORMANCE", "no-folder"))
NODE = FOLDER / "node_modules" / "node" / "bin" / "node"
SUITE = FOLDER / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
CLIENT = Path(__file__).with_name("mcp_conformance_client.py")
EXPECTED_FAILURES = {
    "auth/2025-03-26-oauth-metadata-backcompat": "the SDK wants an issuer to be the address that it was asked at",
    "auth/client-credentials-jwt": "an extension: no user logs in",
    "auth/client-credentials-basic": "an extension: no user logs in",
    "auth/cross-app-access-complete-flow": "an extension: another program logs in",
    "elicitation-sep1034-client-defaults": "umi answers no questions of servers",
    "sse-retry": "on a busy machine the SDK comes back later than the server says",
}
"""Scenarios in which some check fails, and why."""
LEAST = 115 / 125


@pytest.mark.skipif(
    not (NODE.exists() and SUITE.exists()), reason="UMI_CONFORMANCE names no folder with the suite"
)
@pytest.mark.timeout(900)
def test_the_checks_of_the_suite_pass_but_for_those_that_are_expected_to_fail(tmp_path):
    command = f"{sys.executable} {CLIENT}"
    subprocess.run(
        [
            NODE,
            SUITE,
            "client",
            "--command",
            command,
            "--suite",
            "all",
            "--timeout",
            "120000",
            "-o",
            tmp_path,
        ],
        check=False,
        capture_output=True,
        timeout=800,
    )
    passed, failed = 0, {}
    for checks in tmp_path.rglob("checks.json"):
        scenario = checks.parent.relative_to(tmp_path).as_posix()[: -len("-2026-11-27T04-48-48-628Z")]
        for check in json.loads(checks.read_text("utf-8")):
            passed += check["status"] == "SUCCESS"
            if check["status"] == "FAILURE":
                failed.setdefault(scenario, []).append(check["id"])
    assert set(failed) <= set(EXPECTED_FAILURES), failed
    assert passed / (passed + sum(map(len, failed.values()))) >= LEAST

"""A server that says what a file says, however odd: `python raw_mcp_server.py FILE` (see `test_mcp_answers.py`)."""

import json
import sys
from pathlib import Path

SAYS = json.loads(Path(sys.argv[1]).read_text("utf-8"))


TASKS: dict = {}
"""The one task that runs: what it is going to be, and the tool that was called."""


def task(status: str) -> dict:
    at = "2026-06-01T09:00:00Z"
    told = {"taskId": "t1", "status": status, "createdAt": at, "lastUpdatedAt": at}
    return {**told, "ttl": None, "pollInterval": 200}


def answer(asked: dict) -> dict:
    method, params = asked.get("method"), asked.get("params", {})
    if method == "initialize":
        version = SAYS.get("version", params["protocolVersion"])
        info = {"name": "raw", "version": "1"}
        capabilities = {"tools": {}, **SAYS.get("capabilities", {})}
        return {"result": {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}}
    if method == "tools/list":
        return {"result": {"tools": SAYS["tools"]}}
    if method == "tools/call" and params["name"] in SAYS.get("tasks", {}):
        if "task" not in params:
            return {"error": {"code": -32601, "message": "this tool runs as a task only"}}
        TASKS["left"] = list(SAYS["tasks"][params["name"]])
        TASKS["name"] = params["name"]
        return {"result": {"task": task("working")}}
    if method == "tasks/get":
        return {"result": task(TASKS["left"].pop(0) if len(TASKS["left"]) > 1 else TASKS["left"][0])}
    if method == "tasks/result":
        return SAYS["calls"][TASKS["name"]]
    if method == "tasks/cancel":
        Path(sys.argv[1]).with_name("cancelled").write_text(params["taskId"])
        return {"result": task("cancelled")}
    if method == "tools/call":
        SAYS["tools"] = SAYS.get("then", {}).get(params["name"], SAYS["tools"])
        return SAYS["calls"][params["name"]]
    if method == "resources/list":
        return {"result": {"resources": [{"uri": uri, "name": uri} for uri in SAYS["resources"]]}}
    if method == "resources/read":
        return SAYS["resources"][params["uri"]]
    return {"error": {"code": -32601, "message": "no such method"}}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            before = SAYS["tools"]
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer(asked)}), flush=True)
            if SAYS["tools"] is not before:  # as `then` says after the call of a tool
                print(
                    json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}), flush=True
                )

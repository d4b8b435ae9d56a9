"""An MCP server that writes the poison of `terminal_judge` wherever a server may write."""

import json
import sys

POISON = sys.argv[1].encode().decode("unicode_escape")
SCHEMA = {
    "type": "object",
    "properties": {
        f"p{POISON}": {"type": "string", "title": POISON, "description": POISON, "enum": [POISON, "a"]},
        "plain": {"type": "string", "default": POISON},
    },
    "required": [f"p{POISON}"],
}
TOOLS = [
    {
        "name": name,
        "title": POISON,
        "description": f"{POISON}. {POISON}",
        "inputSchema": SCHEMA,
        "outputSchema": {"type": "object", "properties": {f"r{POISON}": {"type": "string"}}},
    }
    for name in ("find", f"find{POISON}")
]
ANSWERS = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}, "logging": {}},
        "serverInfo": {"name": POISON, "version": POISON, "title": POISON},
        "instructions": POISON,
    },
    "tools/list": {"tools": TOOLS},
}

for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    print(POISON, file=sys.stderr, flush=True)
    log = {"level": "error", "logger": POISON, "data": POISON}
    print(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": log}), flush=True)
    head = {"jsonrpc": "2.0", "id": message["id"]}
    if len(sys.argv) > 2 or message["method"] not in ANSWERS:
        print(json.dumps(head | {"error": {"code": -32000, "message": POISON, "data": POISON}}), flush=True)
    else:
        print(json.dumps(head | {"result": ANSWERS[message["method"]]}), flush=True)

"""An MCP server of protocol 2025-11-25 that asks the user things: by a request of its own, while a call runs."""

import json
import sys

FORM = {
    "type": "object",
    "properties": {"code": {"type": "string", "title": "Door code"}},
    "required": ["code"],
}
waiting = None


def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    match message:
        case {"method": "initialize", "id": number}:
            about = {"serverInfo": {"name": "old", "version": "1"}, "capabilities": {"tools": {}}}
            send(id=number, result={"protocolVersion": "2025-11-25", **about})
        case {"method": "tools/list", "id": number}:
            send(id=number, result={"tools": [{"name": "book", "inputSchema": {"type": "object"}}]})
        case {"method": "tools/call", "id": number}:
            waiting = number
            send(
                id="q", method="elicitation/create", params={"message": "For whom?", "requestedSchema": FORM}
            )
        case {"id": "q", "result": {"action": action, **more}}:
            text = f"{action}: door {more.get('content', {}).get('code')}"
            send(id=waiting, result={"content": [{"type": "text", "text": text}]})
        case {"id": number, "method": _}:
            send(id=number, error={"code": -32601, "message": "unknown"})

"""An MCP server over HTTP that wants a login, and its authorization server, in one process of the test's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


class Guarded(ThreadingHTTPServer):
    """Says 401 without a token of its own; hands tokens out one after the other."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.issued = 0
        self.valid: set[str] = set()
        self.refreshes = 0
        self.answers: dict[str, Any] = {}
        """Other statuses and pages for `/mcp`, by the words `status` and `page`."""

    def token(self) -> dict[str, Any]:
        self.issued += 1
        access = f"zqaccess-{self.issued}"
        self.valid = {access}
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"zqrefresh-{self.issued}",
        }


class Handler(BaseHTTPRequestHandler):
    server: Guarded
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: Any) -> None:
        """Quiet."""

    def say(self, status: int, body: Any, kind: str = "application/json", **headers: str) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        url, parts = self.server.url, urlsplit(self.path)
        if parts.path.startswith("/.well-known/oauth-protected-resource"):
            self.say(200, {"resource": f"{url}/mcp", "authorization_servers": [url]})
        elif parts.path.startswith("/.well-known/oauth-authorization-server"):
            ends = {
                "authorization_endpoint": "authorize",
                "token_endpoint": "token",
                "registration_endpoint": "register",
            }
            methods = {"code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"]}
            self.say(200, {"issuer": url, **methods, **{word: f"{url}/{end}" for word, end in ends.items()}})
        elif parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            back = urlencode({"code": "zqcode", "state": asked["state"]})
            self.say(302, "", Location=f"{asked['redirect_uri']}?{back}")
        else:
            self.say(405, "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/register":
            self.say(201, {**json.loads(body), "client_id": "zqclient", "token_endpoint_auth_method": "none"})
        elif self.path == "/token":
            self.server.refreshes += b"grant_type=refresh_token" in body
            self.say(200, self.server.token())
        elif self.server.answers:
            kind = "text/html" if "page" in self.server.answers else "application/json"
            self.say(self.server.answers.get("status", 200), self.server.answers.get("page", {}), kind)
        elif self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.valid:
            where = f'Bearer resource_metadata="{self.server.url}/.well-known/oauth-protected-resource"'
            self.say(401, {}, WWW_Authenticate=where)
        else:
            self.answer(json.loads(body))

    def answer(self, asked: dict[str, Any]) -> None:
        if "id" not in asked:
            self.say(202, "")
            return
        info = {"name": "guarded", "version": "1"}
        results = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": info,
            },
            "tools/list": {"tools": [{"name": "whoami", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": "you"}]},
        }
        told: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        if asked["method"] in results:
            told["result"] = results[asked["method"]]
        else:
            told["error"] = {"code": -32601, "message": "no such method"}
        self.say(200, told)


@contextmanager
def guarded() -> Iterator[Guarded]:
    """The server, running."""
    server = Guarded()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""MCP servers that really run, over stdio and streamable HTTP, and fail in every way."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from umi_edge.tools.catalogue import Catalogue
from umi_edge.tools.mcp import HttpServer, McpLimits, McpServers, open_mcp
from umi_edge.tools.mcp.translation import hints, tool_names
from umi_edge.tools.runner import Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.source import ToolSource
from umi_edge.tools.tool import Hints, Tool
from umi_shared.errors import ConfigError, ToolError

SCRIPT = str(Path(__file__).with_name("mcp_server.py"))
ENV = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
SECRET = "sk-very-private"


def stdio_config(**more: Any) -> McpServers:
    entry = {"command": sys.executable, "args": [SCRIPT], **more}
    return McpServers.parse({"mcpServers": {"test": entry}})


def catalogue(sources: Iterable[ToolSource]) -> Catalogue:
    """The tools of servers that all started."""
    sources = tuple(sources)
    assert [source.problem for source in sources if source.problem] == []
    return Catalogue(tool for source in sources for tool in source.tools)


@asynccontextmanager
async def stdio(**named: Any) -> AsyncIterator[Catalogue]:
    async with open_mcp(stdio_config(), ENV, **named) as sources:
        yield catalogue(sources)


async def value(tools: Catalogue, called: str, /, **arguments: Any) -> Any:
    return await value_of(tools[f"test.{called}"], **arguments)


async def value_of(tool: Tool, /, **arguments: Any) -> Any:
    outcome = await run_tool(tool, arguments, RunLimits(call_seconds=20))
    assert isinstance(outcome, Succeeded), (outcome, getattr(outcome, "detail", ""))
    return outcome.value


async def failure(tools: Catalogue, called: str, /, seconds: float = 20, **arguments: Any) -> Failed:
    outcome = await run_tool(tools[f"test.{called}"], arguments, RunLimits(call_seconds=seconds))
    assert isinstance(outcome, Failed)
    return outcome


async def there(path: Path) -> None:
    async with asyncio.timeout(10):
        while not path.exists():  # noqa: ASYNC110, ASYNC240 -- another process writes it
            await asyncio.sleep(0.01)


def test_a_configuration_shows_no_argument_header_variable_or_url():
    servers = McpServers.parse(
        {
            "mcpServers": {
                "a": {"command": "npx", "args": [SECRET], "env": {"KEY": SECRET}, "cwd": "/tmp"},
                "b": {"url": f"https://example.org/mcp?key={SECRET}", "headers": {"Authorization": SECRET}},
                "c": {"disabled": True, "command": "never"},
            }
        }
    )
    assert [server.name for server in servers.servers] == ["a", "b"]
    assert SECRET not in repr(servers)
    expanded = [server.expanded({}) for server in servers.servers]
    assert SECRET not in repr(expanded)


def test_variables_are_filled_from_the_given_environment_only(monkeypatch):
    monkeypatch.setenv("UMI_TEST_KEY", "from the process")
    config = McpServers.parse(
        {
            "mcpServers": {
                "a": {"url": "https://${HOST:-example.org}/mcp", "headers": {"X": "Bearer ${UMI_TEST_KEY}"}}
            }
        }
    )
    [server] = config.servers
    filled = server.expanded({"UMI_TEST_KEY": SECRET})
    assert isinstance(filled, HttpServer)
    assert filled.url == "https://example.org/mcp"
    assert filled.headers == {"X": f"Bearer {SECRET}"}
    with pytest.raises(ConfigError, match=r"a needs the environment variable UMI_TEST_KEY"):
        server.expanded({})


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({}, "a command or a url"),
        ({"command": "x", "url": "https://example.org"}, "a command or a url"),
        ({"command": "x", "type": "http"}, "type"),
        ({"url": "https://example.org", "type": "sse"}, "SSE"),
        ({"command": ""}, "command"),
        ({"command": "x", "required": "yes"}, "required"),
        ({"command": "x", "start_seconds": True}, "start_seconds"),
        ({"command": "x", "start_seconds": 0}, "start_seconds"),
        ({"command": "x", "args": "y"}, "args"),
        ({"command": "x", "env": [1]}, "env"),
        ("npx", "mapping"),
    ],
)
def test_a_wrong_server_is_named_with_what_is_wrong(entry, says):
    with pytest.raises(ConfigError, match=says) as caught:
        McpServers.parse({"mcpServers": {"odd": entry}})
    assert "odd" in caught.value.message
    assert "mcpServers.odd" in caught.value.fix


@pytest.mark.parametrize("url", ["http://example.org/mcp", "ftp://localhost/", "example.org", "https://"])
def test_a_header_never_travels_in_clear_to_another_machine(url):
    with pytest.raises(ConfigError, match="not https"):
        HttpServer(name="a", url=url).expanded({})


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_file_is_read_as_json_or_yaml_and_named_when_it_is_neither(tmp_path, suffix):
    path = tmp_path / f"mcp{suffix}"
    path.write_text('{\n"mcpServers": {"a": {"command": "x"}}}')
    assert [server.name for server in McpServers.load(path).servers] == ["a"]
    for broken in ("{", "[]", '{"mcpServers": 3}', "\x00"):
        path.write_text(broken)
        with pytest.raises(ConfigError, match=path.name):
            McpServers.load(path)


def test_names_are_unique_whatever_the_order_of_the_servers():
    pairs = [("a", "b.c"), ("a.b", "c"), ("a b", "c"), ("1", "x"), ("s", "t" * 80), ("s", "t" * 81)]
    names = tool_names(pairs)
    assert len(set(names.values())) == len(pairs)
    assert names == tool_names(reversed(pairs))
    assert names["a", "b.c"] == "a.b.c"
    assert all(len(name) <= 64 for name in names.values())


def test_a_server_that_says_nothing_of_a_tool_is_held_for_dangerous():
    assert hints(None, remote=False) == Hints(destructive=True, open_world=True)


async def test_tools_have_the_servers_name_schema_and_hints():
    async with stdio() as tools:
        add = tools["test.add"]
        assert add.source == "mcp:test"
        assert add.description == "Add two numbers."
        assert set(add.input_schema["properties"]) == {"a", "b"}
        assert add.hints == Hints(read_only=True)
        assert tools["test.environment"].hints == Hints(open_world=True)
        assert tools["test.fail"].hints == Hints(destructive=True, open_world=True)
        assert await value(tools, "add", a=2, b=3) == {"sum": 5}
        assert (await failure(tools, "add", a="x", b=3)).kind is FailureKind.INVALID_ARGUMENTS


async def test_a_server_gets_its_own_environment_and_folder_and_not_the_rest(tmp_path, monkeypatch):
    monkeypatch.setenv("UMI_TEST_KEY", SECRET)
    config = stdio_config(env={"OWN": "${GIVEN}"}, cwd=str(tmp_path))
    async with open_mcp(config, {**ENV, "GIVEN": "yes"}) as found:
        tools = catalogue(found)
        own = await value(tools, "environment", name="OWN")
        assert own["value"] == "yes"
        assert own["cwd"] == tmp_path.resolve().as_posix()
        assert (await value(tools, "environment", name="UMI_TEST_KEY"))["value"] is None


async def test_text_is_json_only_where_it_is_an_object_or_an_array():
    async with stdio() as tools:
        for text, expected in (
            ('{"a": [1]}', {"a": [1]}),
            (" [1, 2]", [1, 2]),
            ("{not json", "{not json"),
            ("75001", "75001"),
            ("plain", "plain"),
        ):
            assert await value(tools, "text", value=text) == expected
        assert await value(tools, "texts") == ["one", {"two": 2}]


async def test_what_is_no_small_json_is_refused_and_the_server_stays(caplog):
    async with stdio() as tools:
        assert (await failure(tools, "image")).kind is FailureKind.NOT_JSON  # there is no folder for it
        assert (await failure(tools, "large", size=2 << 20)).kind is FailureKind.TOO_LARGE
        assert (await failure(tools, "deep", levels=100)).kind is FailureKind.TOO_DEEP
        assert (await failure(tools, "deep", levels=10_000)).kind is FailureKind.TOO_DEEP
        failed = await failure(tools, "fail", secret=SECRET)
        assert failed.kind is FailureKind.ERROR
        assert SECRET in failed.detail
        assert SECRET not in repr(failed) + caplog.text
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}


async def test_a_message_of_100_mebibytes_ends_the_connection_early_and_the_next_call_has_a_new_one():
    async with stdio() as tools:
        assert (await failure(tools, "large", size=100 << 20)).kind is FailureKind.TOO_LARGE
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}


RAW = """
import json, sys
answers = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "raw", "version": "1"},
    },
    "tools/list": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("deep", "garbage", "ok")]},
}
for line in sys.stdin.buffer:
    message = json.loads(line)
    if "id" not in message:
        continue
    method = message["method"]
    head = b'{"jsonrpc": "2.0", "id": %d, ' % message["id"]
    out = sys.stdout.buffer
    if method in answers:
        out.write(head + b'"result": ' + json.dumps(answers[method]).encode() + b"}\\n")
    elif method != "tools/call":
        out.write(head + b'"error": {"code": -32601, "message": "no such method"}}\\n')
    elif message["params"]["name"] == "deep":
        nested = b'{"a":' * 10000 + b"1" + b"}" * 10000
        out.write(head + b'"result": {"content": [], "structuredContent": ' + nested + b"}}\\n")
    elif message["params"]["name"] == "garbage":
        out.write(b"\\x00\\xff\\xfe\\n{'no': json}\\n" + head + b'"result": 3}\\n')
    else:
        out.write(head + b'"result": {"content": [{"type": "text", "text": "fine"}]}}\\n')
    out.flush()
""".replace("\\\\", "\\")


async def test_an_answer_of_10_000_levels_or_of_garbage_fails_its_call_and_no_other():
    async with open_mcp(stdio_config(args=["-c", RAW]), ENV) as found:
        tools = catalogue(found)
        assert (await failure(tools, "deep")).kind is FailureKind.TOO_DEEP
        assert await value(tools, "ok") == "fine"
        assert (await failure(tools, "garbage")).kind is FailureKind.NOT_JSON
        assert await value(tools, "ok") == "fine"


async def test_a_call_that_dies_with_its_server_is_not_repeated_and_the_next_reconnects(tmp_path):
    counter = tmp_path / "counter"
    async with stdio() as tools:
        assert (await failure(tools, "die", counter=str(counter))).kind is FailureKind.UNAVAILABLE
        assert counter.read_text() == "x"
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}
        assert counter.read_text() == "x"


async def test_a_call_out_of_time_is_cancelled_on_the_server(tmp_path):
    started, cancelled = tmp_path / "started", tmp_path / "cancelled"
    async with stdio() as tools:
        call = asyncio.create_task(
            run_tool(tools["test.hang"], {"started": str(started), "cancelled": str(cancelled)}, RunLimits())
        )
        await there(started)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await there(cancelled)
        late = await failure(tools, "hang", seconds=0.1, started=str(started), cancelled=str(cancelled))
        assert late.kind is FailureKind.TIMEOUT
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}


async def test_calls_run_at_the_same_time():
    async with stdio() as tools:
        sums = await asyncio.gather(*(value(tools, "add", a=n, b=n) for n in range(20)))
    assert [found["sum"] for found in sums] == [2 * n for n in range(20)]


async def test_no_server_process_is_left_behind(tmp_path):
    pid = tmp_path / "pid"
    script = tmp_path / "wrapped.py"
    script.write_text(
        f"import os, pathlib, runpy, sys\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
        f"sys.argv = [{SCRIPT!r}]\nrunpy.run_path({SCRIPT!r}, run_name='__main__')\n"
    )
    async with open_mcp(stdio_config(args=[str(script)]), ENV):
        os.kill(int(pid.read_text()), 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_stderr_goes_to_a_private_file_or_nowhere(tmp_path, capfd):
    async with stdio(log_folder=tmp_path / "logs") as tools:
        await value(tools, "add", a=1, b=1)
    [log] = (tmp_path / "logs").iterdir()
    assert "stderr text" in log.read_text()
    assert os.name == "nt" or log.stat().st_mode & 0o077 == 0
    async with stdio() as tools:
        await value(tools, "add", a=1, b=1)
    assert capfd.readouterr() == ("", "")


BROKEN = {
    "absent": ({"command": "umi-no-such-command", "args": [SECRET]}, "cannot be run"),
    "exits": ({"command": sys.executable, "args": ["-c", f"raise SystemExit('{SECRET}')"]}, "it ended"),
    "silent": ({"command": sys.executable, "args": ["-c", "input(); input()"]}, "no answer within"),
    "babbles": (
        {"command": sys.executable, "args": ["-c", "while True: print('x' * 9999)"]},
        "no answer within",
    ),
    "floods": (
        {"command": sys.executable, "args": ["-c", "while True: print('x' * 9999, end='')"]},
        "it ended",
    ),
    "gone": ({"url": f"http://127.0.0.1:1/mcp?key={SECRET}"}, "127.0.0.1 cannot be reached"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_server_that_does_not_start_is_one_error_with_its_name_and_the_fix(name, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    entry, says = BROKEN[name]
    config = McpServers.parse({"mcpServers": {name: entry}})
    limits = McpLimits(start_seconds=1, message_bytes=1 << 20)
    async with open_mcp(config, ENV, limits=limits) as (source,):
        problem = source.problem
    assert isinstance(problem, ToolError)
    assert says in problem.message
    assert name in problem.message
    assert f"mcpServers.{name}" in problem.fix
    assert SECRET not in repr(source) + str(problem) + repr(problem.__cause__) + caplog.text + "".join(
        capfd.readouterr()
    )


async def test_broken_servers_keep_the_tools_of_no_other():
    """One crashes, one hangs when it is greeted, one lacks its key: the fourth gives its tools all the same."""
    servers = {
        "crashes": BROKEN["exits"][0],
        "hangs": {**BROKEN["silent"][0], "start_seconds": 0.5},
        "keyless": {"command": "x", "env": {"KEY": "${UMI_NO_SUCH_KEY}"}},
        "good": {"command": sys.executable, "args": [SCRIPT], "required": True},
    }
    async with open_mcp(McpServers.parse({"mcpServers": servers}), ENV) as sources:
        tools = catalogue(source for source in sources if source.problem is None)
        assert await value_of(tools["good.add"], a=1, b=2) == {"sum": 3}
    assert [source.name for source in sources] == [f"mcp:{name}" for name in servers]
    assert [source.required for source in sources] == [False, False, False, True]
    crashes, hangs, keyless, _ = (str(source.problem) for source in sources)
    assert "it ended" in crashes
    assert "no answer within 0.5 s" in hangs
    assert "needs the environment variable UMI_NO_SUCH_KEY" in keyless


async def test_no_server_takes_the_name_of_one_that_is_broken():
    """A policy has rules for `my_files.add`; they are not for a server that would be called so only today."""
    servers = {"my_files": BROKEN["absent"][0], "my files": {"command": sys.executable, "args": [SCRIPT]}}
    async with open_mcp(McpServers.parse({"mcpServers": servers}), ENV) as (gone, other):
        assert (gone.prefix, other.prefix) == ("my_files.", "my_files.")
        assert not any(tool.name == "my_files.add" for tool in other.tools)
        assert any(tool.name.startswith("my_files.add-") for tool in other.tools)


async def test_of_too_many_tools_the_first_are_offered_and_the_rest_named_as_left_out():
    async with open_mcp(stdio_config(), ENV, limits=McpLimits(tools=3)) as (source,):
        assert source.problem is None
        assert len(source.tools) == 3
        assert [(one.name, one.because) for one in source.withheld] == [
            ("the rest", "the server has more than 3 tools")
        ]


ODD = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "odd", "version": "1"}}
    elif asked.get("method") == "tools/list":
        result = {"tools": json.load(open(sys.argv[1]))}
    elif "id" in asked:
        error = {"code": -32601, "message": "no"}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}), flush=True)
        continue
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


async def test_a_tool_that_cannot_be_written_is_left_out_by_name_and_no_other(tmp_path):
    deep = {"type": "object"}
    for _ in range(80):
        deep = {"type": "object", "properties": {"a": deep}}
    schemas = {
        "good": {"type": "object"},
        "names": {"type": "object", "properties": {"x": {"propertyNames": {"pattern": "^a"}}}},
        "deep": deep,
        "huge": {"type": "object", "description": "x" * 200_000},
        "twice": {"type": "object"},
    }
    tools = [
        {"name": name, "inputSchema": schema}
        for name, schema in [*schemas.items(), ("twice", {"type": "object"})]
    ]
    (tmp_path / "tools.json").write_text(json.dumps(tools))
    entry = {"command": sys.executable, "args": ["-c", ODD, str(tmp_path / "tools.json")]}
    async with open_mcp(McpServers.parse({"mcpServers": {"odd": entry}}), ENV) as (source,):
        assert source.problem is None
        assert [tool.name for tool in source.tools] == ["odd.good", "odd.names", "odd.twice"]
        said = {one.name: one.because for one in source.withheld}
        assert set(said) == {"odd.deep", "odd.huge", "odd.twice"}
        assert "nested more than 64 levels deep" in said["odd.deep"]
        assert "more than 131072 bytes" in said["odd.huge"]
        assert "another tool of this name" in said["odd.twice"]


class HttpProcess:
    """The same server over HTTP, that can be stopped and started again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def http(unused_tcp_port: int) -> Iterator[HttpProcess]:
    process = HttpProcess(unused_tcp_port)
    process.start()
    yield process
    process.stop()


@asynccontextmanager
async def over_http(process: HttpProcess, **named: Any) -> AsyncIterator[Catalogue]:
    entry = {"type": "http", "url": f"http://127.0.0.1:{process.port}/mcp", "headers": {"X-Key": SECRET}}
    async with open_mcp(McpServers.parse({"mcpServers": {"test": entry}}), ENV, **named) as sources:
        yield catalogue(sources)


async def test_streamable_http_gives_the_same_tools_values_and_failures(http, caplog):
    caplog.set_level(logging.DEBUG)
    async with over_http(http) as tools:
        assert await value(tools, "add", a=2, b=3) == {"sum": 5}
        assert tools["test.add"].hints == Hints(read_only=True)
        assert await value(tools, "text", value='{"a": 1}') == {"a": 1}
        assert (await failure(tools, "image")).kind is FailureKind.NOT_JSON
        assert (await failure(tools, "fail", secret=SECRET)).kind is FailureKind.ERROR
        assert (await failure(tools, "large", size=2 << 20)).kind is FailureKind.TOO_LARGE
        assert (await failure(tools, "deep", levels=10_000)).kind is FailureKind.TOO_DEEP
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}
    assert SECRET not in caplog.text


async def test_an_answer_over_http_ends_at_the_limit(http):
    async with over_http(http, limits=McpLimits(message_bytes=1 << 20)) as tools:
        assert (await failure(tools, "large", size=30 << 20)).kind is FailureKind.TOO_LARGE
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}


async def test_an_http_server_that_dies_is_unavailable_until_it_is_back(http, tmp_path):
    counter = tmp_path / "counter"
    async with over_http(http) as tools:
        assert (await failure(tools, "die", counter=str(counter))).kind is FailureKind.UNAVAILABLE
        http.stop()
        assert (await failure(tools, "add", a=1, b=1)).kind is FailureKind.UNAVAILABLE
        http.start()
        assert await value(tools, "add", a=1, b=1) == {"sum": 2}
        assert counter.read_text() == "x"


async def test_a_call_over_http_is_cancelled_on_the_server(http, tmp_path):
    started, cancelled = tmp_path / "started", tmp_path / "cancelled"
    async with over_http(http) as tools:
        late = await failure(tools, "hang", seconds=0.5, started=str(started), cancelled=str(cancelled))
        assert late.kind is FailureKind.TIMEOUT
        await there(cancelled)

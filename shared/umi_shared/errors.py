"""The errors of umi.

    UmiError
    ├── ConfigError            a file, flag or environment variable is wrong
    │   └── PolicyError        a policy is wrong, at a line
    ├── ModelError             a model file is missing, truncated or does not fit
    ├── ToolError              a tool is wrongly declared, or its server is
    ├── PeerError              the other side broke the protocol
    │   ├── RefusedError       it said no: certificate, quota, limits
    │   └── MalformedError     what it sent does not parse or passes a limit
    ├── TransportError         the connection failed; the peer may be fine
    ├── PrivacyError           going on could expose a value: the step stops before a byte is sent
    └── LimitError             a limit of this side was reached

An error's text names the file, the rule or the peer, and the fix. It never holds a private value (I8).

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

__all__ = [
    "ConfigError",
    "LimitError",
    "MalformedError",
    "ModelError",
    "PeerError",
    "PolicyError",
    "PrivacyError",
    "RefusedError",
    "ToolError",
    "TransportError",
    "UmiError",
]


class UmiError(Exception):
    """Anything umi knows how to explain; `fix` says what the reader can do about it.

    >>> print(UmiError("no model at caller.gguf", fix="run `umi models pull`"))
    no model at caller.gguf
    Fix: run `umi models pull`
    """

    exit_code = 1
    is_list = False
    """Whether the message is a list of mistakes, a line each; else it is one line, whatever it quotes."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads, line by line."""
        message = self.message.split("\n") if self.is_list else [self.message]
        return (*message, f"Fix: {self.fix}") if self.fix else tuple(message)

    def __str__(self) -> str:
        return f"{self.message}\nFix: {self.fix}" if self.fix else self.message


class ConfigError(UmiError):
    """A file, a flag or an environment variable is wrong."""

    exit_code = 2


class PolicyError(ConfigError):
    """A policy is wrong; `file` and `line` (1-based) say where."""

    def __init__(self, message: str, *, file: str = "", line: int = 0, fix: str = "") -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + message, fix=fix)
        self.file = file
        self.line = line


class ModelError(UmiError):
    """A model file is missing, truncated, not a GGUF, or does not fit what it is asked for."""

    exit_code = 3


class ToolError(UmiError):
    """A tool is wrongly declared, or the server it lives in cannot be used."""

    exit_code = 4


class PeerError(UmiError):
    """The peer broke the protocol, or refused."""

    exit_code = 5


class RefusedError(PeerError):
    """The peer said no; `reason` is its machine-readable word, `retry_after_seconds` its advice.

    `ticket` keeps the request's turn in a queue, for whoever comes back with it.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        retry_after_seconds: float | None = None,
        ticket: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(message, fix=fix)
        self.ticket = ticket
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class MalformedError(PeerError):
    """What the peer sent does not parse, or passes a limit."""


class TransportError(UmiError):
    """The connection failed: unreachable, dropped, or out of time."""

    exit_code = 6


class PrivacyError(UmiError):
    """Going on could expose a value, so the step stopped before a byte was sent (I2)."""

    exit_code = 7


class LimitError(UmiError):
    """A limit of this side was reached."""

    exit_code = 8

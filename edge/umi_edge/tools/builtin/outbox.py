"""The outbox: where a letter goes when it is sent."""

import secrets
import smtplib
import ssl
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from umi_edge.tools.builtin.folder import Folder, plain_disk_errors
from umi_edge.tools.outcome import FailureKind, ToolFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpConfig:
    """The server that mail is sent through."""

    host: str
    sender: str
    """The address that mail comes from."""
    port: int = 587
    starttls: bool = True
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 20


def queue(outbox: Path, message: EmailMessage) -> None:
    """Put the letter into a Maildir, whole: under a hidden name, which no mail program reads, then its own."""
    name = f"{time.time_ns()}.{secrets.token_hex(8)}.umi"
    with plain_disk_errors(outbox):
        for part in ("cur", "new", "tmp"):
            (outbox / part).mkdir(parents=True, exist_ok=True)
    Folder(path=outbox).replace(
        outbox / "new" / name, message.as_bytes(policy=message.policy.clone(linesep="\n"))
    )


def submit(config: SmtpConfig, message: EmailMessage) -> None:
    """Send the letter through the SMTP server.

    The password never travels in clear: without STARTTLS it is refused. Raises `ToolFailure`.
    """
    if config.password and not config.starttls:
        raise ToolFailure(FailureKind.ERROR, "an SMTP password needs starttls")
    try:
        with smtplib.SMTP(config.host, config.port, "localhost", config.timeout_seconds) as server:
            if config.starttls:
                server.starttls(context=ssl.create_default_context())
            if config.user:
                server.login(config.user, config.password)
            server.send_message(message)
    except (smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected, ConnectionError, TimeoutError) as error:
        # smtplib hides a timeout while it waits for an answer inside "disconnected".
        late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
        kind = FailureKind.TIMEOUT if late else FailureKind.UNAVAILABLE
        raise ToolFailure(kind, f"{config.host}: {error}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise ToolFailure(FailureKind.ERROR, f"{config.host}: {error}") from None

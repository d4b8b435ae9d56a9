"""The log on standard error: a line a record, of which nothing steers the terminal.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from umi_shared.screen.text import one_line

__all__ = ["log_as_json", "log_to_stderr"]

_log = logging.getLogger("umi")


class _OneLine(logging.Formatter):
    """One line for each record, with only the type of an exception: its text and its trace may quote a request (I8)."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        return f"[{ei[0].__name__}]" if ei and ei[0] else ""

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # logging's name
        return ""


class _Json(_OneLine):
    """The same as one object: what a record has as `fields` is in it, in place of a message."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **(fields if isinstance(fields, dict) else {"message": record.getMessage()}),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
        return json.dumps(line)  # all that is not ASCII is escaped


def log_as_json() -> None:
    """Write from now on an object a line, where `log_to_stderr` writes."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _OneLine):
            handler.setFormatter(_Json())


def log_to_stderr() -> None:
    """Send all records from warnings on to standard error, and what Python itself would print of a failure there.

    A log that is there already stays.
    """
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(capture=True)
    threading.excepthook = lambda failed: _say_failed("a thread", failed.exc_type)
    sys.unraisablehook = lambda failed: _say_failed("a part that was being put away", failed.exc_type)


def _say_failed(what: str, kind: type[BaseException]) -> None:
    _log.error("%s failed (%s)", what, kind.__name__)

"""The log on standard error: a line a record, of which nothing steers the terminal.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import logging
import sys
import threading
from typing import Any

from umi_shared.screen.text import one_line

__all__ = ["log_to_stderr"]

_log = logging.getLogger("umi")


class _OneLine(logging.Formatter):
    """One line for each record, with only the type of an exception: its text and its trace may quote a request (I8)."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        return f"[{ei[0].__name__}]" if ei and ei[0] else ""

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # logging's name
        return ""


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

"""The converter: a process of its own that turns documents into text, since a stranger may have made them.

A document that is built to keep a library busy, to fill the memory or to crash it costs its own text and nothing else.
"""

import contextlib
import multiprocessing
import threading
from multiprocessing.connection import Connection

from umi_edge.tools.builtin.document_text import UnreadableDocument, document_text, is_plain_text
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = ["Converter"]

_MEMORY_BYTES = 2 << 30
_SECONDS = 20.0


class Converter:
    """Converts one document at a time. The process starts with the first and ends with the program."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def text(self, content: bytes, name: str) -> str:
        """The text of a document. Raises `ToolFailure`: NOT_JSON when there is none, TIMEOUT when it takes too long.

        What is plain text is read right here.
        """
        if not is_plain_text(content):
            return self._converted(content, name)
        try:
            return document_text(content, name)
        except UnreadableDocument as unreadable:
            raise ToolFailure(FailureKind.NOT_JSON, str(unreadable)) from None

    def _converted(self, content: bytes, name: str) -> str:
        with self._lock:
            try:
                connection = self._started()
                connection.send((content, name))
                if not connection.poll(self._seconds):
                    self._stop()
                    raise ToolFailure(
                        FailureKind.TIMEOUT, f"its text was not there after {self._seconds:.0f} s"
                    )
                text, why = connection.recv()
            except (EOFError, OSError):
                self._stop()
                raise ToolFailure(
                    FailureKind.NOT_JSON, "the document broke the program that reads it"
                ) from None
        if text is None:
            raise ToolFailure(FailureKind.NOT_JSON, str(why))
        return str(text)

    def _started(self) -> Connection:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._stop()
            # Not a fork: the caller's model and its threads must not be copied.
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), name="umi-converter", daemon=True)
            self._process.start()
            theirs.close()
            self._connection = ours
        return self._connection

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _serve(connection: Connection) -> None:
    _bound_memory()
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            content, name = connection.recv()
            try:
                connection.send((document_text(content, name), ""))
            except UnreadableDocument as unreadable:
                connection.send((None, str(unreadable)))
            except MemoryError:
                return
            except Exception as error:  # each library has a dozen kinds; only the kind is value-free
                connection.send((None, f"the document is damaged ({type(error).__name__})"))


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on Windows
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))

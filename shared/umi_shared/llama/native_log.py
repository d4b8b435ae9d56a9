"""llama.cpp's own log: it stays off the terminal, and its errors are kept for umi's messages."""

import ctypes
import re
from collections import deque
from typing import Any

import llama_cpp

__all__ = ["last_error", "silence"]

_GGML_ERROR = 4
"""`GGML_LOG_LEVEL_ERROR` of ggml.h."""
_FUNCTION = re.compile(r"^\w+: (error loading model: )?")
"""What llama.cpp writes first: the name of its function."""
_errors: deque[str] = deque(maxlen=8)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _collect(level: int, text: bytes, _user_data: Any) -> None:
    if level == _GGML_ERROR:
        _errors.append(_FUNCTION.sub("", text.decode("utf-8", "replace").strip()))


def silence() -> None:
    """Send llama.cpp's log here, from now on; it logs tensors and files, never prompts."""
    _errors.clear()
    llama_cpp.llama_log_set(_collect, ctypes.c_void_p(0))


def last_error() -> str:
    """The first error that llama.cpp has logged since `silence`, of the last eight; empty when there was none."""
    return next((line for line in _errors if line), "")

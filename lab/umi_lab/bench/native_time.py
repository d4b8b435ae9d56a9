"""The seconds inside of llama.cpp's forward pass, told apart from those of the loop around it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llama_cpp

__all__ = ["NativeTime", "native_time"]


@dataclass(slots=True)
class NativeTime:
    """What `llama_decode` has taken so far."""

    seconds: float = 0.0
    passes: int = 0
    tokens: int = 0


@contextmanager
def native_time() -> Iterator[NativeTime]:
    """Time every forward pass of this process while the context lasts; costs a microsecond a pass."""
    spent, decode = NativeTime(), llama_cpp.llama_decode

    def timed(context: Any, batch: Any) -> Any:
        began = time.perf_counter()
        status = decode(context, batch)
        spent.seconds += time.perf_counter() - began
        spent.passes += 1
        spent.tokens += batch.n_tokens
        return status

    llama_cpp.llama_decode = timed
    try:
        yield spent
    finally:
        llama_cpp.llama_decode = decode

"""The measurement: one model in several weight formats, with several numbers of threads.

The formats are made from the model's own weights, so its answers stay what they are up to rounding; nothing is made
of a model whose half-precision file would be larger than a gigabyte. Other work on the machine falls on all alike:
rounds go through all ways in turn, and the fastest round counts.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from umi_edge.caller.config import CallerConfig
from umi_edge.tuning.choice import Trial
from umi_shared.errors import ModelError
from umi_shared.llama import Sequence as Reading
from umi_shared.llama import Weights, native_log
from umi_shared.llama.threads import default_threads

__all__ = ["FORMATS", "Tell", "made_formats", "thread_counts", "try_out"]

FORMATS = {"F16": 1, "BF16": 32, "Q8_0": 7}
"""What llama.cpp calls them, and its number for each (`llama_ftype`)."""
AS_IT_IS = "as it is"

Tell = Callable[[int, int], None]
"""Called with rounds done and rounds in all."""

_MAX_BYTES = 1 << 30
_PROMPT = "The caller reads this text as it would read a prompt, one batch after another. " * 12
_READ = 160
_WRITE = 16
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Way:
    format: str
    path: Path
    threads: int


def thread_counts(chosen: int, cores: int) -> list[int]:
    """What is worth trying: what umi chooses by itself first, then one, half and all of the cores.

    >>> thread_counts(4, 8)
    [4, 1, 8]
    """
    return list(dict.fromkeys([chosen, 1, max(1, cores // 2), cores]))


def made_formats(model: Path, folder: Path) -> dict[str, Path]:
    """The model's weights in other formats, as files in a folder; none where they would be too large.

    Raises `ModelError`.
    """
    weights = Weights.load(model)
    parameters = int(llama_cpp.llama_model_n_params(weights.model))
    weights.close()
    if 2 * parameters > _MAX_BYTES:
        return {}
    made = {}
    for name, number in FORMATS.items():
        path = folder / f"{model.stem}-{name}.gguf"
        if not path.exists():
            _make(model, path, number)
        made[name] = path
    return made


def _make(model: Path, path: Path, number: int) -> None:
    """Write the weights in another format; the file is there whole, or not at all."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = number, True, default_threads()
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    native_log.silence()
    try:
        status = llama_cpp.llama_model_quantize(
            str(model).encode(), str(partial).encode(), ctypes.byref(params)
        )
        if status != 0:
            raise ModelError(
                f"llama.cpp cannot write {path}: {native_log.last_error() or 'no reason given'}",
                fix=f"make room in {path.parent}",
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def try_out(
    config: CallerConfig,
    formats: dict[str, Path],
    threads: Sequence[int],
    tell: Tell = lambda _done, _all: None,
) -> list[Trial]:
    """Run every format with every number of threads; the first trial is how it is without tuning.

    Raises `ModelError`.
    """
    files = {AS_IT_IS: config.model, **formats}
    ways = [_Way(name, path, count) for name, path in files.items() for count in threads]
    rates: dict[_Way, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(_ROUNDS * len(ways)):
        way = ways[number % len(ways)]
        rates[way].append(_round(config, way))
        tell(number + 1, _ROUNDS * len(ways))
    return [
        Trial(
            format=way.format,
            path=way.path,
            size_bytes=way.path.stat().st_size,
            threads=way.threads,
            read_rate=max(read for read, _ in found),
            write_rate=max(write for _, write in found),
        )
        for way, found in rates.items()
    ]


def _round(config: CallerConfig, way: _Way) -> tuple[float, float]:
    """Tokens read and written a second."""
    with _opened(config, way) as sequence:
        prompt = sequence.weights.tokenize(_PROMPT, special=False)[:_READ]
        sequence.read(prompt[:2])  # the first decode allocates
        start = time.perf_counter()
        sequence.read(prompt)
        read = time.perf_counter()
        for count in range(1, _WRITE + 1):
            sequence.read([*prompt, *prompt[:count]])
        written = time.perf_counter()
    return (len(prompt) - 2) / (read - start), _WRITE / (written - read)


@contextmanager
def _opened(config: CallerConfig, way: _Way) -> Iterator[Reading]:
    weights = Weights.load(way.path)
    try:
        adapter = weights.adapter(config.adapter) if config.adapter else None
        sequence = Reading(weights, context_tokens=2 * (_READ + _WRITE), threads=way.threads, adapter=adapter)
        try:
            yield sequence
        finally:
            sequence.close()
    finally:
        weights.close()

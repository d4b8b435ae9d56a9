"""The caller's model: there, whole, and able to write."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from umi_edge.diagnosis.finding import Finding, broken, fine, from_error
from umi_edge.runtime.config import CallerSettings
from umi_edge.runtime.laptop import tuning_folder
from umi_edge.tuning import Tuning
from umi_shared.adapter_folder import AdapterFile, shipped_adapters
from umi_shared.errors import ModelError
from umi_shared.models import EMBEDDED, ModelStore, is_gguf

__all__ = ["model"]

_PROBE_SECONDS = 180.0
_PROBE_TOKENS = 512


async def model(settings: CallerSettings) -> AsyncIterator[Finding]:
    """The file, its hash, its adapter; then a token written under a grammar, in a process of its own.

    llama.cpp ends its process on some damaged files: that must not end the doctor.
    """
    store = ModelStore.local()
    path = store.path_of(settings.model)
    found = _file(path)
    yield found
    if found.fix:
        return
    record = store.record_of(settings.model)
    if record is not None:
        try:
            await asyncio.to_thread(store.verify, record)
        except ModelError as error:
            yield from_error("model", error)
            return
        yield fine("model", f"SHA-256 {record.sha256[:12]}…, as fetched; licence {record.licence}")
    adapter = _adapter(settings)
    if adapter is not None:
        found = _file(adapter.path, "adapter")
        yield found
        if found.fix:
            return
        try:
            await asyncio.to_thread(adapter.check)
        except ModelError as error:
            yield from_error("adapter", error)
            return
    tuning = Tuning.read(tuning_folder(), path)
    if tuning is not None:
        path = Path(tuning.weights) if tuning.weights else path
        made = f", weights {path.name}" if tuning.weights else ""
        yield fine("model", f"tuned for this machine: {tuning.threads} threads{made}")
    yield await _probe(path, adapter.path if adapter else None, settings)


def _file(path: Path, what: str = "model") -> Finding:
    other = "set `caller.model`" if what == "model" else "set `caller.adapter`"
    try:
        if not is_gguf(path):
            return broken(what, f"{path} is not a GGUF file (it does not start with GGUF)", other)
        return fine(what, f"{path} ({path.stat().st_size / 1e6:,.1f} MB)")
    except FileNotFoundError:
        return broken(what, f"there is no {what} at {path}", f"{other}, or fetch it: `umi models pull`")
    except OSError as error:
        return broken(what, f"{path} cannot be read: {error.strerror}", "check its permissions")


def _adapter(settings: CallerSettings) -> AdapterFile | None:
    if settings.adapter:
        return AdapterFile(Path(settings.adapter).expanduser())
    return shipped_adapters().get("caller") if settings.model == EMBEDDED else None


async def _probe(path: Path, adapter: Path | None, settings: CallerSettings) -> Finding:
    asked = {
        "model": str(path),
        "adapter": str(adapter) if adapter else "",
        "chat": settings.dialect == "chat" or (not settings.dialect and adapter is None),
        "context_tokens": min(settings.context_tokens, _PROBE_TOKENS),
        "threads": settings.threads,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "umi_edge.diagnosis.probe", json.dumps(asked)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PROBE_SECONDS)
        answer = json.loads(output)
    except TimeoutError:
        return broken(
            "model", f"it did not write a word within {_PROBE_SECONDS:g} seconds", "use a smaller model"
        )
    except ValueError:
        how = f"exit code {process.returncode}"
        fix = f"the file may be damaged: delete it and fetch it again (`umi models pull {settings.model}`)"
        return broken("model", f"llama.cpp ended without an answer ({how})", fix)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if answer["problem"]:
        return broken("model", answer["problem"], answer["fix"])
    with_adapter = ", with its adapter" if adapter else ""
    return fine("model", f"loads{with_adapter}, and writes under a grammar ({answer['seconds']:.1f} s)")

"""From the configuration to a running engine and the roles over it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from umi_cloud.config import (
    CacheSharing,
    CloudConfig,
    LlamaCppSettings,
    OpenAISettings,
    ScriptedSettings,
    VllmSettings,
)
from umi_cloud.engines.engine_load import EngineLoad
from umi_cloud.engines.openai_server import OpenAIServer
from umi_cloud.model_role import RoleLimits
from umi_cloud.planner import Planner
from umi_cloud.server import Roles
from umi_cloud.summarizer import Summarizer
from umi_shared.dialects import dialect_named
from umi_shared.engine import Engine
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED, ModelStore, shipped_adapter

if TYPE_CHECKING:
    from umi_cloud.engines.openai import OpenAIEngine

__all__ = ["Loaded", "load"]

Announce = Callable[[str], None]
"""Takes one line of text that says what is being done."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine, and the planner and the summarizer over it."""

    engine: Engine
    roles: Roles
    dialect: str
    """The name of the dialect that the roles use."""
    adapters: frozenset[str] = frozenset()
    """The roles that the engine has an adapter for."""
    ask_load: Callable[[], Awaitable[EngineLoad | None]] | None = None
    """Asks an engine elsewhere how busy it is."""

    @classmethod
    def of(
        cls,
        engine: Engine,
        dialect: str,
        adapters: Collection[str] = (),
        limits: RoleLimits = RoleLimits(),  # noqa: B008  # frozen
        *,
        share_catalogue: bool = False,
        thinking_tokens: Mapping[str, int] = MappingProxyType({}),
    ) -> Self:
        """Planner and summarizer over any engine; `adapters` names the roles that it has an adapter for.

        Raises `ConfigError` for a dialect that does not exist.
        """
        language = dialect_named(dialect)

        def options(role: str) -> dict[str, Any]:
            return {
                "adapter": role if role in adapters else "",
                "limits": limits,
                "share_catalogue": share_catalogue,
                "thinking_tokens": thinking_tokens.get(role, 0),
            }

        planner = Planner(engine, language, **options("planner"))
        roles = Roles(planner, Summarizer(engine, language, **options("summarizer")))
        return cls(engine, roles, dialect, frozenset(adapters))


async def load(config: CloudConfig, announce: Announce = lambda _line: None) -> Loaded:
    """Load the engine that the configuration asks for. It can take minutes, and does not block the event loop.

    Raises `ModelError`, `ConfigError`, or `TransportError` for an endpoint that is not there.
    """
    settings = config.engine
    ask_load: Callable[[], Awaitable[EngineLoad | None]] | None = None
    engine: Engine
    match settings:
        case LlamaCppSettings():
            engine, adapters, dialect = await _llama_cpp(settings, announce)
        case VllmSettings():
            engine, adapters, dialect = await _vllm(settings, announce)
        case OpenAISettings():
            engine, adapters, dialect = elsewhere = await _openai(settings, announce)
            if settings.server is OpenAIServer.VLLM:
                ask_load = elsewhere[0].load
        case ScriptedSettings():
            engine, adapters, dialect = _scripted(settings)
    share = isinstance(settings, LlamaCppSettings) and settings.cache_sharing is CacheSharing.CATALOGUE
    thinking = settings.thinking_tokens if isinstance(settings, OpenAISettings) else {}
    loaded = Loaded.of(
        engine, dialect, adapters, config.output, share_catalogue=share, thinking_tokens=thinking
    )
    return loaded if ask_load is None else replace(loaded, ask_load=ask_load)


def check_dialect(config: CloudConfig) -> None:
    """Make sure that the configured dialect exists, without loading anything. Raises `ConfigError`."""
    if config.engine.dialect:
        dialect_named(config.engine.dialect)


Made = tuple[Engine, frozenset[str], str]


async def _llama_cpp(settings: LlamaCppSettings, announce: Announce) -> Made:
    from umi_cloud.engines.llamacpp import LlamaCppEngine, LlamaCppOptions  # noqa: PLC0415  # native library

    model = await asyncio.to_thread(_model_file, settings.model, announce)
    adapters = dict(settings.adapters) or _shipped(settings.model)
    announce(f"loading {model.name}" + (f" with adapters {', '.join(adapters)}" if adapters else ""))
    options = LlamaCppOptions(
        context_tokens=settings.context_tokens,
        threads=settings.threads,
        sequences_per_adapter=settings.sequences_per_adapter,
        cache_tokens=settings.cache_tokens,
        gpu_layers=settings.gpu_layers,
    )
    engine = await asyncio.to_thread(LlamaCppEngine.load, model, adapters, options)
    dialect = settings.dialect or ("umi" if adapters and not settings.adapters else "chat")
    return engine, frozenset(adapters), dialect


def _model_file(spec: str, announce: Announce) -> Path:
    """The model's file, fetched when it is not here."""
    if ":" not in spec or Path(spec).exists():
        return Path(spec)
    announce(f"looking for the model {spec}")
    said = -1

    def progress(done: int, total: int) -> None:
        nonlocal said
        tenth = done * 10 // max(total, 1)
        if tenth > said:
            said = tenth
            announce(f"fetching {spec}: {tenth * 10} %")

    return ModelStore.local().pull(spec, progress)


def _shipped(model: str) -> dict[str, Path]:
    """The adapters that umi ships, which fit the embedded model only."""
    if model != EMBEDDED:
        return {}
    found = {role: shipped_adapter(role) for role in ("planner", "summarizer")}
    return {role: path for role, path in found.items() if path is not None}


async def _vllm(settings: VllmSettings, announce: Announce) -> Made:
    from umi_cloud.engines.vllm import VllmEngine, VllmOptions  # noqa: PLC0415

    announce(f"starting vLLM with {settings.model}")
    options = VllmOptions(
        context_tokens=settings.context_tokens,
        enforce_eager=settings.enforce_eager,
        gpu_memory_share=settings.gpu_memory_share,
        tensor_parallel=settings.tensor_parallel,
        sequences=settings.sequences,
        dtype=settings.dtype,
    )
    engine = await VllmEngine.load(settings.model, settings.adapters, options)
    return engine, frozenset(settings.adapters), settings.dialect


async def _openai(settings: OpenAISettings, announce: Announce) -> "tuple[OpenAIEngine, frozenset[str], str]":
    from umi_cloud.engines.openai import OpenAIEngine, OpenAIOptions  # noqa: PLC0415

    announce(f"looking for {settings.url}")
    engine = OpenAIEngine(
        OpenAIOptions(
            url=settings.url,
            replicas=settings.replicas,
            system_turn=settings.system_turn,
            session_header=settings.session_header,
            fields=settings.fields,
            model=settings.model,
            adapters=settings.adapters,
            api_key=_api_key(settings.api_key_file),
            server=settings.server,
            cache_salt=settings.cache_salt,
            unsafe_shared_cache=settings.unsafe_shared_cache,
            connect_seconds=settings.connect_seconds,
            silence_seconds=settings.silence_seconds,
        )
    )
    try:
        for gone in await engine.check():
            announce(f"WARNING: {gone}; sessions go to the others until it is back")
    except BaseException:
        await engine.close()
        raise
    if shared := engine.shared_cache:
        announce(shared)
    return engine, frozenset(settings.adapters), settings.dialect


def _api_key(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the API key in {path} cannot be read", fix="check `api_key_file`") from error


def _scripted(settings: ScriptedSettings) -> Made:
    from umi_shared.testing import Reply, ScriptedEngine  # noqa: PLC0415

    if not settings.replies:
        raise ConfigError("the scripted engine has no `replies`")
    replies = cycle(settings.replies)
    pause = settings.pause_seconds
    engine = ScriptedEngine(lambda _: Reply(text=next(replies), pause_seconds=pause))
    return engine, frozenset({"planner", "summarizer"}), settings.dialect

"""vLLM in this process: AsyncLLM with the roles' adapters over one base model."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from umi_cloud.engines.batch_kind_lock import BatchKindLock
from umi_cloud.engines.control_tokens import neutralise
from umi_cloud.engines.errors import EngineDeadError, PromptTooLongError, UnknownAdapterError
from umi_shared.chat_template import ChatTemplate
from umi_shared.engine import (
    ChatPrompt,
    Chunk,
    Constraint,
    Delta,
    Finish,
    Finished,
    Generation,
    JsonSchema,
    Message,
    RawPrompt,
    Regex,
)
from umi_shared.errors import LimitError, ModelError
from umi_shared.transcript import Usage

__all__ = ["VllmEngine", "VllmOptions"]

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The LoRA ranks that vLLM can allocate room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmOptions:
    """How vLLM is started; all other options keep vLLM's defaults."""

    context_tokens: int = 4096
    enforce_eager: bool = False
    """Skip CUDA graphs and compilation: starts sooner, runs slower."""
    gpu_memory_share: float = 0.9
    """The share of the GPU's memory that vLLM may take, up to 1."""
    tensor_parallel: int = 1
    """How many GPUs share one model."""
    sequences: int = 64
    """The most generations in one batch."""
    dtype: str = "auto"


class VllmEngine:
    """Implements `umi_shared.engine.Engine` on vLLM's AsyncLLM; batching and prefix caching are vLLM's."""

    def __init__(self, llm: Any, adapters: Mapping[str, Any], context_tokens: int) -> None:
        self._llm = llm
        self._adapters = adapters
        self._context_tokens = context_tokens
        self._kind_lock = BatchKindLock()

    @classmethod
    async def load(cls, model: str, adapters: Mapping[str, Path], options: VllmOptions) -> Self:
        """Start vLLM. It takes half a minute or more, and does not block the event loop.

        Raises `ModelError` when vLLM is not installed, cannot load the model, or an adapter does not fit it.
        """
        try:
            # Before the import, at which vLLM reads its environment. It would report usage to its makers, and a
            # fork would copy gRPC's threads in the middle of what they do.
            os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
            os.environ.setdefault("VLLM_WORKER_MULTIPROCESSING_METHOD", "spawn")
            from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415
        except ImportError as error:
            raise ModelError(
                "vLLM is not installed here", fix="install umi-runtime[vllm], or choose `kind: llama.cpp`"
            ) from error
        arguments = _arguments(model, adapters, options)
        try:
            llm = await asyncio.to_thread(AsyncLLM.from_engine_args, arguments)
        except Exception as error:  # vLLM raises all kinds, and logs what it thinks went wrong
            raise ModelError(
                f"vLLM cannot load {model}: {type(error).__name__}", fix="read vLLM's own messages above"
            ) from error
        engine = cls(llm, _requests(adapters), llm.model_config.max_model_len)
        try:
            await engine._load_adapters()
        except BaseException:
            await engine.close()
            raise
        return engine

    async def _load_adapters(self) -> None:
        for name, request in self._adapters.items():
            try:
                loaded = await self._llm.add_lora(request)
            except Exception as error:
                raise _bad_adapter(name, request.lora_path) from error
            if not loaded:
                raise _bad_adapter(name, request.lora_path)

    @property
    def running(self) -> int:
        """Generations that vLLM has not finished."""
        return int(self._llm.get_num_unfinished_requests()) if self._llm is not None else 0

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """Stream one generation; closing it, or cancelling its task, aborts the request in vLLM.

        Raises `PromptTooLongError`, `UnknownAdapterError`, `LimitError` when vLLM's queue is full, `ModelError`
        for a constraint that vLLM cannot compile, and `EngineDeadError` when its engine process is gone.
        """
        from vllm.exceptions import GracefulHTTPError, VLLMClientError  # noqa: PLC0415
        from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError  # noqa: PLC0415

        if self._llm is None:
            raise EngineDeadError("the engine is closed")
        adapter = self._adapter(generation.adapter)
        tokens = self._tokens(generation.prompt)
        if len(tokens) >= self._context_tokens:
            raise PromptTooLongError(len(tokens), self._context_tokens)
        try:
            async with self._batch_kind(adapter):
                stream = self._llm.generate(
                    _salted(tokens, generation.namespace),
                    self._sampling(generation, self._context_tokens - len(tokens)),
                    uuid.uuid4().hex,
                    lora_request=adapter,
                    session_id=generation.session or None,
                )
                async with aclosing(stream):
                    async for chunk in _chunks(stream, len(tokens)):
                        yield chunk
        except VllmDeadError as error:
            raise EngineDeadError("vLLM's engine process is gone", fix="restart `umi-cloud serve`") from error
        except GracefulHTTPError as error:
            raise LimitError("vLLM's queue is full") from error
        except VLLMClientError as error:
            raise ModelError(f"vLLM refuses the generation: {type(error).__name__}") from error

    async def close(self) -> None:
        """Stop vLLM and its engine process; safe to call twice."""
        llm, self._llm = self._llm, None
        if llm is not None:
            await asyncio.to_thread(llm.shutdown)
            llm.shutdown = lambda timeout=None: None  # its __del__ calls it again while Python shuts down

    def _batch_kind(self, adapter: Any | None) -> AbstractAsyncContextManager[None]:
        """On a CPU, vLLM gives the base model's requests an adapter when it batches the two.

        https://github.com/vllm-project/vllm/pull/48421 (open at 0.32): "selects the last stacked adapter instead
        of skipping". On a GPU they run together.
        """
        from vllm.platforms import current_platform  # noqa: PLC0415

        if not self._adapters or not current_platform.is_cpu():
            return nullcontext()
        return self._kind_lock.hold("base" if adapter is None else "adapter")

    def _adapter(self, name: str) -> Any | None:
        if name and name not in self._adapters:
            raise UnknownAdapterError(name)
        return self._adapters.get(name)

    def _tokens(self, prompt: RawPrompt | ChatPrompt) -> list[int]:
        if isinstance(prompt, RawPrompt):
            return list(self._tokenizer.encode(prompt.text))
        messages = [
            Message(message.role, neutralise(message.content, self._control_tokens))
            for message in prompt.messages
        ]
        try:
            text = self._chat_template.text(messages)
        except ValueError as error:
            raise ModelError(
                "the model has no chat template, so the `chat` dialect cannot be used with it",
                fix="choose an instruct model, or another dialect",
            ) from error
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _sampling(self, generation: Generation, room: int) -> Any:
        from vllm.sampling_params import RequestOutputKind, SamplingParams  # noqa: PLC0415

        return SamplingParams(
            temperature=0.0,
            max_tokens=min(generation.max_tokens, room),
            stop=list(generation.stop) or None,
            # A control token is never text, so each ends the output; as text they would be skipped, and a stop
            # string that is one would be missed.
            stop_token_ids=self._control_ids,
            output_kind=RequestOutputKind.DELTA,
            structured_outputs=_structured(generation.constraint),
        )

    @property
    def _tokenizer(self) -> Any:
        return self._llm.get_tokenizer()

    @cached_property
    def _chat_template(self) -> ChatTemplate:
        def render(messages: Sequence[Message]) -> str:
            turns = [{"role": message.role, "content": message.content} for message in messages]
            return str(
                self._tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
                )
            )

        return ChatTemplate(render)

    @cached_property
    def _control_tokens(self) -> tuple[str, ...]:
        return tuple(sorted(self._controls.values(), key=len, reverse=True))

    @cached_property
    def _control_ids(self) -> list[int]:
        return sorted(self._controls)

    @cached_property
    def _controls(self) -> dict[int, str]:
        added = getattr(self._tokenizer, "added_tokens_decoder", {})
        return {number: str(token) for number, token in added.items() if token.special}


def _salted(tokens: list[int], namespace: str) -> dict[str, Any]:
    """The prompt as vLLM takes it; the salt is in the hash of its first block, and so of every later one."""
    return {"prompt_token_ids": tokens} | ({"cache_salt": namespace} if namespace else {})


async def _chunks(stream: AsyncGenerator[Any, None], prompt_tokens: int) -> AsyncGenerator[Chunk, None]:
    cached = written = 0
    async for output in stream:
        (completion,) = output.outputs
        cached = max(cached, output.num_cached_tokens or 0)
        written += len(completion.token_ids)
        if completion.text:
            yield Delta(completion.text)
        if output.finished:
            finish = Finish.LENGTH if completion.finish_reason == "length" else Finish.STOP
            yield Finished(
                finish,
                Usage(prompt_tokens=prompt_tokens, cached_tokens=cached, completion_tokens=written),
            )


def _structured(constraint: Constraint | None) -> Any | None:
    from vllm.sampling_params import StructuredOutputsParams  # noqa: PLC0415

    match constraint:
        case None:
            return None
        case Regex(pattern):
            return StructuredOutputsParams(regex=pattern)
        case JsonSchema(schema):
            return StructuredOutputsParams(json=dict(schema))
    raise ModelError("vLLM takes no Lark grammars from umi", fix="use the llama.cpp engine for this dialect")


def _arguments(model: str, adapters: Mapping[str, Path], options: VllmOptions) -> Any:
    from vllm.config import StructuredOutputsConfig  # noqa: PLC0415
    from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: PLC0415

    return AsyncEngineArgs(
        model=model,
        dtype=options.dtype,
        max_model_len=options.context_tokens,
        enforce_eager=options.enforce_eager,
        gpu_memory_utilization=options.gpu_memory_share,
        tensor_parallel_size=options.tensor_parallel,
        max_num_seqs=options.sequences,
        enable_prefix_caching=True,
        enable_lora=bool(adapters),
        max_loras=max(1, len(adapters)),
        max_lora_rank=_max_rank(adapters),
        # guidance is llguidance, as on the laptop; compact JSON is an engine-wide switch in vLLM.
        structured_outputs_config=StructuredOutputsConfig(backend="guidance", disable_any_whitespace=True),
        generation_config="vllm",  # or a model's own file would change what greedy decoding means
        enable_log_requests=False,
        disable_log_stats=True,
    )


def _max_rank(adapters: Mapping[str, Path]) -> int:
    needed = max((_rank(name, path) for name, path in adapters.items()), default=1)
    return next((rank for rank in _RANKS if rank >= needed), needed)


def _rank(name: str, path: Path) -> int:
    try:
        return int(json.loads((path / "adapter_config.json").read_text())["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _bad_adapter(name, str(path)) from error


def _requests(adapters: Mapping[str, Path]) -> dict[str, Any]:
    from vllm.lora.request import LoRARequest  # noqa: PLC0415

    return {
        name: LoRARequest(name, number, str(path))
        for number, (name, path) in enumerate(sorted(adapters.items()), start=1)
    }


def _bad_adapter(name: str, path: str) -> ModelError:
    return ModelError(
        f"the adapter {name!r} at {path} cannot be used with this model",
        fix="name a folder that PEFT saved for this very base model",
    )

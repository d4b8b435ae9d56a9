"""A GGUF model in memory: its vocabulary, its chat template, its adapters."""

import ctypes
import threading
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

import llama_cpp
import llguidance
import llguidance.llamacpp
import numpy as np
from numpy.typing import NDArray

from umi_shared.chat_template import ChatTemplate
from umi_shared.engine import ChatPrompt, Message, Prompt, RawPrompt
from umi_shared.errors import ModelError
from umi_shared.llama import native_log
from umi_shared.llama.guide import SLICES
from umi_shared.models import check_gguf

__all__ = ["Adapter", "Weights"]

_loading = threading.Lock()


class Adapter:
    """A LoRA adapter, loaded for one model; freed with it."""

    def __init__(self, pointer: Any, path: Path) -> None:
        self.pointer = pointer
        self.path = path


class Weights:
    """A loaded model. Several sequences may share it; `close` frees it after they are closed."""

    def __init__(self, model: Any, path: Path, gpu_layers: int = 0) -> None:
        self._model = model
        self.path = path
        self.gpu_layers = gpu_layers
        self.vocabulary = llama_cpp.llama_model_get_vocab(model)
        self.vocabulary_size: int = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.trained_context: int = llama_cpp.llama_model_n_ctx_train(model)
        self._adapters: dict[Path, Adapter] = {}

    @classmethod
    def load(cls, path: Path, *, gpu_layers: int = 0) -> Self:
        """Map a GGUF file into memory.

        Raises `ModelError` when the file is missing, not a GGUF, truncated, or of an architecture that this
        llama.cpp does not know.
        """
        check_gguf(path)
        with _loading:  # llama.cpp's log and backend are global
            native_log.silence()
            llama_cpp.llama_backend_init()
            params = llama_cpp.llama_model_default_params()
            params.n_gpu_layers = gpu_layers
            params.use_extra_bufts = not _built_for_amx()
            model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
            reason = native_log.last_error()
        if not model:
            raise ModelError(
                f"llama.cpp cannot load {path}: {reason or 'no reason given'}",
                fix="the file may be truncated, or newer than this llama.cpp; fetch it again with `umi models pull`",
            )
        return cls(model, path, gpu_layers)

    @property
    def model(self) -> Any:
        """The native pointer; raises `ModelError` after `close`."""
        if self._model is None:
            raise ModelError(f"the model {self.path} is closed")
        return self._model

    def adapter(self, path: Path) -> Adapter:
        """Load a GGUF LoRA adapter; the same file gives the same adapter.

        Raises `ModelError` when the file is not an adapter, or fits another model.
        """
        file = path.resolve()
        if file in self._adapters:
            return self._adapters[file]
        check_gguf(path, adapter=True)
        with _loading:
            native_log.silence()
            pointer = llama_cpp.llama_adapter_lora_init(self.model, str(path).encode())
            reason = native_log.last_error()
        if not pointer:
            raise ModelError(
                f"the adapter {path} does not fit the model {self.path.name}: {reason or 'no reason given'}",
                fix="use the adapter that was trained on this very model",
            )
        self._adapters[file] = Adapter(pointer, path)
        return self._adapters[file]

    @cached_property
    def guide_tokenizer(self) -> llguidance.LLTokenizer:
        """The view that llguidance has of the vocabulary; costs up to a second, once."""
        return llguidance.llamacpp.lltokenizer_from_vocab(self.vocabulary, slices=SLICES)

    @cached_property
    def closing_tokens(self) -> NDArray[np.bool_]:
        """A mask of the tokens that do nothing but close JSON strings, lists and objects, or end the turn."""
        closing = (
            self.ends(token) or ((piece := self.piece(token)) != b"" and not piece.strip(b'"]}'))
            for token in range(self.vocabulary_size)
        )
        return np.fromiter(closing, dtype=np.bool_, count=self.vocabulary_size)

    @cached_property
    def control_tokens(self) -> tuple[str, ...]:
        """The texts of all control tokens, longest first."""
        control = (
            token
            for token in range(self.vocabulary_size)
            if llama_cpp.llama_vocab_is_control(self.vocabulary, token)
        )
        texts = {self.piece(token, special=True).decode("utf-8", "replace") for token in control}
        return tuple(sorted((text for text in texts if len(text) > 1), key=len, reverse=True))

    @cached_property
    def recurrent(self) -> bool:
        """Whether the model keeps a state instead of what it has read, so that no token can be taken back."""
        return bool(
            llama_cpp.llama_model_is_recurrent(self.model) or llama_cpp.llama_model_is_hybrid(self.model)
        )

    @property
    def identity(self) -> str:
        """A short text that tells models apart: the model's own description and its size in bytes."""
        buffer = ctypes.create_string_buffer(256)
        llama_cpp.llama_model_desc(self.model, buffer, 256)
        return f"{buffer.value.decode('utf-8', 'replace')}, {llama_cpp.llama_model_size(self.model)} bytes"

    def metadata(self, key: str) -> str:
        """A metadata value of the GGUF file; empty where it has none."""
        buffer = ctypes.create_string_buffer(1 << 16)
        length = llama_cpp.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        """Token ids of a text; `special` reads control tokens in it, `start` adds the model's own BOS."""
        raw = text.encode()
        room = len(raw) + 8
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocabulary, raw, len(raw), tokens, room, start, special)
        if count < 0:
            raise ModelError("the text does not tokenize")
        return list(tokens[:count])

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of one token; a control token's are empty unless `special`."""
        buffer = ctypes.create_string_buffer(256)
        length = llama_cpp.llama_token_to_piece(self.vocabulary, token, buffer, 256, 0, special)
        return bytes(buffer.raw[: max(length, 0)])

    def pieces(self, text: str) -> list[tuple[int, str]]:
        """The tokens of a text, each with its own; none where they do not write exactly that text."""
        tokens = [(token, self.piece(token)) for token in self.tokenize(text, special=False)]
        try:
            pieces = [(token, piece.decode()) for token, piece in tokens]
        except UnicodeDecodeError:  # a character in two tokens
            return []
        return pieces if "".join(piece for _, piece in pieces) == text else []

    def ends(self, token: int) -> bool:
        """Whether a token ends the model's turn; every control token does, since none is text."""
        return bool(
            llama_cpp.llama_vocab_is_eog(self.vocabulary, token)
            or llama_cpp.llama_vocab_is_control(self.vocabulary, token)
        )

    def prompt_tokens(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt.

        Raises `ModelError` for a chat prompt where the model has no chat template.
        """
        match prompt:
            case RawPrompt(text):
                start = bool(llama_cpp.llama_vocab_get_add_bos(self.vocabulary))
                return self.tokenize(text, special=True, start=start)
            case ChatPrompt():
                return self.tokenize(self._chat_text(prompt), special=True)

    def _chat_text(self, prompt: ChatPrompt) -> str:
        return self._chat_template.text(
            [
                Message(message.role, neutralise(message.content, self.control_tokens))
                for message in prompt.messages
            ]
        )

    @cached_property
    def _chat_template(self) -> ChatTemplate:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415  # slow to import

        template = self.metadata("tokenizer.chat_template")
        if not template:
            raise ModelError(
                f"{self.path.name} has no chat template, so the `chat` dialect cannot be used with it",
                fix="choose an instruct model, or another dialect",
            )
        formatter = Jinja2ChatFormatter(
            template=template,
            eos_token=self.piece(llama_cpp.llama_vocab_eos(self.vocabulary), special=True).decode(),
            bos_token=self.piece(llama_cpp.llama_vocab_bos(self.vocabulary), special=True).decode(),
        )

        def render(messages: Sequence[Message]) -> str:
            turns: Any = [{"role": message.role, "content": message.content} for message in messages]
            return str(formatter(messages=turns, enable_thinking=False).prompt)

        return ChatTemplate(render)

    def close(self) -> None:
        """Free the model and its adapters; safe to call twice."""
        if self._model is not None:
            llama_cpp.llama_model_free(self._model)  # frees its adapters too
            self._model = None
            self._adapters.clear()


def neutralise(text: str, control_tokens: Iterable[str]) -> str:
    r"""Text in which no control token can be read: a backslash after its first character breaks it.

    >>> neutralise("a </s> b", ["</s>"])
    'a <\\/s> b'
    """
    for token in control_tokens:
        if token in text:
            text = text.replace(token, f"{token[0]}\\{token[1:]}")
    return text


@cache
def _built_for_amx() -> bool:
    """Whether llama.cpp would lay out weights for AMX tiles (Xeon), which must be prevented.

    `_tile_loadconfig` reads 64 bytes, and GCC 12 knows of only 8 of them: it may write the others too late. The first
    prompt then ends the process with a segmentation fault (in `ggml_backend_amx_mul_mat`). Seen on Debian 12.
    """
    return b"AMX_INT8 = 1" in llama_cpp.llama_print_system_info()

"""The kinds of OpenAI-compatible servers, apart from the engine: the configuration names them and needs no httpx."""

from enum import StrEnum

__all__ = ["OpenAIServer"]


class OpenAIServer(StrEnum):
    """What is behind the endpoint; they spell constraints differently."""

    VLLM = "vllm"
    LLAMA_SERVER = "llama-server"
    OTHER = "other"
    """Takes `response_format`, and nothing for regular expressions."""

"""The kinds of OpenAI-compatible servers, apart from the engine: the configuration names them and needs no httpx."""

from enum import StrEnum

__all__ = ["OpenAIServer"]


class OpenAIServer(StrEnum):
    """The kind of server behind the endpoint; each kind spells constraints differently."""

    VLLM = "vllm"
    LLAMA_SERVER = "llama-server"
    OPENAI = "openai"
    """OpenAI's own: other names for bounds, and structured outputs that are not held to every schema."""
    OTHER = "other"
    """Any other server: it takes `response_format`, and no regular expressions."""

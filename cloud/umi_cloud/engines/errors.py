"""Errors of engines that the server tells apart."""

from umi_shared.errors import ModelError

__all__ = ["EngineDeadError", "PromptTooLongError", "UnknownAdapterError"]


class PromptTooLongError(ModelError):
    """The prompt does not fit the model's context: the session has grown too long, or has too many tools."""

    def __init__(self, tokens: int, context_tokens: int) -> None:
        super().__init__(
            f"the prompt has {tokens} tokens, and the model's context holds {context_tokens}",
            fix="start a new session, offer fewer tools, or ask the operator for a larger context",
        )
        self.tokens = tokens
        self.context_tokens = context_tokens


class UnknownAdapterError(ModelError):
    """The engine has no adapter of that name."""

    def __init__(self, adapter: str) -> None:
        super().__init__(
            f"the engine has no adapter {adapter!r}", fix="check `engine.adapters` in the configuration"
        )
        self.adapter = adapter


class EngineDeadError(ModelError):
    """The engine is gone for good; the server must be started again."""

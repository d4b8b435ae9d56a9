"""A model's own chat template: what each family wants of a chat, found out by trying.

Gemma's first templates refuse a system turn; Qwen's and DeepSeek's begin a thought before the model has written a word;
gpt-oss has the model name a channel first. Roles here give a system turn, and want words, not thoughts.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

from umi_shared.engine import Message

__all__ = ["ChatTemplate", "without_system_turn"]

_PROBE = "umi-probe"
_THOUGHT_BEGUN = "<think>"
_THOUGHT_ENDED = "\n\n</think>\n\n"
_CHANNEL_WANTED = "<|start|>assistant"
_CHANNEL = "<|channel|>final<|message|>"


class ChatTemplate:
    """Renders turns to the text that a model goes on from, ready to write what is for others to read."""

    def __init__(self, render: Callable[[Sequence[Message]], str]) -> None:
        """`render` is the template alone; it raises any exception for turns that it refuses."""
        self._render = render

    def text(self, messages: Sequence[Message]) -> str:
        """The prompt. Raises what the template raises for turns that no model of its kind takes."""
        has_system_turn = self._has_lone_system_turn if len(messages) == 1 else self._has_system_turn
        turns = messages if has_system_turn else without_system_turn(messages)
        text = self._render(turns)
        if text.rstrip().endswith(_THOUGHT_BEGUN):
            return text.rstrip() + _THOUGHT_ENDED
        return text + _CHANNEL if text.endswith(_CHANNEL_WANTED) else text

    @cached_property
    def _has_system_turn(self) -> bool:
        return self._keeps_system_turn(Message("user", "Hello"))

    @cached_property
    def _has_lone_system_turn(self) -> bool:
        return self._keeps_system_turn()

    def _keeps_system_turn(self, *then: Message) -> bool:
        """Whether a system turn is taken, and is still there afterwards."""
        try:
            return _PROBE in self._render((Message("system", _PROBE), *then))
        except Exception:  # each library has its own; a broken template fails with the real turns, too
            return False


def without_system_turn(messages: Sequence[Message]) -> tuple[Message, ...]:
    r"""The same chat with the system's words at the beginning of the user's first turn.

    >>> without_system_turn([Message("system", "Be kind."), Message("user", "Hello")])[0].content
    'Be kind.\n\nHello'
    """
    if not messages or messages[0].role != "system":
        return tuple(messages)
    system, *rest = messages
    if rest and rest[0].role == "user":
        return (Message("user", f"{system.content}\n\n{rest[0].content}"), *rest[1:])
    return (Message("user", system.content), *rest)

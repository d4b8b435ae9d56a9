"""What planner and summarizer share: one bounded generation of an engine that is not trusted to end."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from umi_cloud.thoughts import WithoutThoughts
from umi_shared.dialects import Dialect, RolePrompt
from umi_shared.engine import ChatPrompt, Chunk, Delta, Engine, Finished, Generation
from umi_shared.errors import MalformedError, ModelError, RefusedError
from umi_shared.transcript import View

__all__ = ["ModelRole", "RoleLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLimits:
    """What one role may write."""

    output_tokens: int = 1024
    """The most tokens; a dialect's own bound counts where it is smaller."""
    output_characters: int = 32 * 1024
    """The most characters: an engine that passes its token bound is stopped here."""


class ModelRole:
    """A role that an engine plays in a dialect, with one adapter; it holds no session."""

    def __init__(
        self,
        engine: Engine,
        dialect: Dialect,
        adapter: str = "",
        limits: RoleLimits = RoleLimits(),  # frozen
        *,
        share_catalogue: bool = False,
        thinking_tokens: int = 0,
    ) -> None:
        """An empty `adapter` is the base model; `share_catalogue` lets devices share the cache of equal tools."""
        self._engine = engine
        self._dialect = dialect
        self._adapter = adapter
        self._limits = limits
        self._share_catalogue = share_catalogue
        self._thinking_tokens = thinking_tokens

    def _generation(
        self, render: Callable[[View], RolePrompt], view: View, session: str, namespace: str
    ) -> Generation:
        """The request to the engine that a dialect's prompt makes.

        Raises `RefusedError` (REQUEST_MALFORMED) when the view cannot be rendered: a catalogue's schemas are JSON
        objects, but nothing says that the things in them have the shapes of JSON Schema.
        """
        try:
            prompt = render(view)
            common = render(replace(view, entries=())).prompt if self._share_catalogue else None
        except (TypeError, AttributeError, KeyError, ValueError, RecursionError) as error:
            raise RefusedError("a tool's schema is not a JSON Schema", reason="REQUEST_MALFORMED") from error
        return prompt.generation(
            max_tokens=min(prompt.max_tokens, self._limits.output_tokens),
            thinking_tokens=self._thinking_tokens,
            adapter=self._adapter,
            session=session,
            namespace=namespace,
            common=common,
        )

    async def _chunks(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """The engine's chunks, up to `Finished`; of a chat without the model's thoughts.

        Raises `MalformedError` past the character limit, and `ModelError` when the stream ends with no `Finished`.
        """
        written = 0
        spoken = WithoutThoughts() if isinstance(generation.prompt, ChatPrompt) else None
        async with aclosing(self._engine.generate(generation)) as stream:
            async for chunk in stream:
                if isinstance(chunk, Finished):
                    if spoken is not None and (said := spoken.finish()):
                        yield Delta(said)
                    yield chunk
                    return
                written += len(chunk.text)
                if written > self._limits.output_characters:
                    raise MalformedError(
                        f"the model wrote more than {self._limits.output_characters} characters"
                    )
                if spoken is None:
                    yield chunk
                elif said := spoken.feed(chunk.text):
                    yield Delta(said)
        raise ModelError(
            "the engine ended a generation without saying so", fix="look into the engine's own log"
        )

"""The summarizer: a view goes in, an answer and a usage come out. Free of gRPC, as the planner is."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from umi_cloud.bounded_generation import RoleLimits, chunks, generation
from umi_shared.dialects import Dialect
from umi_shared.engine import Delta, Engine, Finished
from umi_shared.errors import MalformedError
from umi_shared.transcript import AnswerDelta, SummarizeEvent, View

__all__ = ["Summarizer"]


class Summarizer:
    """Writes the answer of a session; holds no session itself."""

    def __init__(
        self,
        engine: Engine,
        dialect: Dialect,
        adapter: str = "",
        limits: RoleLimits = RoleLimits(),  # noqa: B008  # frozen
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._adapter = adapter
        self._limits = limits

    async def summarize(self, view: View, session: str = "") -> AsyncGenerator[SummarizeEvent, None]:
        """Stream the answer, then the usage.

        An answer that reaches the token limit ends there: a cut answer is still one. Closing the generator stops
        the model. Raises `MalformedError` when the model writes nothing, and what `Engine.generate` raises.
        """
        request = generation(
            lambda: self._dialect.answer(view), adapter=self._adapter, session=session, limits=self._limits
        )
        said = False
        async with aclosing(chunks(self._engine, request, self._limits)) as stream:
            async for chunk in stream:
                match chunk:
                    case Delta(text):
                        said = said or bool(text.strip())
                        yield AnswerDelta(text)
                    case Finished(_, usage):
                        if not said:
                            raise MalformedError("the summarizer wrote nothing")
                        yield usage

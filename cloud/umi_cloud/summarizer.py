"""The summarizer: a view goes in, an answer and a usage come out. Free of gRPC, as the planner is."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from umi_cloud.model_role import ModelRole
from umi_shared.engine import Delta, Finished
from umi_shared.errors import MalformedError
from umi_shared.transcript import AnswerDelta, SummarizeEvent, View

__all__ = ["Summarizer"]


class Summarizer(ModelRole):
    """Writes the answer of a session; holds no session itself."""

    async def summarize(
        self, view: View, session: str = "", namespace: str = ""
    ) -> AsyncGenerator[SummarizeEvent, None]:
        """Stream the answer, then the usage.

        An answer that reaches the token limit ends there, and is given as it is. Closing the generator stops
        the model. Raises `MalformedError` when the model writes nothing, and what `Engine.generate` raises.
        """
        generation = self._generation(self._dialect.answer, view, session, namespace)
        said = False
        async with aclosing(self._chunks(generation)) as stream:
            async for chunk in stream:
                match chunk:
                    case Delta(text):
                        said = said or bool(text.strip())
                        yield AnswerDelta(text)
                    case Finished(_, usage):
                        if not said:
                            raise MalformedError("the summarizer wrote nothing")
                        yield usage

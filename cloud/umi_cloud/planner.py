"""The planner: a view goes in; a rationale, a decision and a usage come out.

Free of gRPC: `umi_cloud.server`, Ray Serve's gRPC ingress or a program of one's own can host it. A host that serves
the RPC maps its name, `Plan`, to `Planner.plan`, and the messages with `umi_shared.wire`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from umi_cloud.model_role import ModelRole
from umi_shared.dialects import DecisionReader
from umi_shared.engine import Finish, Finished
from umi_shared.errors import MalformedError
from umi_shared.transcript import PlanEvent, QuestionDelta, RationaleDelta, View

__all__ = ["Planner"]


class Planner(ModelRole):
    """Decides the next step of a session; holds no session itself."""

    async def plan(
        self, view: View, session: str = "", namespace: str = ""
    ) -> AsyncGenerator[PlanEvent, None]:
        """Stream the rationale as it becomes certain, then the decision, then the usage.

        A host with several users gives each a `namespace` of its own, or they share cached prompts. What the usage
        says of cached tokens is for the host's own log.

        Closing the generator stops the model. Raises `MalformedError` when the model's output holds no decision
        or does not end, and what `Engine.generate` raises.
        """
        generation = self._generation(self._dialect.plan, view, session, namespace)
        reader = self._dialect.decision_reader(view)
        async with aclosing(self._chunks(generation)) as stream:
            async for chunk in stream:
                if isinstance(chunk, Finished):
                    for event in _decided(reader, chunk.finish, generation.max_tokens):
                        yield event
                    yield chunk.usage
                    return
                if piece := reader.feed(chunk.text):
                    yield RationaleDelta(piece)
                if piece := reader.asked():
                    yield QuestionDelta(piece)


def _decided(reader: DecisionReader, finish: Finish, max_tokens: int) -> tuple[PlanEvent, ...]:
    try:
        rest, decision = reader.finish()
    except MalformedError as error:
        if finish is Finish.LENGTH:
            raise MalformedError(f"the planner wrote {max_tokens} tokens and decided nothing") from error
        raise
    return (RationaleDelta(rest), decision) if rest else (decision,)

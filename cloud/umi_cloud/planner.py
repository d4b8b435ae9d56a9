"""The planner: a view goes in; a rationale, a decision and a usage come out.

Free of gRPC: `umi_cloud.server`, Ray Serve's gRPC ingress or a program of one's own can host it. A host that serves
the RPC maps its name, `Plan`, to `Planner.plan`, and the messages with `umi_shared.wire`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from umi_cloud.bounded_generation import RoleLimits, chunks, generation
from umi_shared.dialects import DecisionReader, Dialect
from umi_shared.engine import Delta, Engine, Finish, Finished
from umi_shared.errors import MalformedError
from umi_shared.transcript import PlanEvent, RationaleDelta, View

__all__ = ["Planner"]


class Planner:
    """Decides the next step of a session; holds no session itself."""

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

    async def plan(self, view: View, session: str = "") -> AsyncGenerator[PlanEvent, None]:
        """Stream the rationale as it becomes certain, then the decision, then the usage.

        Closing the generator stops the model. Raises `MalformedError` when the model's output holds no decision
        or does not end, and what `Engine.generate` raises.
        """
        request = generation(
            lambda: self._dialect.plan(view), adapter=self._adapter, session=session, limits=self._limits
        )
        reader = self._dialect.decision_reader(view)
        async with aclosing(chunks(self._engine, request, self._limits)) as stream:
            async for chunk in stream:
                match chunk:
                    case Delta(text):
                        if piece := reader.feed(text):
                            yield RationaleDelta(piece)
                    case Finished(finish, usage):
                        for event in _decided(reader, finish, request.max_tokens):
                            yield event
                        yield usage


def _decided(reader: DecisionReader, finish: Finish, max_tokens: int) -> tuple[PlanEvent, ...]:
    try:
        rest, decision = reader.finish()
    except MalformedError as error:
        if finish is Finish.LENGTH:
            raise MalformedError(f"the planner wrote {max_tokens} tokens and decided nothing") from error
        raise
    return (RationaleDelta(rest), decision) if rest else (decision,)

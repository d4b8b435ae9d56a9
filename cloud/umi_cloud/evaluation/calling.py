"""A tool call as one generation of an engine, for agents without a laptop."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from umi_shared.dialects import Dialect
from umi_shared.engine import Delta, Engine, Finished
from umi_shared.transcript import Usage, View

__all__ = ["call_text"]


async def call_text(
    engine: Engine, dialect: Dialect, view: View, schemas: Mapping[str, Mapping[str, Any]], adapter: str
) -> tuple[str, Usage]:
    """The text of the caller's turn under the tools' `schemas`, for `Dialect.read_call`, and its usage.

    Raises what `Engine.generate` raises.
    """
    generation = dialect.call(view).generation(constraint=dialect.call_constraint(schemas), adapter=adapter)
    text, usage = "", Usage()
    async with aclosing(engine.generate(generation)) as chunks:
        async for chunk in chunks:
            match chunk:
                case Delta(piece):
                    text += piece
                case Finished():
                    usage = chunk.usage
    return text, usage

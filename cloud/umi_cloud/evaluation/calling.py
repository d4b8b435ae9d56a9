"""Calling: a call as one generation of an engine, for agents that have no laptop."""

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
    """What the caller's turn says under the tools' `schemas`, whole, and what it took; `Dialect.read_call` reads it.

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

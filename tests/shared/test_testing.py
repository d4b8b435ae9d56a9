"""The scripted engine keeps the contract of the real ones."""

from contextlib import aclosing

import pytest

from umi_shared.engine import Delta, Finish, Finished, Generation, RawPrompt
from umi_shared.errors import ModelError
from umi_shared.testing import Ending, Reply, ScriptedEngine

ASK = Generation(prompt=RawPrompt("hello"))


async def chunks(engine):
    return [chunk async for chunk in engine.generate(ASK)]


async def test_a_reply_streams_in_pieces_and_ends_with_its_usage():
    engine = ScriptedEngine([Reply(text="abcdef", piece_characters=4)])
    *deltas, last = await chunks(engine)
    assert deltas == [Delta("abcd"), Delta("ef")]
    assert isinstance(last, Finished)
    assert last.finish is Finish.STOP
    assert (engine.running, engine.finished, engine.stopped) == (0, 1, 0)


async def test_a_function_of_the_generation_may_be_the_script():
    engine = ScriptedEngine(lambda generation: generation.prompt.text.upper())
    assert (await chunks(engine))[0] == Delta("HELLO")


async def test_a_used_up_script_is_an_error():
    engine = ScriptedEngine([])
    with pytest.raises(ModelError, match="0 replies"):
        await chunks(engine)


async def test_closing_a_stream_counts_as_stopped():
    engine = ScriptedEngine([Reply(text="again ", ending=Ending.REPEAT)])
    async with aclosing(engine.generate(ASK)) as stream:
        async for _ in stream:
            break
    await engine.until(lambda e: e.stopped == 1)
    assert engine.running == 0


async def test_a_crash_raises_the_scripts_error():
    engine = ScriptedEngine([Reply(text="a", ending=Ending.CRASH, error=ModelError("boom"))])
    with pytest.raises(ModelError, match="boom"):
        await chunks(engine)
    assert engine.running == 0


async def test_a_closed_engine_answers_nothing():
    engine = ScriptedEngine(["a"])
    await engine.close()
    with pytest.raises(ModelError, match="closed"):
        await chunks(engine)

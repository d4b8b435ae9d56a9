"""The reader's model: loaded once, when something is first read, in one thread; freed when it is closed."""

import asyncio
import threading
import time
from typing import ClassVar

import pytest

from umi_edge.reading.model import ReadingModel
from umi_edge.reading.reading import Scored
from umi_shared import llama
from umi_shared.errors import ModelError
from umi_shared.llama import likelihood

SECRET = "Kestrelwood"


class FakeLikelihoods:
    made: ClassVar[list["FakeLikelihoods"]] = []

    def __init__(self, weights, *, threads=0):
        self.weights, self.threads, self.closed, self.ran_in = weights, threads, 0, set()
        self.made.append(self)

    def of(self, continuations, cancelled):
        self.ran_in.add(threading.current_thread().name.rpartition("_")[0])
        if any("fail" in one.text for one in continuations):
            raise ModelError(f"no memory for {SECRET}")
        if any("wait" in one.text for one in continuations):
            while not cancelled():
                time.sleep(0.001)
            raise llama.Cancelled
        return [float(len(one.text)) for one in continuations]

    def close(self):
        self.closed += 1


class FakeWeights:
    closed = 0

    def close(self):
        self.closed += 1


@pytest.fixture
def loaded(monkeypatch):
    """The weights that were loaded, in order."""
    found = []
    FakeLikelihoods.made = []
    monkeypatch.setattr(likelihood, "Likelihoods", FakeLikelihoods)
    monkeypatch.setattr(llama.Weights, "load", lambda path: found.append(FakeWeights()) or found[-1])
    return found


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "reader.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    return path


async def test_it_is_loaded_once_when_something_is_read_and_scores_in_order_in_its_own_thread(gguf, loaded):
    model = ReadingModel(gguf, threads=2)
    assert not loaded
    assert await model.scores([Scored("a", "one"), Scored("b", "three")]) == [3.0, 5.0]
    assert await model.scores([Scored("a", "two")]) == [3.0]
    (made,) = FakeLikelihoods.made
    assert (len(loaded), made.threads, made.ran_in) == (1, 2, {"umi-reader"})
    await model.close()
    assert (made.closed, loaded[0].closed) == (1, 1)


async def test_closing_one_that_never_read_loads_nothing(gguf, loaded):
    await ReadingModel(gguf).close()
    assert not loaded


async def test_a_failure_quotes_nothing_and_leaves_no_trace_of_what_was_read(gguf, loaded):
    model = ReadingModel(gguf)
    with pytest.raises(ModelError, match="could not read the text") as caught:
        await model.scores([Scored(SECRET, "fail")])
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    assert await model.scores([Scored("a", "one")]) == [3.0]
    await model.close()


async def test_cancelling_stops_the_model(gguf, loaded):
    model = ReadingModel(gguf)
    reading = asyncio.create_task(model.scores([Scored("a", "wait")]))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await model.scores([Scored("a", "one")]) == [3.0]
    await model.close()


@pytest.mark.parametrize("content", [None, b"", b"GGML"])
def test_a_file_that_is_no_model_is_refused_at_once(tmp_path, content):
    path = tmp_path / "reader.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError):
        ReadingModel(path)

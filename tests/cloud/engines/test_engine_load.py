"""What an engine elsewhere says of itself: what is read, when it is crowded, and what a page of another kind is."""

import gzip
import time

import pytest

from tests.cloud.engines.test_openai import endpoint, engine
from umi_cloud.engines.engine_load import PAGE_BYTES, EngineLoad, MetricsPage

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b} 9"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:num_requests_waiting{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 5e-1
vllm:request_success_total{engine="0",finished_reason="stop"} 12.0
"""


def load(running: float = 0, waiting: float = 0, kv_usage: float = 0) -> EngineLoad:
    return EngineLoad(running=running, waiting=waiting, kv_usage=kv_usage)


def read(page: str, size: int = 7) -> EngineLoad | None:
    """In small pieces."""
    made, content = MetricsPage(), page.encode()
    if not all(made.take(content[at : at + size]) for at in range(0, len(content), size)):
        return None
    return made.load()


def test_a_page_of_vllms_is_read():
    assert read(PAGE) == load(7, 2, 0.5)
    older = PAGE.replace("kv_cache_usage_perc", "gpu_cache_usage_perc")
    assert read(older) == load(7, 2, 0.5)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "llamacpp:requests_processing 3",
        "vllm:num_requests_running 3.0",
        "vllm:num_requests_running NaN\nvllm:num_requests_waiting 1",
        "vllm:num_requests_running 1e999\nvllm:num_requests_waiting 1",
        "vllm:num_requests_running -\nvllm:num_requests_waiting 1",
        " vllm:num_requests_running 1\n vllm:num_requests_waiting 1",
    ],
)
def test_what_is_none_says_nothing(page):
    assert read(page) is None


def test_when_an_engine_is_crowded():
    assert not load(running=100, waiting=5).crowded  # on their way into the batch
    assert load(running=100, waiting=7).crowded
    assert load(waiting=2).crowded
    assert not load(running=8, kv_usage=0.9).crowded
    assert load(running=8, kv_usage=0.96).crowded


async def test_the_endpoint_is_asked_beside_its_api_and_several_are_added_up():
    page = PAGE.encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(page) + page
    nothing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with endpoint(answer) as one, endpoint(answer) as two, endpoint(nothing) as three:
        async with engine(one.url, replicas={two.url: 1.0, three.url: 1.0}) as made:
            assert await made.load() == load(14, 4, 0.5)
        assert [path for path, _, _ in one.requests] == ["/metrics"]
        async with engine(three.url, replicas={"http://127.0.0.1:9/v1": 1.0}) as made:
            assert await made.load() is None


async def test_a_page_without_end_is_not_read_to_its_end():
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PAGE.encode() + b"x" * 2_000_000
    async with endpoint(answer) as here, engine(here.url) as made:
        assert await made.load() is None


async def test_a_page_that_would_have_to_be_unpacked_is_not_read():
    """A megabyte of it can become a gigabyte at once, in the event loop."""
    page = gzip.compress(PAGE.encode())
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    async with endpoint(head % len(page) + page) as here, engine(here.url) as made:
        assert await made.load() is None
    ((_, sent, _),) = here.requests
    assert "accept-encoding: identity" in sent.lower()


def test_a_page_of_many_other_metrics_is_read():
    other = 'vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001"} 0.0\n'
    assert read(other * 12_000 + PAGE, 4096) == load(7, 2, 0.5)
    assert read(other * 20_000 + PAGE, 4096) is None


@pytest.mark.parametrize(
    "line",
    [
        "vllm:num_requests_running" + "{" * 1_000_000,
        "vllm:num_requests_running{" + "} 1" * 300_000,
        "vllm:num_requests_running 1\n" * 35_000,
        "vllm:num_requests_running{" + "}" * 2_000 + "\n" + PAGE_BYTES * "\n",
        "\n" * PAGE_BYTES,
        "vllm:num_requests_running 1e" + "9" * 1_000_000,
    ],
    ids=["open", "closed", "many", "long", "empty", "digits"],
)
def test_a_hostile_page_costs_little_and_says_nothing(line):
    """Trial: 4 MB of it held the event loop for up to a second."""
    began = time.process_time()
    assert read(line, 65_536) is None
    assert time.process_time() - began < 0.5


def test_a_line_without_an_end_is_not_kept():
    page = MetricsPage()
    for _ in range(10):
        assert page.take(b"x" * 65_536)
    assert len(page._begun) < 65_536
    assert page.take(b"\n" + PAGE.encode())
    assert page.load() == load(7, 2, 0.5)

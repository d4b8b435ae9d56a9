"""The limits of a session: each ends in one clear outcome, and the session can go on where that makes sense."""

import asyncio

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_cloud.server import ServerLimits
from umi_edge.session.events import GaveUp, Stopped
from umi_edge.session.written_arguments import read_arguments
from umi_shared.errors import MalformedError, RefusedError
from umi_shared.wire import WireLimits

GIVE_UP = [plan("To see, use data.get."), plan("No.", "give up")]


@pytest.mark.parametrize("steps", [1, 3])
async def test_steps_end_at_the_policys_limit(tmp_path, steps):
    async with world(
        tmp_path, plans=lambda _: plan("To see, use data.get."), calls=[("data.get", "{}")] * 9,
        tools=[tool_of("data.get", lambda _: 1)], policy=f"limits: {{steps: {steps}}}",
    ) as w:  # fmt: skip
        assert isinstance(await w.session.ask("Look."), Stopped)
        assert len(w.results) == steps
        assert isinstance(await w.session.ask("Look again."), Stopped)
        assert len(w.results) == 2 * steps


@pytest.mark.parametrize(
    ("limits", "value", "outcome"),
    [
        ("result_bytes: 1KiB", "x" * 1100, "too-large"),
        ("result_bytes: 2KiB", "x" * 1100, "done"),
    ],
)
async def test_a_results_size_is_the_policys(tmp_path, limits, value, outcome):
    async with world(
        tmp_path, plans=GIVE_UP, calls=[("data.get", "{}")], tools=[tool_of("data.get", lambda _: value)],
        policy=f"limits: {{{limits}}}",
    ) as w:  # fmt: skip
        assert await w.session.ask("Look.") == GaveUp("No.")
    assert w.results == [outcome]


async def test_a_tool_is_given_up_at_the_policys_time(tmp_path):
    async with world(
        tmp_path, plans=GIVE_UP, calls=[("data.get", "{}")],
        tools=[tool_of("data.get", lambda _: asyncio.Event().wait())], policy="limits: {call_seconds: 0.05}",
    ) as w:  # fmt: skip
        assert await w.session.ask("Look.") == GaveUp("No.")
    assert w.results == ["timeout"]


async def test_a_transcript_that_outgrows_the_cloud_is_one_clear_refusal(tmp_path):
    limits = ServerLimits(wire=WireLimits(entries=4))
    async with world(
        tmp_path, plans=[GIVE_UP[0]] * 9, calls=[("data.get", "{}")] * 9,
        tools=[tool_of("data.get", lambda _: 1)], limits=limits,
    ) as w:  # fmt: skip
        with pytest.raises(RefusedError) as caught:
            await w.session.ask("Look.")
    assert caught.value.reason == "REQUEST_MALFORMED"
    assert caught.value.fix


@pytest.mark.parametrize("depth", [10, 31])
def test_arguments_within_the_depth_are_read(depth):
    text = '{"a":' * depth + "1" + "}" * depth
    assert read_arguments(text)


@pytest.mark.parametrize(
    "text",
    ['{"a":' * 40 + "1" + "}" * 40, "[" * 100_000, '{"a":NaN}', '{"a":Infinity}', '{"a":1,"a":2}', '{"a":"\\ud800"}',
     "\ud800", "{", "null", '{"<\\\\a:1>":1,"<a:1>":2}'],
    ids=lambda text: text[:12].encode("ascii", "replace").decode(),
)  # fmt: skip
def test_arguments_that_are_none_are_refused_without_a_word_of_them(text):
    with pytest.raises(MalformedError) as caught:
        read_arguments(text)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_names_are_read_as_the_tool_spells_them_and_handles_where_they_are_given():
    text = '{"<\\\\a:1>":"<a:1>","b":["<a:1>",{"c":"<\\\\a:1>"}]}'
    assert read_arguments(text) == {"<a:1>": "<a:1>", "b": ["<a:1>", {"c": "<\\a:1>"}]}
    assert read_arguments(text, handles=False) == {"<a:1>": "<\\a:1>", "b": ["<\\a:1>", {"c": "<\\a:1>"}]}

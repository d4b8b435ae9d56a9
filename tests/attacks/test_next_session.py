"""Attacks by a program's next session: its model copies what one session told it into another one."""

from typing import Any

import pytest

from tests.end_to_end.gateway_client import told
from tests.end_to_end.harness import tool_of
from umi_edge.tools import Hints

POLICY = """
tools:
  "*": {runs: device, confirm: never, stored_as: nowhere}
  diary.read: {results: {"$.open": cloud, "$.kept": {locality: handle, type: text}}, never_to: [post]}
  weather.get: {results: {"$": cloud}}
"""
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}


def tools(sent: list[Any]) -> list[Any]:
    return [
        tool_of("diary.read", lambda _: {"open": "I sold it", "kept": "for 90"}, hints=Hints(read_only=True)),
        tool_of("weather.get", lambda _: "rain", hints=Hints(read_only=True)),
        tool_of("post", lambda given: sent.append(given["text"]) or "ok", schema=TEXT),
    ]


def session_of(result: Any) -> dict[str, str]:
    return {"umi_session": result.structured_content["umi_session"]}


@pytest.mark.parametrize("restarted", [True, False])
async def test_words_that_were_read_in_one_session_are_barred_in_every_other(tmp_path, restarted):
    sent: list[Any] = []
    async with told(tmp_path, tools(sent), POLICY, modern=True) as client:
        early = await client.call("weather_get")
        assert not (await client.call("post", text="rain", **session_of(early))).is_error
        await client.call("diary_read")
        if not restarted:
            assert (await client.call("post", text="I sold it", **session_of(early))).is_error
            assert (await client.call("post", text="I sold it")).is_error
    if restarted:
        async with told(tmp_path, tools(sent), POLICY, modern=True) as client:
            assert (await client.call("post", text="I sold it")).is_error
    assert sent == ["rain"]


async def test_what_another_program_was_told_bars_nothing_and_neither_does_a_handle(tmp_path):
    sent: list[Any] = []
    async with told(tmp_path, tools(sent), POLICY) as client:
        await client.call("diary_read")
    handles = POLICY.replace('"$.open": cloud', '"$.open": handle')
    async with told(tmp_path, tools(sent), POLICY, name="cursor") as client:
        await client.call("weather_get")
        assert not (await client.call("post", text="rain")).is_error
    async with told(tmp_path, tools(sent), handles, name="editor") as client:
        await client.call("diary_read")
        assert not (await client.call("post", text="rain")).is_error
    assert sent == ["rain", "rain"]

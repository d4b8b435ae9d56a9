"""The window takes bytes from any program of this machine, and tells values to those alone that have its key."""

import asyncio
import json

import pytest

from umi_edge.doors.gateway.sessions import Sessions
from umi_edge.doors.gateway.window import window


@pytest.mark.parametrize("asked", ['{"key": "\u00e9"}', '{"key": "\\ud800"}', "[" * 60_000, "nothing", "7"])
async def test_what_is_no_question_is_answered_with_nothing_and_prints_nothing(tmp_path, asked):
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with window(tmp_path / "w", "claude", Sessions(lambda: None)):  # type: ignore[arg-type, return-value]
        at = json.loads(next((tmp_path / "w").glob("*.json")).read_text())
        reader, writer = await asyncio.open_connection("127.0.0.1", at["port"])
        writer.write(asked.encode() + b"\n")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    assert faults == []

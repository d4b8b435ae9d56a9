"""`umi serve` with programs of other people's that speak to OpenAI: `llm` and LiteLLM, each in a process of its own."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks_of
from tests.end_to_end.harness import world
from tests.end_to_end.serving import CALL, CANARY, DONE, KEY, OPEN, POLICY, box, served

pytestmark = pytest.mark.timeout(600)
"""The first test on a machine fetches the programs."""

PAGE = DOCS / "how-to/chat-programs.md"
LITELLM = """
import json, sys
import litellm
litellm.suppress_debug_info = True
at = dict(api_base=sys.argv[1], api_key=sys.argv[2], num_retries=0)
asked = [{"role": "user", "content": "What is in the box?"}]
whole = litellm.completion(model="openai/umi", messages=asked, **at)
told = whole.choices[0].message
again = [*asked, {"role": "assistant", "content": told.content}, {"role": "user", "content": "Say it again"}]
pieces = [
    chunk.choices[0].delta.content or ""
    for chunk in litellm.completion(model="openai/umi", messages=again, stream=True, **at)
    if chunk.choices
]
response = litellm.responses(model="openai/umi", input="And in words?", **at)
tools = [{"type": "function", "function": {"name": "f"}}]
try:
    litellm.completion(model="openai/umi", messages=asked, tools=tools, **at)
    refused = ""
except litellm.BadRequestError as error:
    refused = str(error)
print(json.dumps({
    "whole": told.content,
    "reasoning": told.reasoning_content,
    "calls": told.tool_calls,
    "streamed": "".join(pieces),
    "items": [item.type for item in response.output],
    "refused": refused,
}))
"""


async def run(packages: Path, *arguments: str, **env: str) -> str:
    """What a program prints, which runs with these packages."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={"PATH": os.environ["PATH"], "HOME": env["HOME"], "PYTHONPATH": str(packages), **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, errors = await asyncio.wait_for(process.communicate(), 100)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return printed.decode()


async def test_llm_asks_and_goes_on_with_the_chat(tmp_path, chat_clients):
    [models] = [one for one in blocks_of(PAGE) if one.title == "extra-openai-models.yaml"]
    home = tmp_path / "llm"
    home.mkdir()
    plans = [OPEN, DONE, "It says <text:1>.", DONE, "Again <text:1>."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        (home / models.title).write_text(models.text.replace("http://127.0.0.1:4864/v1", s.url))
        (home / "keys.json").write_text(json.dumps({"umi": KEY}))
        own = {"HOME": str(home), "LLM_USER_PATH": str(home)}
        first = await run(chat_clients, "-m", "llm", "-m", "umi", "What is in the box?", **own)
        second = await run(chat_clients, "-m", "llm", "-c", "Say it again", "--no-stream", **own)
        assert f"It says {CANARY}." in first
        assert second.strip() == f"Again {CANARY}."
        assert CANARY.encode() not in s.left
        assert "It says <text:1>." in w.prompts[-1]


async def test_litellm_asks_in_both_protocols(tmp_path, chat_clients):
    plans = [OPEN, DONE, "It says <text:1>.", DONE, "Again <text:1>.", DONE, "In words."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        told = json.loads(
            await run(
                chat_clients,
                *("-c", LITELLM, s.url, KEY),
                HOME=str(tmp_path),
                LITELLM_LOCAL_MODEL_COST_MAP="True",
            )
        )
        assert told["whole"] == f"It says {CANARY}."
        assert "box.open" in told["reasoning"]
        assert told["calls"] is None
        assert told["streamed"] == f"Again {CANARY}."
        assert told["items"][-1] == "message"
        assert "its own tools" in told["refused"]
        assert CANARY.encode() not in s.left

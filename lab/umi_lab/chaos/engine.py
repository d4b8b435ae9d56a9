"""An OpenAI-compatible endpoint in a process of its own, so that it can be killed: it plans what the request asks for.

python -m umi_lab.chaos.engine ADDRESS PORT
"""

import asyncio
import json
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import uvicorn

__all__ = ["MODEL", "MODULE"]

MODULE = "umi_lab.chaos.engine"
MODEL = "scripted"
_STEPS = re.compile(r"in (\d+) steps")
_TOOL = re.compile(r"steps with ([a-z]+\.[a-z]+)")
_CALLS = "<|im_start|>caller\n"
_PAUSE_SECONDS = 0.01


def answer(prompt: str) -> str:
    r"""What is said to a prompt of the `umi` dialect: as many calls as the request wants, then the end.

    >>> answer("<|im_start|>user\nTidy up in 2 steps with notes.search.<|im_end|>\n<|im_start|>planner\n")
    'To take the next step, use notes.search. Next: caller.'
    """
    if prompt.rstrip().endswith("<|im_start|>summarizer"):
        return "All steps are done."
    found = _STEPS.findall(prompt)
    wanted = int(found[-1]) if found else 1
    if prompt.count(_CALLS) < wanted:
        named = _TOOL.findall(prompt)
        return f"To take the next step, use {named[-1] if named else 'chaos.mark'}. Next: caller."
    return "Nothing is left to do. Next: summarizer."


async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """GET /v1/models and POST /v1/completions."""
    if scope["type"] != "http":
        return
    if scope["method"] == "GET":
        await _start(send, "application/json")
        await send({"type": "http.response.body", "body": json.dumps({"data": [{"id": MODEL}]}).encode()})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    text = answer(json.loads(body)["prompt"])
    await _start(send, "text/event-stream")
    for start in range(0, len(text), 8):
        await asyncio.sleep(_PAUSE_SECONDS)
        await _event(send, {"choices": [{"text": text[start : start + 8]}]})
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(text) // 4}
    await _event(send, {"choices": [{"text": "", "finish_reason": "stop"}], "usage": usage})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _start(send: Any, kind: str) -> None:
    headers = [(b"content-type", kind.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _event(send: Any, event: dict[str, Any]) -> None:
    data = f"data: {json.dumps(event)}\n\n".encode()
    await send({"type": "http.response.body", "body": data, "more_body": True})


if __name__ == "__main__":
    uvicorn.run(app, host=sys.argv[1], port=int(sys.argv[2]), log_level="warning", lifespan="off")

"""The endpoint, whose client leaves as the answer comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from umi_edge.doors.chat_door import ChatDoor
from umi_edge.doors.chat_request import ChatRequest
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.endpoint import Endpoint
from umi_edge.doors.run import Called, Ended, Piece, Run, Said

KEY = "k" * 40
USED = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Acting:
    """A door behind which each request does something at once."""

    def __init__(self) -> None:
        self.acts = 0

    async def carry_out(self, _: ChatRequest, run: Run) -> AsyncIterator[Piece]:
        self.acts += 1
        run.acted = True
        yield Called("mail.send", "{}")
        yield Said("It is sent.")
        yield Ended(USED)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions"])
async def test_what_was_not_sent_to_the_end_is_not_done_again(path: str, *, stream: bool) -> None:
    door = Acting()
    app = Endpoint(door=cast("ChatDoor", door), keeper=Doorkeeper(KEY)).app()
    body = {"model": "umi", "stream": stream}
    body |= {"input": "x"} if "responses" in path else {"messages": [{"role": "user", "content": "x"}]}
    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.3", "version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {KEY}".encode())],
    }

    async def asked(*, stays: bool) -> bytes:
        received = [{"type": "http.request", "body": json.dumps(body).encode()}]
        sent = bytearray()

        async def receive() -> Any:
            if received:
                return received.pop()
            if stays:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if not stays and message["type"] == "http.response.body":
                await asyncio.sleep(0.05)  # it has left by now
            sent.extend(message.get("body", b""))

        await app(scope, receive, send)
        return bytes(sent)

    await asked(stays=False)
    assert b"It is sent." in await asked(stays=True)
    assert door.acts == 1
    assert b"It is sent." in await asked(stays=True)
    assert door.acts == 2, "the answer came, so it was asked anew"

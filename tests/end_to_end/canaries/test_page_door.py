"""Canaries and the page: who has the key sees values, and they are nowhere else."""

import asyncio
import logging

from tests.end_to_end.page.served import MAIL, served_page
from tests.end_to_end.page.test_page_api import PATHS
from tests.end_to_end.page.test_page_stream import decide, opened
from tests.end_to_end.test_session_flows import MAIL_CALLS, MAIL_PLANS
from umi_lab.attack.encoded import needles

VALUES = ("Alice Moreau", "alice.moreau@example.org", "+33 6 39 98 41 07")
NEEDLES = [(how, needle) for value in VALUES for how, needle in needles(value) if needle != b"example.org"]


def found_in(data: bytes) -> set[str]:
    return {how for how, needle in NEEDLES if needle in data}


async def test_no_canary_is_in_an_address_a_log_a_file_or_an_answer_without_the_key(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    answered = bytearray()
    async with served_page(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as page:
        async with opened(page) as stream:
            work = asyncio.create_task(page.session().ask(MAIL))
            (question,) = await stream.until("waiting", bool)
            assert VALUES[1] in str(question)  # with the key it is there
            for headers in ({"authorization": "Bearer wrong"}, {"origin": "https://evil.example"}):
                async with page.http(**headers) as http:
                    paths = [
                        *PATHS,
                        ("POST", f"/api/approvals/{question['id']}"),
                        ("GET", "/"),
                        ("GET", "/page/main.js"),
                    ]
                    for method, path in paths:
                        answer = await http.request(method, path)
                        answered += str(answer.headers).encode() + answer.content
            assert (await decide(page, question, True)).status_code == 200
            await work
        async with opened(page) as stream:
            asked = asyncio.create_task(page.approvals.of("c2", "ask").reply(f"Do you mean {VALUES[1]}?"))
            (question,) = await stream.until("waiting", bool)
            assert VALUES[1] in question["message"]
            for headers in ({"authorization": "Bearer wrong"}, {"origin": "https://evil.example"}):
                async with page.http(**headers) as http:
                    path, said = f"/api/approvals/{question['id']}", {"reply": {"reply": VALUES[0]}}
                    answered += (await http.post(path, json=said)).content
            assert (await decide(page, question, {"reply": VALUES[2]})).status_code == 200
            assert await asked == VALUES[2]
        async with page.http() as http:
            for document in (
                {"tool": VALUES[0], "side": "results", "path": VALUES[1]},
                {"changes": [VALUES[2]]},
            ):
                for path in ("/api/policy/explain", "/api/policy/try", "/api/policy/write"):
                    await http.post(path, json=document)
        sent = b"".join(one.message for one in page.world.capture.requests)
    stored = b"".join(
        file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and "home" not in file.parts
    )
    out, err = capfd.readouterr()
    for data in (bytes(answered), sent, stored, caplog.text.encode(), out.encode(), err.encode()):
        assert found_in(data) == set()
    assert found_in(b"to " + VALUES[1].encode())

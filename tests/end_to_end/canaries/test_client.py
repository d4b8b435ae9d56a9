"""Canaries in all that a program reads of umi's tools: none is in a frame that it is sent, in no encoding."""

import json
import logging
import sys

import pytest

from tests.end_to_end.canaries.test_canary_matrix import MAIL, NAME, POLICY, STEPS, answers, everything, tools
from tests.end_to_end.canaries.test_mcp_and_screen import CALLS, RULES, SERVER
from tests.end_to_end.gateway_client import told
from umi_edge.doors.gateway.gateway import REVEAL
from umi_edge.doors.gateway.wire import SESSION_ARGUMENT
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.session.consent import DeclineAll, UnsafeApproveAll
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_lab.attack.encoded import TEXTS

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("consent", [UnsafeApproveAll(), DeclineAll()], ids=["yes", "no"])
async def test_no_canary_is_in_a_frame(tmp_path, guard, modern, consent, caplog, capfd):
    caplog.set_level(0)
    entry = {"command": sys.executable, "args": [str(SERVER), json.dumps(TEXTS)]}
    servers = McpServers.parse({"mcpServers": {"crm": entry}})
    calls = [json.loads(call[1]) | {"": call[0]} for _, call in STEPS if isinstance(call, tuple)]
    calls += [{"": tool} for tool, _ in CALLS] + [{"": "data.get", NAME: MAIL}]
    async with (
        open_mcp(servers, {}, log_folder=tmp_path / "mcp") as (crm,),
        told(
            tmp_path,
            [*tools(), *answers(tmp_path), *crm.tools],
            POLICY + RULES,
            modern=modern,
            guard=guard,
            consent=consent,
        ) as t,
    ):
        await t.client.list_tools()
        word = {}
        for call in calls:
            result = await t.call(call.pop("").replace(".", "_"), **call, **word)
            word = word or {
                name: value
                for name, value in (result.structured_content or {}).items()
                if name == SESSION_ARGUMENT
            }
        await t.call(REVEAL, handles=["<email:1>", "<person:1>"], **word)
        frames = b"\n".join(t.frames)
        left = b"\n".join(entry["message"].encode() for entry in t.recorded)
    assert b"seen by all" in frames
    typed = {how for how, needle in everything() if needle in str({NAME: MAIL}).encode()}
    for said in (frames, left):
        assert {how for how, needle in everything() if needle in said} - typed == set()
    out = "".join(capfd.readouterr()) + "".join(
        record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG
    )
    assert not [how for how, needle in everything() if needle.decode("latin-1") in out]
    assert not [how for how, needle in everything() if needle in repr([t.gateway, *t.complaints]).encode()]

"""A hostile MCP server puts private words into what it says of its tools, and changes it once it is approved."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.end_to_end.harness import plan, world
from umi_edge.cli import umi
from umi_edge.labelling.approved_cards import ApprovedCards
from umi_edge.runtime.config import EdgeConfig
from umi_edge.tools.mcp import McpServers, open_mcp

SERVER = Path(__file__).with_name("hostile_mcp_server.py")
PLACES = (
    "description",
    "title",
    "enum",
    "default",
    "examples",
    "inner",
    "property name",
    "pattern",
    "changed",
)
CANARIES = {place: f"zq{place.replace(' ', '')}canary" for place in PLACES}


def entry(folder: Path) -> dict:
    return {"command": sys.executable, "args": [str(SERVER), str(folder / "changed")]}


def config_of(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        json.dumps({"ledger": str(folder / "state/ledger.jsonl"), "mcpServers": {"crm": entry(folder)}})
    )
    return path


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def wire(folder: Path, approved: ApprovedCards, policy: str = "") -> tuple[bytes, list]:
    """All that leaves in a session with the server, and what the session says is not approved."""
    servers = McpServers.parse({"mcpServers": {"crm": entry(folder.parent)}})
    async with (
        open_mcp(servers, {}) as (crm,),
        world(
            folder,
            plans=[plan("Done.", "summarizer"), "Done."],
            tools=crm.tools,
            policy=policy,
            approved=approved,
        ) as w,
    ):
        await w.session.ask("Find it.")
        sent = b"".join(request.message for request in w.capture.requests)
        assert b"crm.find" in sent
        return sent, list(w.session.told.unapproved)


def leaked(sent: bytes) -> set[str]:
    return {place for place, canary in CANARIES.items() if canary.encode() in sent}


async def test_what_a_server_says_of_its_tools_stays_until_the_policy_vouches_for_it(tmp_path):
    sent, (one,) = await wire(made(tmp_path / "first"), ApprovedCards())
    assert leaked(sent) == set()
    assert b'"query"' in sent
    assert (one.tool, one.source, one.changed) == ("crm.find", "mcp:crm", False)
    cleared = "tools:\n  crm.*: {card: cloud}\n"
    sent, unapproved = await wire(made(tmp_path / "second"), ApprovedCards(), cleared)
    assert leaked(sent) >= {"description", "title", "enum", "default", "examples"}
    assert unapproved == []


async def test_a_card_leaves_as_it_was_approved_and_one_that_changes_stays(tmp_path):
    # 1. The user reads the card and approves it: it leaves.
    config = config_of(tmp_path)
    arguments = ["tools", "approve", "crm", "--config", str(config)]
    declined = await asyncio.to_thread(CliRunner().invoke, umi, arguments, input="n\n", standalone_mode=False)
    file = EdgeConfig.read(config).approved_cards
    assert (declined.return_value, file.exists()) == (1, False)
    assert CANARIES["enum"] in declined.output
    ran = await asyncio.to_thread(CliRunner().invoke, umi, [*arguments, "--yes"], standalone_mode=False)
    assert ran.return_value == 0, ran.exception
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600
    approved = ApprovedCards.read(file)
    sent, unapproved = await wire(made(tmp_path / "first"), approved)
    assert leaked(sent) >= {"description", "enum", "default"}
    assert unapproved == []
    # 2. The server changes the card: none of it leaves.
    await asyncio.to_thread((tmp_path / "changed").write_text, "x")
    sent, (one,) = await wire(made(tmp_path / "second"), approved)
    assert leaked(sent) == set()
    assert one.changed


@pytest.mark.parametrize("text", ["{", "[]", '{"mcp:crm": 1}'])
def test_a_damaged_file_of_approvals_is_an_error(tmp_path, text):
    path = tmp_path / "approved_cards.json"
    path.write_text(text)
    with pytest.raises(Exception, match="is not a file of approved cards"):
        ApprovedCards.read(path)

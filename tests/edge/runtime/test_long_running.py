"""A laptop that is open for hours, as for `umi chat` and `umi serve`, knows what has changed since it was opened."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from umi_edge.runtime import laptop as laptop_module
from umi_edge.runtime import synced_home
from umi_edge.runtime.config import EdgeConfig, HomeSettings, ImapSettings, SyncSettings
from umi_edge.runtime.laptop import Laptop, open_laptop
from umi_edge.session.session import Session
from umi_edge.sync.fetching import Fetched, SyncedFolder
from umi_edge.tools import Succeeded
from umi_edge.tools.builtin.copied_folder import STATUS, CopyStatus
from umi_edge.tools.mcp import running_server
from umi_edge.tools.runner import RunLimits, run_tool

SERVER = str(Path(__file__).parents[1] / "tools" / "raw_mcp_server.py")
ANSWER = {"result": {"content": [{"type": "text", "text": "called"}]}}


class NoCaller:
    """In the place of the model, which nothing here asks."""

    @classmethod
    def opening(cls, *_: Any) -> "NoCaller":
        return cls()

    async def close(self) -> None:
        """Nothing is open."""


class Anywhere:
    """A connection that nothing is sent over."""

    service_address = "planner.example.org:443"


@pytest.fixture(autouse=True)
def without_a_model(monkeypatch):
    monkeypatch.setattr(laptop_module, "Caller", NoCaller)
    monkeypatch.setattr(laptop_module, "_FRESH_SECONDS", 0)
    monkeypatch.setattr(running_server, "_RELIST_SECONDS", 0.01)


@asynccontextmanager
async def session(laptop: Laptop) -> AsyncIterator[Session]:
    channel = grpc.aio.insecure_channel("127.0.0.1:9")
    async with channel, laptop.session(Anywhere(), channel=channel) as opened:  # type: ignore[arg-type]
        yield opened


def card(name: str) -> str:
    return f"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n"


async def names(opened: Session, words: str) -> list[str]:
    """What is kept of an instruction, once the session has looked what names there are now."""
    await opened._look_up_names()
    opened.labeller.instruction(words)
    return [kept.value for kept in opened.labeller.vault]


async def test_who_is_put_into_the_contacts_is_known_to_the_next_instruction_and_the_next_session(tmp_path):
    contacts = tmp_path / "contacts"
    contacts.mkdir()
    (contacts / "a.vcf").write_text(card("Ann Zorblatt"))
    config = EdgeConfig(ledger=tmp_path / "ledger.jsonl", home=HomeSettings(contacts=str(contacts)))
    async with open_laptop(config) as laptop:
        async with session(laptop) as first:
            assert await names(first, "Write to Quizzling") == []
            (contacts / "b.vcf").write_text(card("Bob Quizzling"))
            assert await names(first, "Write to Quizzling") == ["Quizzling"]
        async with session(laptop) as second:  # before it has been asked anything
            second.labeller.instruction("Write to Quizzling")
            assert [kept.value for kept in second.labeller.vault] == ["Quizzling"]


async def test_what_is_at_servers_is_fetched_again_once_it_is_due(tmp_path, monkeypatch):
    fetched: list[SyncedFolder] = []

    def fake(folders: list[SyncedFolder], _: object) -> list[Fetched]:
        fetched.extend(folders)
        return []

    monkeypatch.setattr(synced_home, "fetch", fake)
    account = ImapSettings(url="imaps://127.0.0.1:9", user="ida", password_env="NOT_SET")
    sync = SyncSettings(mail={"work": account}, folder=str(tmp_path / "sync"))
    status = tmp_path / "sync" / "mail" / "work" / STATUS
    status.parent.mkdir(parents=True)

    def tried(ago: timedelta) -> None:
        when = datetime.now(UTC) - ago
        status.write_text(CopyStatus(fetched=when, tried=when).as_text())

    tried(timedelta(minutes=1))
    config = EdgeConfig(ledger=tmp_path / "ledger.jsonl", home=HomeSettings(sync=sync))
    async with open_laptop(config) as laptop, session(laptop) as opened:
        await opened._look_up_names()
        assert fetched == []
        tried(timedelta(hours=1))
        await opened._look_up_names()
        assert [one.account.name for one in fetched] == ["work"]


async def test_what_a_server_has_changed_is_for_the_next_session_and_is_said(tmp_path):
    def tool(name: str) -> dict[str, Any]:
        return {"name": name, "description": name, "inputSchema": {"type": "object"}}

    then = {"change": [tool("new")]}
    says = {"tools": [tool("change")], "calls": {"change": ANSWER, "new": ANSWER}, "then": then}
    (tmp_path / "says.json").write_text(json.dumps(says))
    entry = {"command": sys.executable, "args": [SERVER, str(tmp_path / "says.json")]}
    config = EdgeConfig(ledger=tmp_path / "ledger.jsonl", mcp={"raw": entry}, operators=True)
    async with open_laptop(config) as laptop:
        async with session(laptop) as first:
            outcome = await run_tool(first.catalogue["raw.change"], {}, RunLimits(call_seconds=20))
            assert isinstance(outcome, Succeeded)
            async with asyncio.timeout(20):
                while not (said := laptop.changed_tools()):  # noqa: ASYNC110 -- a message of another process
                    await asyncio.sleep(0.01)
            assert said == ["raw has changed its tools (new: new; gone: change)"]
            assert "raw.new" not in first.catalogue
        async with session(laptop) as second:
            assert "raw.new" in second.catalogue
            assert "raw.change" not in second.catalogue
            assert "value.compute" in second.catalogue
            told = {one.tool for one in second.told.unapproved}
            assert told == {"raw.new"}, "nobody has approved its card"

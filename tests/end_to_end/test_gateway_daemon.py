"""`umi mcp serve` and MCP clients over HTTP beside a running `umi serve`: real processes, one place for questions."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from playwright.async_api import expect

from tests.end_to_end.page.test_page_browser import chromium_found, tabs
from tests.end_to_end.test_ask import Office, umi
from umi_edge.doors.background import page_address
from umi_edge.doors.gateway.bridge import LOST
from umi_edge.doors.place import Place, Running
from umi_edge.ledger import read_ledger
from umi_edge.policy.loader import default_policy_text
from umi_edge.tools.sample_home import make_sample_home

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

ADDRESS = "alice.moreau@example.org"


@dataclass
class Desk:
    """A laptop with a sample home, whose daemon runs."""

    folder: Path
    office: Office
    process: "subprocess.Popen[str] | None" = None

    @property
    def config(self) -> str:
        return str(self.office.config)

    @property
    def place(self) -> Place:
        return Place.beside(self.office.ledger)

    @property
    def running(self) -> Running:
        found = self.place.running()
        assert found is not None, (self.folder / "daemon.out").read_text()
        return found

    @property
    def outbox(self) -> list[bytes]:
        """The mails in it."""
        return [one.read_bytes() for one in (self.folder / "home" / "outbox").glob("new/*")]

    @property
    def browsed(self) -> list[str]:
        """What the browser was told to open."""
        file = self.folder / "browsed"
        return file.read_text().splitlines() if file.exists() else []

    def start(self) -> None:
        """Start the daemon, once one before has ended, and wait until it can be found."""
        if self.process is not None:
            self.process.wait(60)
        browser = self.folder / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >> {self.folder}/browsed\n')
        browser.chmod(0o700)
        with (self.folder / "daemon.out").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "umi_edge", "serve", "--config", self.config, "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "BROWSER": f"{browser} %s", "NO_COLOR": "1"},
            )
        for _ in range(1200):
            if self.place.running() is not None:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"the daemon does not run: {(self.folder / 'daemon.out').read_text()}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @asynccontextmanager
    async def pipe(self, name: str = "claude", mode: str = "legacy") -> AsyncIterator[Client]:
        """A program that starts `umi mcp serve`."""
        command = ["-m", "umi_edge", "mcp", "serve", "--client", name, "--config", self.config]
        server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
        with (self.folder / f"{name}.err").open("a") as log:
            async with Client(stdio_client(server, errlog=log), mode=mode, cache=None) as client:
                yield client

    @asynccontextmanager
    async def over_http(self, name: str = "editor", mode: str = "legacy") -> AsyncIterator[Client]:
        """A program that comes to the daemon's `/mcp/NAME`."""
        key = {"authorization": f"Bearer {self.place.key()}"}
        async with httpx2.AsyncClient(headers=key, timeout=60) as http:
            transport = streamable_http_client(f"{self.running.url}/mcp/{name}", http_client=http)
            async with Client(transport, mode=mode, cache=None) as client:
                yield client

    @asynccontextmanager
    async def page(self) -> AsyncIterator["Page"]:
        """The page, as a tab follows it."""
        key = {"authorization": f"Bearer {self.running.key}"}
        async with (
            httpx.AsyncClient(base_url=self.running.url, headers=key, timeout=60, trust_env=False) as http,
            http.stream("GET", "/api/stream") as stream,
        ):
            page = Page(http, stream.aiter_lines())
            await page.until("begun")
            yield page


@dataclass
class Page:
    http: httpx.AsyncClient
    lines: AsyncIterator[str]

    async def until(self, kind: str, wanted: Any = lambda _: True) -> Any:
        """The data of the next event of that kind that is wanted."""
        seen = ""
        async with asyncio.timeout(60):
            async for line in self.lines:
                if line.startswith("event: "):
                    seen = line.removeprefix("event: ")
                if line.startswith("data: ") and seen == kind and wanted(said := json.loads(line[6:])):
                    return said
        pytest.fail(f"the page was not told: {kind}")

    async def question(self) -> dict[str, Any]:
        [waiting] = await self.until("waiting", bool)
        return dict(waiting)

    async def decide(self, question: dict[str, Any], yes: bool) -> None:
        path = f"/api/approvals/{question['id']}"
        reply = await self.http.post(path, json={"digest": question["digest"], "reply": yes})
        assert reply.json()["mine"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("gateway-daemon")
    office = Office(folder)
    try:
        office.serve(["Next: summarizer."])
        office.enroll()
        yield office
    finally:
        office.stop()


@pytest.fixture(scope="module")
def desk(office: Office) -> Iterator[Desk]:
    folder = office.config.parent
    make_sample_home(folder / "home", date(2026, 6, 1))
    (folder / "policy.yaml").write_text(default_policy_text())
    names = ("contacts", "calendar", "mail", "notes", "outbox")
    office.configure(
        folder,
        home={name: str(folder / "home" / name) for name in names},
        operators=False,
        policy=str(folder / "policy.yaml"),
    )
    desk = Desk(folder, office)
    desk.start()
    yield desk
    desk.stop()


async def alice(client: Client) -> str:
    """The handle of her address."""
    found = await client.call_tool("contacts_search", {"name": "Alice Moreau"})
    [match] = found.structured_content["result"]["matches"]
    return str(match["email"])


def letter(to: str, subject: str = "Late") -> dict[str, str]:
    return {"to": to, "subject": subject, "body": "I am late."}


async def test_a_program_over_a_pipe_is_served_by_the_daemon_and_asked_about_on_its_page(desk):
    before = len(desk.outbox)
    async with desk.pipe() as client, desk.page() as page:
        handle = await alice(client)
        sending = asyncio.create_task(client.call_tool("mail_send", letter(handle)))
        question = await page.question()
        assert question["door"] == "client:claude"
        assert ADDRESS in json.dumps(question)
        assert len(desk.outbox) == before
        await page.decide(question, True)
        sent = await sending
        assert not sent.is_error
        assert ADDRESS not in sent.model_dump_json()
        assert len(desk.outbox) == before + 1
        assert ADDRESS.encode() in desk.outbox[-1]
        seen = await asyncio.to_thread(umi, "mcp", "reveal", handle, "--config", desk.config)
        assert ADDRESS in seen.stdout
    gone = await asyncio.to_thread(umi, "mcp", "reveal", handle, "--config", desk.config)
    assert gone.returncode == 2  # the session ended with the pipe
    assert (desk.folder / "claude.err").read_text() == ""
    left = {one["sink"] for one in read_ledger(desk.office.ledger) if one["kind"] == "sent"}
    assert "client:claude" in left
    assert not left & {"planner", "summarizer"}
    assert umi("ledger", "verify", "--config", desk.config).returncode == 0


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_mcp_client_asks_the_page_approves_the_mail_is_in_the_outbox_and_the_ledger_shows_what_left(
    desk, mode
):
    chromium, before, name = chromium_found(), desk.outbox, f"editor-{mode[:4]}"
    home = await asyncio.to_thread(page_address, desk.running)
    async with (
        tabs(chromium, SimpleNamespace(home=home)) as [tab],
        desk.over_http(name, mode) as client,
    ):
        found = await client.call_tool("contacts_search", {"name": "Alice Moreau"})
        word = {"umi_session": found.structured_content["umi_session"]} if mode != "legacy" else {}
        [match] = found.structured_content["result"]["matches"]
        sending = asyncio.create_task(client.call_tool("mail_send", letter(match["email"]) | word))
        await tab.to("Approvals")
        card = tab.page.locator("form.question")
        await expect(card.get_by_role("heading")).to_have_text("May mail.send do this?")
        await expect(card.get_by_text(f"Asked by client: {name}")).to_be_visible()
        await expect(card.locator("dd").last).to_contain_text(ADDRESS)
        assert desk.outbox == before
        await card.get_by_role("button", name="Approve").click()
        sent = await sending
        assert not sent.is_error
        assert ADDRESS not in found.model_dump_json() + sent.model_dump_json()
        [mail] = [one for one in desk.outbox if one not in before]
        assert ADDRESS.encode() in mail

        await tab.to("Live")
        lane = tab.page.get_by_role("region", name=f"A conversation by client: {name}")
        await expect(lane.get_by_text("Calls of")).to_be_visible()
        await expect(
            lane.get_by_role("button", name=f"{ADDRESS}: did not reach the client: {name}").first
        ).to_be_visible()
        await tab.to("Ledger")
        await tab.page.get_by_label("Went to").select_option(f"client:{name}")
        await tab.page.get_by_role("button", name="Search").click()
        rows = tab.page.locator("table.rows tbody tr")
        await expect(rows.filter(has_not_text=name)).to_have_count(0)
        await expect(rows).not_to_have_count(0)
        for row in range(await rows.count()):
            await rows.nth(row).get_by_role("button").first.click()
            detail = tab.page.get_by_role("region", name="One message")
            await expect(detail).to_contain_text(name)
            assert ADDRESS not in await detail.inner_text()
        await tab.page.get_by_role("button", name="Verify").click()
        await expect(tab.page.get_by_text("Whole, unchanged and signed")).to_be_visible()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_two_programs_of_one_name_have_a_session_each(desk, mode):
    async with desk.pipe("twin", mode) as one, desk.pipe("twin", mode) as other:
        handle = await alice(one)
        unknown = await other.call_tool("contacts_search", {"name": handle})
        assert unknown.is_error or "unknown" in unknown.model_dump_json()
        assert handle != await alice(other)


async def test_other_settings_are_served_alone_and_that_is_said(desk):
    policy = desk.folder / "other.yaml"
    policy.write_text(default_policy_text() + "\n# another\n")
    command = ["mcp", "serve", "--client", "other", "--policy", str(policy), "--config", desk.config]
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "umi_edge", *command], env=dict(os.environ)
    )
    with (desk.folder / "other.err").open("w+") as log:
        async with Client(stdio_client(server, errlog=log), mode="legacy", cache=None) as client:
            assert await alice(client)
        log.seek(0)
        assert "The running umi serve is not used: it has another configuration or policy" in log.read()


async def test_reveal_opens_the_page_in_the_users_browser(desk):
    async with desk.pipe("viewer") as client:
        handle = await alice(client)
        shown = await client.call_tool("umi_reveal", {"handles": [handle]})
        assert "on the page of umi that is open" in shown.content[0].text
        assert ADDRESS not in shown.model_dump_json()
        [address] = desk.browsed
        assert address == desk.place.shortcut.resolve().as_uri()
        assert "&amp;at=live/" in desk.place.shortcut.read_text()
        async with desk.page() as page:
            step = await page.until("step", lambda step: step["what"]["kind"] == "shown")
        assert [one["value"] for one in step["what"]["seen"][0]["pieces"]] == [ADDRESS]
        assert step["conversation"] in desk.place.shortcut.read_text()


async def test_a_changed_policy_is_said_to_a_program_over_a_pipe_which_goes_on(desk):
    policy = desk.folder / "policy.yaml"
    async with desk.pipe("follower") as client:
        handle = await alice(client)
        policy.write_text(policy.read_text() + "\n# changed\n")
        refused = await client.call_tool("contacts_search", {"name": handle})
        assert refused.is_error
        assert "is of a session that has ended" in refused.content[0].text
        assert await alice(client) != handle


async def test_a_daemon_that_stops_in_the_midst_is_said_and_nothing_is_done_twice(desk):
    """The last one: it stops the daemon, what was under way is answered, and a new daemon takes over."""
    before = len(desk.outbox)
    async with desk.pipe("witness") as client:
        handle = await alice(client)
        async with desk.page() as page:
            sending = asyncio.create_task(client.call_tool("mail_send", letter(handle)))
            await page.question()
            stopped = await asyncio.to_thread(umi, "stop", "--config", desk.config)
            assert stopped.returncode == 0, stopped.stderr
            with pytest.raises(MCPError) as lost:
                await sending
        assert lost.value.error.message == f"{LOST[:1].upper()}{LOST[1:]}."
        refused = await client.call_tool("mail_send", letter(handle))
        assert "is of a session that has ended" in refused.content[0].text
        again = await alice(client)  # by itself now: nobody can be asked
        assert again != handle
        declined = await client.call_tool("mail_send", letter(again))
        assert declined.is_error
        assert "declined" in declined.content[0].text
        assert "`umi open`" in declined.content[0].text
        async with desk.pipe("second") as second:  # beside the first, as ever
            assert (await alice(second)).startswith("<email:")
        assert len(desk.outbox) == before
        await asyncio.to_thread(desk.start)
        async with desk.page() as page:  # by the daemon again, which asks
            handle = await alice(client)
            sending = asyncio.create_task(client.call_tool("mail_send", letter(handle)))
            await page.decide(await page.question(), True)
            assert not (await sending).is_error
    assert len(desk.outbox) == before + 1
    assert umi("ledger", "verify", "--config", desk.config).returncode == 0

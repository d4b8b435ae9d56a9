"""The page of a laptop in a test: a sample home, a scripted planner, real HTTP on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from tests.end_to_end.harness import KEY as DEVICE_KEY
from tests.end_to_end.harness import World, world
from umi_edge.connection.device_key import KEY_NAME
from umi_edge.doors.approvals import Approvals
from umi_edge.doors.chat_door import DOOR, ChatDoor
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.endpoint import Endpoint
from umi_edge.doors.live import Live
from umi_edge.doors.page import Page, page_routes
from umi_edge.doors.user_key import UserKey
from umi_edge.policy import load_policy
from umi_edge.policy.loader import default_policy_text
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop
from umi_edge.session.consent import Consent
from umi_edge.session.session import Session

KEY = "k" * 43
PROGRAMS_KEY = "umi-" + "p" * 40
MAIL = "Email Alice Moreau that I am ten minutes late."


@dataclass(frozen=True)
class ServedPage:
    """A page, and what is behind it."""

    world: World
    laptop: Laptop
    url: str
    folder: Path
    approvals: Approvals
    live: Live
    page: Page

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    @property
    def home(self) -> str:
        """The address that `umi open` opens."""
        return f"{self.url}/#code={self.page.key.code()}"

    def session(self, conversation: str = "c1", door: str = "chat") -> Session:
        """One more session, whose questions wait and whose steps can be followed."""
        session = self.world.another(self.approvals.of(conversation, door))
        session.observe = self.live.observer(conversation, door)(session.labeller.vault)
        return session

    def http(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {KEY}"} | headers, timeout=30
        )


@asynccontextmanager
async def served_page(folder: Path, **options: Any) -> AsyncIterator[ServedPage]:
    """The page of a laptop with the built-in policy in a file of its own; `options` as those of `world`."""
    text = options.pop("policy", default_policy_text())
    (folder / "policy.yaml").write_text(text, "utf-8")
    policy = load_policy(text, str(folder / "policy.yaml"))
    async with world(folder, policy=policy, **options) as w:
        _keep_key(folder / KEY_NAME)
        config = EdgeConfig(
            policy=folder / "policy.yaml", ledger=folder / "ledger.jsonl", record=folder / "records"
        )
        laptop = Laptop(
            config=config,
            policy=policy,
            catalogue=w.session.catalogue,
            ledger=w.ledger,
            caller=w.caller,  # type: ignore[arg-type]  # a scripted one
        )
        approvals, live = Approvals(), Live()

        @asynccontextmanager
        async def open_session(consent: Consent, conversation: str, title: str) -> AsyncIterator[Session]:
            session = w.another(consent)
            session.observe = live.observer(conversation, DOOR, title=title)(session.labeller.vault)
            yield session

        door = ChatDoor(ledger=w.ledger, open_session=open_session, approvals=approvals)
        endpoint = Endpoint(door=door, keeper=Doorkeeper(PROGRAMS_KEY))
        page = Page(laptop=laptop, key=UserKey(KEY), approvals=approvals, live=live)
        async with serving(Starlette(routes=[*page_routes(page), *endpoint.routes()])) as url:
            yield ServedPage(w, laptop, url, folder, approvals, live, page)


def _keep_key(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    path.write_bytes(
        DEVICE_KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serve an application on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=2)
    )
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running

"""umi inside another program: no configuration file, consent of the program's own, events as they happen.

Run it: python examples/inside_a_program.py
See: each event as it comes, then the one call that needs consent with its real values, then where the mail lies.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from umi_edge import (
    ConsentRequest,
    EdgeConfig,
    HomeSettings,
    Laptop,
    Report,
    Session,
    local_cloud,
    open_laptop,
)

ALICE = "BEGIN:VCARD\nVERSION:3.0\nUID:1\nN:Moreau;Alice;;;\nFN:Alice Moreau\nEMAIL:alice@example.org\nEND:VCARD\n"


class Allowed:
    """Consent by a rule of this program; a window with two buttons would `await` a click here."""

    async def approve(self, request: ConsentRequest) -> bool:
        """Mail may go to example.org, and nothing else may be done that wants consent."""
        print("May this be done?", request.tool, dict(request.arguments))
        return request.tool == "mail.send" and "@example.org" in str(request.arguments)


@asynccontextmanager
async def assistant(folder: Path) -> AsyncIterator[tuple[Laptop, Session]]:
    """What the program holds as long as it runs; models, tools and the planner end with it."""
    (folder / "contacts").mkdir()
    (folder / "contacts" / "alice.vcf").write_text(ALICE)
    contacts, mail, outbox = (str(folder / name) for name in ("contacts", "mail", "outbox"))
    home = HomeSettings(contacts=contacts, mail=mail, outbox=outbox)
    config = EdgeConfig(home=home, ledger=folder / "ledger.jsonl")
    async with (
        local_cloud(folder) as cloud,
        open_laptop(config) as laptop,
        laptop.session(cloud.connection, consent=Allowed(), on_device=True) as session,
    ):
        yield laptop, session


async def main(folder: Path) -> None:
    """One instruction. To stop it early, close the iterator (`contextlib.aclosing`) or cancel this task."""
    async with assistant(folder) as (laptop, session):
        async for event in laptop.events(session, "Email Alice Moreau that I am ten minutes late."):
            if isinstance(event, Report):
                print(event.word, "-", event.text)
                print("done:", *(f"{action.tool} ({action.result})" for action in event.actions))
            else:
                print("-", type(event).__name__)
    print("In the outbox:", *(path.name for path in (folder / "outbox").glob("new/*")))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))

"""A walk through the ledger of one session, in cells: what left, that it is all there, that nobody changed it.

Run it: python examples/ledger_walk.py, or cell by cell in an editor that knows `# %%`.
See: each message as its reader saw it, a chain that holds, a capture that agrees, and a change that is found.
"""

# %% A note that stays on this device, and somebody who looks at each message just before it leaves.
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import umi_edge

temporary = TemporaryDirectory()
folder = Path(temporary.name)
(folder / "notes").mkdir()
(folder / "notes" / "boiler.md").write_text("# Boiler\n\nThe service code is 7395.\n")
captured: list[umi_edge.Frame] = []


class Witness:
    """Lets all messages pass and keeps their bytes. A real capture is made outside of umi, on the wire."""

    async def approve(self, outbound: umi_edge.Outbound) -> bool:
        """Yes, and remember what was sent."""
        captured.append(umi_edge.Frame("", outbound.message))
        return True


# %% One session with a planner on this device; where an event loop runs already, `await one_session()`.
config = umi_edge.EdgeConfig(
    home=umi_edge.HomeSettings(notes=str(folder / "notes")), ledger=folder / "ledger.jsonl"
)


async def one_session() -> umi_edge.Report:
    """Ask what the note says, and give the report."""
    async with (
        umi_edge.local_cloud(folder) as cloud,
        umi_edge.open_laptop(config) as laptop,
        laptop.session(cloud.connection, approver=Witness(), on_device=True) as session,
    ):
        return await umi_edge.Report.of(session, "What does my note about the boiler say?", laptop.ledger)


report = asyncio.run(one_session())
print("The answer, for your eyes only:", report.text)

# %% What left: each entry of kind `sent` has the exact bytes, which are shown here as the view that they were.
for entry in umi_edge.read_ledger(config.ledger):
    if entry["kind"] == "sent":
        print(f"\n{entry['number']}. To the {entry['sink']}:")
        for said in umi_edge.outbound_view(entry).entries:
            print("  ", umi_edge.entry_title(said), "|", *map(str, umi_edge.text_of(said)))

# %% It is all there: the chain of digests holds, and the last checkpoint of the device's key covers every entry.
verified = umi_edge.verify_ledger(config.ledger)
print(f"\n{verified.entries} entries, {verified.sent_bytes} bytes sent, {verified.unsigned} not signed yet")

# %% Nothing else left: each captured message is in the ledger, and each one in the ledger was captured.
agreed = umi_edge.reconcile(captured, umi_edge.read_ledger(config.ledger))
print(f"{agreed.matched} captured messages are in the ledger; complete: {agreed.complete}")

# %% A change is found: one byte of one entry is enough.
changed = folder / "changed.jsonl"
changed.write_bytes(config.ledger.read_bytes().replace(b'"planner"', b'"plunner"', 1))
try:
    umi_edge.verify_ledger(changed)
except umi_edge.BrokenLedgerError as error:
    print("A changed copy:", error.message.replace(str(changed), "the copy"))

temporary.cleanup()

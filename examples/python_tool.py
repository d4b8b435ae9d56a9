"""A Python function as a tool, and a policy that says what of its arguments and results may leave.

Run it: python examples/python_tool.py
See: the customer's name and the IBAN are handles in the plan and in all that left; the answer has the real ones.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from umi_edge import (
    EdgeConfig,
    RationaleStreamed,
    Report,
    local_cloud,
    open_laptop,
    outbound_view,
    read_ledger,
    text_of,
    tool,
)

POLICY = Path(__file__).with_suffix(".yaml")


@tool(name="invoices.find", read_only=True)
def find_invoices(customer: str) -> dict[str, object]:
    """Find the invoices of a customer.

    Args:
        customer: The customer's name.
    """
    return {"customer": customer, "invoices": [{"number": "R-17", "iban": "DE89 3704 0044 0532 0130 00"}]}


async def main(folder: Path) -> None:
    """Ask a planner on this device; `laptop.session()` alone would ask the one that `umi enroll` connected."""
    config = EdgeConfig(policy=POLICY, ledger=folder / "ledger.jsonl")
    async with (
        local_cloud(folder) as cloud,
        open_laptop(config, tools=(find_invoices,)) as laptop,
        laptop.session(cloud.connection, on_device=True) as session,
    ):
        print("The planner says:")
        async for event in laptop.events(session, "What does the invoice of Alice Moreau say?"):
            match event:
                case RationaleStreamed(text):
                    print(text, end="", flush=True)
                case Report():
                    print(f"\n\nThe answer: {event.text}")
    print("\nWhat left, as the ledger has it:")
    *_, last = (entry for entry in read_ledger(config.ledger) if entry["kind"] == "sent")
    for said in outbound_view(last).entries:
        print("-", *map(str, text_of(said)))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))

"""The `umi` command."""

import sys
from typing import NoReturn

import click

from umi_shared.lazy_group import LazyGroup, run

SUMMARIES = {
    "ask": "Carry out one instruction with your tools.",
    "chat": "Keep a conversation going.",
    "config": "Print or write a configuration file with every setting.",
    "connection": "Move to another address of the planner.",
    "demo": "Watch three private tasks on a sample home, offline.",
    "doctor": "Find what is wrong, and how to mend it.",
    "enroll": "Connect this laptop to a planner, with a token from its operator.",
    "ledger": "See what left this device.",
    "mcp": "Add MCP servers, or take them over from other programs, and log in to them.",
    "models": "List, fetch and verify models.",
    "open": "Open the page that shows and asks.",
    "policy": "Write, check, test, explain, prove and sign locality policies.",
    "records": "See what umi wrote into your own data.",
    "serve": "Serve chat programs, the page and the other commands on this laptop.",
    "service": "Print what keeps umi serve running.",
    "stop": "End umi serve.",
    "sync": "Fetch contacts, calendars and mail from servers.",
    "tools": "List the tools an agent may call here.",
}


@click.group(
    cls=LazyGroup,
    package="umi_edge.commands",
    summaries=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="umi-runtime", prog_name="umi")
def umi() -> None:
    """Private tools on this laptop, planned by a model that never sees the private values.

    Start with `umi demo`. Then `umi enroll TOKEN` with the token your operator gave you, and
    `umi ask "Email Alice that I am late"`.

    Exit codes: 0 done, 1 not done, 2 usage or configuration, 3 model, 4 tool, 5 the other side refused or broke the
    protocol, 6 connection, 7 privacy, 8 limit, 130 interrupted.
    """


def main(argv: list[str] | None = None) -> NoReturn:
    """Entry point."""
    run(umi, "umi", argv if argv is not None else sys.argv[1:])

"""`umi policy`: write a locality policy, and know what it does before it does it."""

import click

from umi_shared.lazy_group import LazyGroup

__all__ = ["command"]

SUMMARIES = {
    "check": "Report all that is wrong with a policy, or what stays and what leaves.",
    "detect": "Show what the detectors find in a text, and which line found it.",
    "explain": "Show which line decides, where a value came from, what would change it.",
    "init": "Write a starter policy for the installed tools; everything stays.",
    "new-key": "Make a key to sign policies with.",
    "packs": "List, show and apply starting policies for well-known MCP servers.",
    "prove": "Show that what must stay cannot leave, or how it could.",
    "replay": "Show what another policy would have let out of recorded sessions.",
    "schema": "Print the JSON Schema of the language, for your editor.",
    "show-default": "Print the policy that holds when you have none.",
    "sign": "Sign a policy.",
    "test": "Run tables of expectations against a policy.",
    "verify": "Check a policy's signature.",
}


@click.group(cls=LazyGroup, package="umi_edge.commands.policy", summaries=SUMMARIES)
def command() -> None:
    """Write a locality policy, and know what it does before it does it.

    Start with `umi policy init`; change it; `check`, `test` and `prove` it; `replay` yesterday's sessions against it.
    """

"""Client: one line of `clients:`, what a program that calls the tools itself may read, and which tools it has."""

import re
from dataclasses import dataclass

from umi_shared.labels import ClientSink, Locality

__all__ = ["UNNAMED", "Client", "is_client_name"]

UNNAMED = "client"
"""What a program is called that says no name."""


def is_client_name(text: str) -> bool:
    """Whether a program can be called this.

    >>> [is_client_name(text) for text in ("lm-studio", "Claude", "")]
    [True, False, False]
    """
    return re.fullmatch(r"[a-z][a-z0-9-]{0,31}", text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program by its name, as `umi mcp serve --client` has it; one that no line names is as this is built in.

    >>> Client(name="chat").sink.accepts
    <Locality.CLOUD: 'cloud'>
    """

    name: str
    accepts: Locality = Locality.CLOUD
    """`cloud`: what everyone may read; `planner` or `summarizer`: also what that one may."""
    tools: tuple[str, ...] = ("*",)
    """The tools that it is offered; a name may end in `*`."""
    rule_id: str = "built-in default for clients that the policy does not list"
    line: int = 0

    @property
    def sink(self) -> ClientSink:
        """Where what it reads goes."""
        return ClientSink(self.name, self.accepts)

    def has(self, tool: str) -> bool:
        """Whether it is offered a tool.

        >>> [Client(name="chat", tools=(one,)).has("mail.send") for one in ("mail.*", "mail")]
        [True, False]
        """
        return any(tool.startswith(one[:-1]) if one.endswith("*") else tool == one for one in self.tools)

"""The gateway of one client: its catalogue, its sessions, and what it is told of each call.

It knows nothing of MCP's transports. Keeps I1 (all that a client is told was released), I2 and I7 (what cannot be
guarded and recorded is not told) and I8 (a fault is told as such, and not in its own words).

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.doors.gateway.kept_calls import KeptCalls
from umi_edge.doors.gateway.schemas import given_result, widened
from umi_edge.doors.gateway.sessions import Sessions, TooManySessionsError, UnknownSessionError
from umi_edge.doors.gateway.wire import (
    OTHER_SESSION,
    SESSION_ARGUMENT,
    Offered,
    called,
    listed,
    spelled,
    wire_name,
)
from umi_edge.labelling.vault import UnknownHandleError
from umi_edge.policy.checks import may_write
from umi_edge.policy.families import BUILT_IN, PYTHON
from umi_edge.policy.rules import Resolution
from umi_edge.session.tool_session import ToolSession
from umi_edge.tools import Tool
from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import Label
from umi_shared.transcript import ToolCard

__all__ = ["END_SESSION", "INSTRUCTIONS", "REVEAL", "Gateway", "NoSuchToolError", "Reveal"]

REVEAL = "umi_reveal"
END_SESSION = "umi_end_session"
INSTRUCTIONS = (
    "These tools run on the user's own laptop. What is private stays there: in results a handle such as <email:1> or "
    "<person:2> stands in its place. Give a handle to a tool as an argument, whole or within a text, exactly as it is "
    "written; the laptop puts the value in. Two equal handles are the same value. Never guess at a value, and never "
    "ask the user to type one that has a handle. Write handles into your answer as they are: umi_reveal shows the user "
    "what they stand for, on their laptop and not here."
)
"""What a model is told of handles: a constant of the program."""

Reveal = Callable[[str, ToolSession, Sequence[Handle]], Awaitable[str]]
"""Shows the user some values on this device; gives words for the client of where they are, without them."""


class NoSuchToolError(Exception):
    """The client names a tool that it was not told of."""


@dataclass(slots=True, kw_only=True)
class Gateway:
    """What one client may do; `catalogue` is a session that makes no calls, of which the tools are told."""

    catalogue: ToolSession
    sessions: Sessions
    reveal: Reveal = field(repr=False)
    complain: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Told, in words without values, what has gone wrong: for the user's eyes."""
    kept: KeptCalls = field(default_factory=KeptCalls, repr=False)
    """Those of its calls that wait for their client to come again."""
    _names: Mapping[str, str] = field(init=False, repr=False)
    """The tools by their names on the wire."""

    def __post_init__(self) -> None:
        self._names = _wire_names([card.name for card in self.catalogue.tools().payload.catalogue], {})

    async def tools(self, *, with_session: bool) -> dict[str, Any]:
        """The answer to `tools/list`. Raises `PrivacyError`: then nothing may be told."""
        told = await self.catalogue.tools_now()
        self._names = _wire_names([card.name for card in told.payload.catalogue], self._names)
        wire = {tool: name for name, tool in self._names.items()}
        offered = [self._offered(wire[card.name], card) for card in told.payload.catalogue]
        answer = listed(offered, with_session=with_session)
        answer["tools"] += _own_tools(with_session=with_session)
        await self.catalogue.let_out(told, spelled(answer))
        return answer

    async def call(self, name: str, arguments: Mapping[str, Any], *, session: str | None) -> dict[str, Any]:
        """The answer to `tools/call`.

        `session` is the transport's word for its own; None where it has none: then the arguments may name one, and
        the answer does. Raises `NoSuchToolError`, and `PrivacyError` where not even a failure can be told.
        """
        explicit = session is None
        given = dict(arguments)
        word = given.pop(SESSION_ARGUMENT, "") if explicit else session
        if name not in (REVEAL, END_SESSION) and name not in self._names:
            raise NoSuchToolError
        if not isinstance(word, str):
            return _said(f"{SESSION_ARGUMENT} is a text that an earlier result gave", error=True)
        if name == END_SESSION:
            return await self._end(word)
        try:
            word, opened = await self._session(word, explicit=explicit)
        except UnknownSessionError:
            return _said(
                f"no session has that {SESSION_ARGUMENT} now: it has ended, and its handles with it. Call without "
                f"{SESSION_ARGUMENT} to begin a new one",
                error=True,
            )
        except TooManySessionsError:
            return _said(
                "this program has opened as many sessions as it may in a day. It gets another a day after the first",
                error=True,
            )
        if name == REVEAL:
            return await self._reveal(word, opened, given)
        return await self._called(self._names[name], opened, given, word if explicit else "")

    async def _session(self, word: str, *, explicit: bool) -> tuple[str, ToolSession]:
        if explicit:
            return (word, await self.sessions.find(word)) if word else await self.sessions.begin()
        try:
            return word, await self.sessions.find(word)
        except UnknownSessionError:
            return await self.sessions.begin(word)

    async def _called(
        self, tool: str, session: ToolSession, arguments: Mapping[str, Any], word: str
    ) -> dict[str, Any]:
        try:
            view = await session.call(tool, arguments)
            answer = called(view, session=word)
            await session.let_out(view, spelled(answer))
        except KeyError:  # its server has taken it away since the client was told of it
            raise NoSuchToolError from None
        except PrivacyError as error:
            self.complain(f"{tool}: {error.message}; {error.fix}")
            try:
                view = session.stopped(tool)
                answer = called(view, session=word)
                await session.let_out(view, spelled(answer))
            finally:
                await self.sessions.drop(session)
        return answer

    async def _end(self, word: str) -> dict[str, Any]:
        ended = await self.sessions.end(word)
        said = "the session has ended, and its handles with it" if ended else "no session has that name"
        return _said(said, error=not ended)

    async def _reveal(self, word: str, session: ToolSession, arguments: Mapping[str, Any]) -> dict[str, Any]:
        handles = _handles_in(arguments.get("handles"))
        try:
            known = [session.kept(handle).handle for handle in handles]
        except UnknownHandleError:
            return _said(f"{OTHER_SESSION}. Look up again what you need", error=True)
        if not known:
            return _said('give `handles`: a list such as ["<email:1>"]', error=True)
        return _said(await self.reveal(word, session, known))

    def _offered(self, name: str, card: ToolCard) -> Offered:
        session = self.catalogue
        tool, labeller = session.catalogue[card.name], session.labeller
        arguments = labeller.policy.arguments(card.name)
        return Offered(
            name=name,
            card=card,
            input_schema=widened(card.input_schema, lambda name: arguments.at((name,)).type),
            result_schema=self._result_schema(tool),
            annotations=_annotations(tool),
        )

    def _result_schema(self, tool: Tool) -> Mapping[str, Any]:
        """What the results of a tool are given as; nothing of one whose card the user has not approved."""
        session = self.catalogue
        labeller = session.labeller
        names = labeller.result_names.get(tool.name)
        if tool.output_schema is None or tool.hints.derived or names is None:
            return {}
        rules = labeller.policy.table(tool.name, "results")
        if rules.costly:
            return {}
        sink = session.client.sink

        def may_read(rule: Resolution) -> bool:
            return Label.at(rule.locality).may_read(sink)

        own = tool.source == BUILT_IN
        return given_result(
            tool.output_schema, rules.assign(None).at, may_read, lambda name: own or name in names
        )


def _wire_names(tools: Sequence[str], before: Mapping[str, str]) -> dict[str, str]:
    """Each tool by a name that no other has, and that it keeps."""
    names = dict(before)
    known = frozenset(before.values())
    for tool in (one for one in tools if one not in known):
        name, number = wire_name(tool), 1
        while name in names or name in (REVEAL, END_SESSION):
            number += 1
            name = f"{wire_name(tool)}_{number}"
        names[name] = tool
    return names


def _annotations(tool: Tool) -> dict[str, bool]:
    """What umi, or the user's own code, says of a tool's effects; a server's word on its own is not passed on."""
    if tool.source not in (BUILT_IN, PYTHON):
        return {}
    return {
        "readOnlyHint": not may_write(tool.hints, tool.source),
        "destructiveHint": tool.hints.destructive,
        "openWorldHint": tool.hints.open_world,
    }


def _own_tools(*, with_session: bool) -> list[dict[str, Any]]:
    """Umi's own tools of the gateway: constants."""
    session = {SESSION_ARGUMENT: {"type": "string", "description": "The session that the handles are of."}}
    own = session if with_session else {}
    tools = [
        {
            "name": REVEAL,
            "title": "umi.reveal",
            "description": "Show the user the values of handles, on their own laptop. Never gives the values to you: "
            "it says where the user sees them.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "handles": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
                    **own,
                },
                "required": ["handles", *own],
            },
            "annotations": {"readOnlyHint": True, "openWorldHint": False},
        }
    ]
    if with_session:
        tools.append(
            {
                "name": END_SESSION,
                "title": "umi.end_session",
                "description": "End a session once it is done with. Its handles stand for nothing any more.",
                "inputSchema": {"type": "object", "properties": own, "required": [*own]},
                "annotations": {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False},
            }
        )
    return tools


def _handles_in(given: Any) -> list[Handle]:
    texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    parts = (part for text in texts[:100] if isinstance(text, str) for part in parts_of(text))
    return list(dict.fromkeys(part for part in parts if isinstance(part, Handle)))


def _said(text: str, *, error: bool = False) -> dict[str, Any]:
    """A constant of the program, as the answer to a call."""
    return {"content": [{"type": "text", "text": f"{text[:1].upper()}{text[1:]}."}], "isError": error}

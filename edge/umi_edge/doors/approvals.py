"""Approvals: the one place where the questions of every door wait for the user.

A session asks through what `Approvals.of` gives. Whoever can put a question to the user (a terminal, the page) says so
with `answerer` while it can, looks at `waiting`, and decides. The first decision holds: a later one is told what was
decided. A decision names the digest of the exact values that the user saw, and decides about these and no others.

Where nobody can put a question to the user, it is declined at once; so is one that is left alone for a while, and
every one beyond a limit. A question whose run ends is taken away.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from umi_edge.egress.cloud_client import Approver, Outbound
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.replies import ReplyRequest
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import ServerQuestion
from umi_edge.tools.schemas import ArgumentCheck, SoundSchema
from umi_shared.screen.text import one_line

__all__ = ["Approvals", "Asked", "Decided", "Kind", "NotDecided", "Questions", "Reply", "Waiting", "Why"]

Asked = ConsentRequest | Outbound | ServerQuestion | ReplyRequest
"""What a user can be asked about."""
Reply = bool | str | Mapping[str, JSON]
"""Yes or no; to a server's question a no, or what goes to the server; to a planner's a no, or the user's words."""

NOBODY = "nobody"
"""Who decided what nobody was there to decide."""
_DOORS = {"chat": "a chat program", "ask": "umi ask"}
_MOST_WAITING = 64
_MOST_REMEMBERED = 256
_LONGEST_REPLY = 20_000
"""Characters of what is typed to a planner's question."""
_ALONE_SECONDS = 20.0
"""How long a question waits for an answerer to come back: a page that is loaded again is gone for a moment."""


class Kind(StrEnum):
    """What a question is about."""

    CALL = "call"
    """A call that is about to be made, with its exact values."""
    MESSAGE = "message"
    """A message that is about to leave, with its exact bytes (`preview`)."""
    QUESTION = "question"
    """Something that a tool's server asks in the midst of a call."""
    REPLY = "reply"
    """Something that the planner asks, or this device: the reply is the user's own words, as an instruction is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A question that waits for the user."""

    id: str
    door: str
    """Where it comes from: `chat`, `ask`, or `client:` with the name of an MCP client, which may be `ask`, too."""
    conversation: str
    kind: Kind
    request: Asked = field(repr=False)
    """The exact values, for the user's eyes."""
    since: float
    """When it was asked, in seconds since 1970."""
    digest: str = field(repr=False)
    """Stands for the exact values in this process; a decision names it."""

    @property
    def asked_by(self) -> str:
        """Who asks, in words: of a program that chose its name itself, that it is one."""
        return _DOORS.get(self.door) or one_line(self.door.replace("client:", "client: ", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided; `mine` says whether it is this decision that holds, or one that came before."""

    id: str
    approved: bool
    by: str
    """The answerer that decided, or `nobody`."""
    mine: bool = False


class Why(StrEnum):
    """Why a decision decides nothing."""

    UNKNOWN = "nothing waits under this name: its run has ended, or it never was"
    OTHER_VALUES = "the values that were shown are not the ones that wait"
    UNFIT = "the answer does not fit the question"


@dataclass(frozen=True, slots=True)
class NotDecided:
    """Nothing was decided."""

    why: Why


@dataclass(slots=True)
class _Open:
    waiting: Waiting
    reply: "asyncio.Future[Reply]"


@dataclass(frozen=True, slots=True)
class _Answerer:
    name: str
    where: str
    conversation: str

    def answers(self, conversation: str) -> bool:
        return self.conversation in ("", conversation)


class Approvals:
    """All questions that wait, and who can put them to the user. To be used in one event loop."""

    def __init__(self, *, alone_seconds: float = _ALONE_SECONDS) -> None:
        self._alone_seconds = alone_seconds
        self._open: dict[str, _Open] = {}
        self._decided: OrderedDict[str, Decided] = OrderedDict()
        self._answerers: list[_Answerer] = []
        self._key = secrets.token_bytes(32)
        self._changed = asyncio.Event()

    def of(self, conversation: str, door: str) -> "Questions":
        """The consent of one conversation: give it to a session."""
        return Questions(self, conversation, door)

    def waiting(self, conversation: str = "") -> tuple[Waiting, ...]:
        """What waits, the oldest first; of one conversation, or of all."""
        return tuple(
            one.waiting
            for one in self._open.values()
            if conversation in ("", one.waiting.conversation) and not one.reply.done()
        )

    def decide(self, id: str, digest: str, reply: Reply, *, by: str) -> Decided | NotDecided:  # noqa: A002
        """Decide about the values that a digest stands for; the first decision holds."""
        if (before := self._decided.get(id)) is not None:
            return before
        one = self._open.get(id)
        if one is None or one.reply.done():  # done and not decided: its run was stopped a moment ago
            return NotDecided(Why.UNKNOWN)
        if not hmac.compare_digest(one.waiting.digest.encode(), digest.encode()):
            return NotDecided(Why.OTHER_VALUES)
        if not _fits(one.waiting.request, reply):
            return NotDecided(Why.UNFIT)
        return replace(self._settle(one, reply, by), mine=True)

    def decided(self, id: str) -> Decided | None:  # noqa: A002
        """What was decided of a question, for as long as that is remembered; None where nothing was."""
        return self._decided.get(id)

    @contextmanager
    def answerer(self, name: str, where: str, *, conversation: str = "") -> Iterator[None]:
        """While it holds, somebody puts questions to the user: all, or those of one conversation.

        `where` says where they show, such as `in the terminal of umi serve`.
        """
        one = _Answerer(name, where, conversation)
        self._answerers.append(one)
        self._change()
        try:
            yield
        finally:
            self._answerers = [other for other in self._answerers if other is not one]
            self._change()
            for left in tuple(self._open.values()):
                if not self.where(left.waiting.conversation):
                    asyncio.get_running_loop().call_later(self._alone_seconds, self._give_up, left)

    def where(self, conversation: str) -> str:
        """Where the questions of a conversation show now; empty where nobody can be asked."""
        places = [one.where for one in self._answerers if one.answers(conversation)]
        return " or ".join(dict.fromkeys(places))

    async def subscribe(self) -> AsyncGenerator[tuple[Waiting, ...], None]:
        """What waits, now and after each change; also when somebody came to answer, or left."""
        while True:
            changed = self._changed
            yield self.waiting()
            await changed.wait()

    async def over(self, id: str) -> Decided | None:  # noqa: A002
        """Wait until a question is decided, or taken away (None)."""
        while id in self._open and not self._open[id].reply.done():
            await self._changed.wait()
        return self._decided.get(id)

    async def ask(self, conversation: str, door: str, request: Asked) -> Reply:
        """Put a question to the user, and wait for the decision; what nobody can be asked is declined."""
        if not self.where(conversation) or len(self._open) >= _MOST_WAITING:
            return False
        waiting = Waiting(
            id=secrets.token_hex(8),
            door=door,
            conversation=conversation,
            kind=_kind(request),
            request=request,
            since=time.time(),
            digest=self._digest(request),
        )
        one = _Open(waiting, asyncio.get_running_loop().create_future())
        self._open[waiting.id] = one
        self._change()
        try:
            return await one.reply
        finally:  # also where the run was cancelled: its question is gone
            del self._open[waiting.id]
            self._change()

    def _give_up(self, left: _Open) -> None:
        if not left.reply.done() and not self.where(left.waiting.conversation):
            self._settle(left, False, NOBODY)

    def _settle(self, one: _Open, reply: Reply, by: str) -> Decided:
        decided = Decided(id=one.waiting.id, approved=reply is not False, by=by)
        one.reply.set_result(reply)
        self._decided[decided.id] = decided
        while len(self._decided) > _MOST_REMEMBERED:
            self._decided.popitem(last=False)
        self._change()
        return decided

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _digest(self, request: Asked) -> str:
        """Keyed, since whoever saw it could guess at values with a plain one."""
        match request:
            case Outbound():
                said = (
                    f"{request.sink} {request.peer} {request.request_id}".encode() + b"\0" + request.message
                )
            case _:
                values = [type(request).__name__, asdict(request)]
                said = json.dumps(values, sort_keys=True, default=dict).encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return f"<Approvals: {len(self._open)} waiting>"


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of one conversation; implements `Consent`, `AnswersQuestions`, `Approver` and `Replies`."""

    approvals: Approvals
    conversation: str
    door: str

    @property
    def where(self) -> str:
        """Where they show; empty where nobody can be asked."""
        return self.approvals.where(self.conversation)

    def approver(self, preview: str) -> Approver | None:
        """Who sees each message before it leaves, as the configuration says: `never`, `first` or `always`."""
        return {"never": None, "first": _First(self), "always": self}[preview]

    async def approve(self, request: ConsentRequest | Outbound) -> bool:
        """Whether this very call may be made, or these very bytes may leave."""
        return await self.approvals.ask(self.conversation, self.door, request) is True

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """What the user answers to a tool's server; None for a no."""
        reply = await self.approvals.ask(self.conversation, self.door, question)
        return reply if isinstance(reply, Mapping) else None

    async def reply(self, question: str) -> str:
        """What the user says to a question of the planner's; empty for nothing."""
        reply = await self.approvals.ask(self.conversation, self.door, ReplyRequest(question))
        return reply if isinstance(reply, str) else ""


@dataclass(slots=True)
class _First:
    """Shows the first message of a session, and lets the others go once it was approved; implements `Approver`."""

    approver: Approver
    _approved: bool = False

    async def approve(self, outbound: Outbound) -> bool:
        """Whether it may leave."""
        self._approved = self._approved or await self.approver.approve(outbound)
        return self._approved


def _kind(request: Asked) -> Kind:
    match request:
        case ConsentRequest():
            return Kind.CALL
        case Outbound():
            return Kind.MESSAGE
        case ServerQuestion():
            return Kind.QUESTION
        case ReplyRequest():
            return Kind.REPLY
    assert_never(request)


def _fits(request: Asked, reply: Reply) -> bool:
    """Whether a reply is one to this request: yes or no, words, or what the fields of a server's question take."""
    match request:
        case ServerQuestion():
            return reply is False or (isinstance(reply, Mapping) and _fits_fields(request, reply))
        case ReplyRequest():
            return reply is False or (isinstance(reply, str) and 0 < len(reply.strip()) <= _LONGEST_REPLY)
    return isinstance(reply, bool)


def _fits_fields(request: ServerQuestion, reply: Mapping[str, JSON]) -> bool:
    fields = {one.name: one for one in request.fields}
    form = {
        "type": "object",
        "properties": {name: dict(one.schema) for name, one in fields.items()},
        "required": [name for name, one in fields.items() if one.required],
    }
    return reply.keys() <= fields.keys() and not ArgumentCheck(SoundSchema.of(form)).problems(dict(reply))

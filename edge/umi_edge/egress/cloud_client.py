"""The way out: the one place from which bytes leave for the planner and the summarizer.

For each message, in this order: the guard scans the serialized bytes, a person sees them where that is wanted, the
ledger records them, and then those very bytes are sent. Keeps I1 (it takes `Released` views only), I2 (guard or
ledger failing sends nothing), I6 (what comes back is parsed under limits) and I7.

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
I6: docs/design.md#i6-cloud-text-is-untrusted-input
I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeVar

import grpc
import grpc.aio

from umi_edge.connection.refusals import explained
from umi_edge.egress.guard import EgressGuard
from umi_edge.egress.way_out import WayOut
from umi_edge.ledger import Ledger
from umi_edge.policy.excepted import told_by_exceptions
from umi_shared.errors import MalformedError, PrivacyError, TransportError
from umi_shared.labels import PLANNER, SUMMARIZER, Sink
from umi_shared.refusal import refusal_from_metadata
from umi_shared.released import Released
from umi_shared.settings import MAY_BE_ZERO
from umi_shared.transcript import (
    AnswerDelta,
    Decision,
    Next,
    PlanEvent,
    QuestionDelta,
    RationaleDelta,
    SummarizeEvent,
    Usage,
    View,
)
from umi_shared.wire import (
    WireLimits,
    plan_request,
    read_plan_events,
    read_request,
    read_summarize_events,
    summarize_request,
)

__all__ = ["Approver", "Cloud", "CloudConfig", "Outbound", "Restarted", "Sent", "UnapprovedError"]

E = TypeVar("E")


_LONGEST_BACKOFF_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """How long to wait for the cloud, how often to try again, and how much text to accept."""

    step_seconds: float = 120
    """The longest that one plan or one answer may take, retries and waits included."""
    idle_seconds: float = 60
    """The longest wait for the next event before the try counts as failed."""
    tries: int = 9
    """How often one plan or answer is tried. Nine tries, half a minute of waiting, outlast a restart of the planner."""
    backoff_seconds: Annotated[float, MAY_BE_ZERO] = 0.2
    """The wait before the second try; it doubles each time, up to 10 seconds."""
    stream_bytes: int = 64 * 1024
    """The most text, in bytes of UTF-8, that one plan or answer may have."""
    bucket_bytes: Annotated[int, MAY_BE_ZERO] = 1024
    """Messages are padded to a multiple of this, so that their size tells little."""
    tick_seconds: float = 0
    """Messages leave only at multiples of this since the session began, so that their times tell little; 0 is off."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The connection failed and the step starts over: forget what was streamed so far."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A message left, exactly as the ledger has it."""

    sink: str
    size_bytes: int
    sha256: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A message that is about to leave, parsed from its own bytes. Beside it only the session's random id is sent,
    and to a server that was overloaded the ticket that it gave.
    """

    sink: Sink
    peer: str
    request_id: str
    view: View = field(repr=False)
    padding_bytes: int
    message: bytes = field(repr=False)
    sha256: str
    notes: tuple[str, ...] = field(default=(), repr=False)
    """What a person should know of it that its bytes do not show."""


class Approver(Protocol):
    """Somebody, or something, that looks at each message before it leaves."""

    async def approve(self, outbound: Outbound) -> bool:
        """Whether these very bytes may leave."""
        ...


class UnapprovedError(PrivacyError):
    """A message was shown to somebody who did not approve it; nothing of it was sent or recorded."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(
            f"the message to the {sink} was not approved, so it was not sent",
            fix="approve it, change the policy, or set `preview: never`; without a terminal nobody can be asked",
        )


@dataclass(slots=True)
class Cloud:
    """The planner and the summarizer behind one channel, for one session."""

    channel: grpc.aio.Channel
    guard: EgressGuard
    ledger: Ledger
    session: str
    """A random id that groups this session's requests, so that one cache serves them; it identifies nobody."""
    config: CloudConfig = field(default_factory=CloudConfig)
    limits: WireLimits = field(default_factory=WireLimits)
    peer: str = "the planner"
    """How messages name the other side."""
    approver: Approver | None = None
    """Who is shown each message before it leaves and may stop it; None sends all without asking."""
    _began: float = -1
    """When the first message was ready, by the event loop's clock."""

    def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent | Restarted | Sent]:
        """Stream one decision. Tries again with the same bytes when the connection fails.

        Raises `TransportError`, `RefusedError`, `MalformedError`, and `PrivacyError` before anything is sent.
        """
        if view.sink != PLANNER:
            raise MalformedError(f"a view for {view.sink} was about to go to the planner")
        message = plan_request(request_id, view, bucket_bytes=self.config.bucket_bytes).SerializeToString()
        return self._tries(
            "/umi_proto.v1.Planner/Plan",
            message,
            view,
            request_id,
            lambda raw: read_plan_events(raw, self.limits),
            _PlanRules,
        )

    def summarize(
        self, view: Released[View], request_id: str
    ) -> AsyncIterator[SummarizeEvent | Restarted | Sent]:
        """Stream the answer, under the same terms as `plan`."""
        if view.sink != SUMMARIZER:
            raise MalformedError(f"a view for {view.sink} was about to go to the summarizer")
        message = summarize_request(
            request_id, view, bucket_bytes=self.config.bucket_bytes
        ).SerializeToString()
        return self._tries(
            "/umi_proto.v1.Summarizer/Summarize",
            message,
            view,
            request_id,
            lambda raw: read_summarize_events(raw, self.limits),
            _AnswerRules,
        )

    async def _tries(
        self,
        method: str,
        message: bytes,
        view: Released[View],
        request_id: str,
        read: Callable[[bytes], tuple[E, ...]],
        rules: "type[_PlanRules | _AnswerRules]",
    ) -> AsyncIterator[E | Restarted | Sent]:
        await self._approved(message, view)
        loop = asyncio.get_running_loop()
        end = loop.time() + self.config.step_seconds
        ticket = ""
        for attempt in range(1, self.config.tries + 1):
            if attempt > 1:
                yield Restarted(attempt)
            end += await self._tick()
            yield self._let_out(message, view, request_id, attempt)
            check = rules(self.config.stream_bytes)
            try:
                async for raw in self._stream(method, message, end, ticket):
                    for event in read(raw):
                        check.event(event)
                        yield event
                check.end()
                return
            except grpc.aio.AioRpcError as error:
                wait = self._wait_before_retry(error, attempt)
                ticket = _ticket(error) or ticket
                if wait is None or loop.time() + wait >= end:
                    raise self._late() if _is_late(error) else explained(error, self.peer) from error
                await asyncio.sleep(wait)

    async def _approved(self, message: bytes, view: Released[View]) -> None:
        """Show the message to whoever wants to see it; a try that is repeated is the same message."""
        if self.approver is None:
            return
        self.guard.check(message, view.sink)
        request = read_request(message, self.limits)
        outbound = Outbound(
            sink=view.sink,
            peer=self.peer,
            request_id=request.request_id,
            view=request.view,
            padding_bytes=request.padding_bytes,
            message=message,
            sha256=hashlib.sha256(message).hexdigest(),
            notes=told_by_exceptions(view.disclosures),
        )
        if not await self.approver.approve(outbound):
            raise UnapprovedError(view.sink)

    async def _tick(self) -> float:
        """Wait for the next tick, where messages leave at ticks; returns the seconds that took."""
        if self.config.tick_seconds <= 0:
            return 0
        now = asyncio.get_running_loop().time()
        if self._began < 0:
            self._began = now
        wait = -(now - self._began) % self.config.tick_seconds
        await asyncio.sleep(wait)
        return wait

    def _let_out(self, message: bytes, view: Released[View], request_id: str, attempt: int) -> Sent:
        way = WayOut(self.guard, self.ledger, self.session, self.peer)
        digest = way.let_out(message, view, request_id)
        return Sent(view.sink, len(message), digest, attempt)

    async def _stream(self, method: str, message: bytes, end: float, ticket: str) -> AsyncIterator[bytes]:
        # Bytes out: these very ones are in the ledger. Bytes in: gRPC would log what it cannot parse, with its trace.
        stub = self.channel.unary_stream(method, request_serializer=_same, response_deserializer=_same)
        # The deadline that the cloud is told is the same for every try: how long this device took is not its business.
        metadata: tuple[tuple[str, str], ...] = (("umi-session", self.session),)
        if ticket:  # the cloud's own word, given back: it keeps this request's turn
            metadata = (*metadata, ("umi-ticket", ticket))
        call = stub(message, timeout=self.config.step_seconds, metadata=metadata)
        try:
            while True:
                raw = await self._next(call, end)
                if raw is grpc.aio.EOF:
                    return
                yield raw
        finally:
            call.cancel()

    async def _next(self, call: Any, end: float) -> Any:
        left = end - asyncio.get_running_loop().time()
        try:
            return await asyncio.wait_for(call.read(), min(self.config.idle_seconds, max(left, 0.001)))
        except TimeoutError as error:
            if left <= self.config.idle_seconds:
                raise self._late() from error
            raise TransportError(
                f"{self.peer} has been silent for {self.config.idle_seconds:g} seconds",
                fix="try again; if it stays so, tell its operator",
            ) from error

    def _late(self) -> TransportError:
        return TransportError(
            f"{self.peer} did not finish within {self.config.step_seconds:g} seconds",
            fix="try again, or raise `cloud.step_seconds`",
        )

    def _wait_before_retry(self, error: grpc.aio.AioRpcError, attempt: int) -> float | None:
        """Seconds to wait before the next try; None when another try would not help."""
        if attempt >= self.config.tries:
            return None
        refusal = refusal_from_metadata(error.trailing_metadata())
        asked = refusal.retry_after_seconds if refusal else None
        doubled: float = min(self.config.backoff_seconds * 2 ** (attempt - 1), _LONGEST_BACKOFF_SECONDS)
        backoff = doubled * random.uniform(0.8, 1.2)  # noqa: S311  # not a secret
        # A server that stops cancels what comes in its last moment; what this device cancels never comes here.
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return max(backoff, asked or 0.0)
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return asked
        return None


def _ticket(error: grpc.aio.AioRpcError) -> str:
    refusal = refusal_from_metadata(error.trailing_metadata())
    return refusal.ticket if refusal else ""


def _is_late(error: grpc.aio.AioRpcError) -> bool:
    return error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def _same(raw: bytes) -> bytes:
    return raw


class _PlanRules:
    """What a planner's stream must look like: text within a limit, then one decision, then the usage.

    The text is a rationale, and then the question where the decision is to ask one.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._stage = 0
        self._asks = False

    def event(self, event: object) -> None:
        match event:
            case RationaleDelta(text) | QuestionDelta(text) if self._stage == 0 and not (
                self._asks and isinstance(event, RationaleDelta)
            ):
                self._asks = isinstance(event, QuestionDelta)
                self._left -= max(len(text.encode()), 1)  # also nothing, said for ever, ends
                if self._left < 0:
                    raise MalformedError("the planner's rationale does not end", fix="tell its operator")
            case Decision(next_) if self._stage == 0 and self._asks == (next_ is Next.ASK_USER):
                self._stage = 1
            case Usage() if self._stage == 1:
                self._stage = 2
            case _:
                raise MalformedError("the planner's events are out of order", fix="tell its operator")

    def end(self) -> None:
        if self._stage == 0:
            raise MalformedError("the planner ended without a decision", fix="tell its operator")


class _AnswerRules:
    """What a summarizer's stream must look like: text within a limit, then the usage."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._ended = False

    def event(self, event: object) -> None:
        match event:
            case AnswerDelta(text) if not self._ended:
                self._left -= max(len(text.encode()), 1)
                if self._left < 0:
                    raise MalformedError("the summarizer's answer does not end", fix="tell its operator")
            case Usage() if not self._ended:
                self._ended = True
            case _:
                raise MalformedError("the summarizer's events are out of order", fix="tell its operator")

    def end(self) -> None:
        """An empty answer is an answer."""

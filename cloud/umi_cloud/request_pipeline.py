"""The steps of every request: deadline, identity and quota, limits, a turn, the answer, accounting and a log line."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from umi_cloud.admission import Admission
from umi_cloud.auth.identity import host_of, identify
from umi_cloud.cache_namespace import CacheNamespaces
from umi_cloud.device_gate import AdmittedCall, DeviceGate
from umi_cloud.engines.errors import EngineDeadError
from umi_cloud.event_writer import EventWriter
from umi_cloud.in_flight import InFlightRequests
from umi_cloud.refusal_log import RefusalLog, Refused
from umi_cloud.request_log import RequestRecord, session_key
from umi_cloud.status import abort, refusal_of, request_malformed
from umi_cloud.tickets import TICKET_KEY
from umi_shared.errors import MalformedError, RefusedError
from umi_shared.transcript import Usage, View
from umi_shared.wire import Request

__all__ = ["Context", "Observer", "RequestPipeline", "Rpc"]

SESSION_KEY = "umi-session"
SESSION_CHARACTERS = 128
_CHARACTERS_PER_TOKEN = 4

Observer = Callable[[RequestRecord], None]
"""Is told of a request that ended. It does not wait, and does not raise."""

Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpc:
    """One kind of request: its name in the log, and how to read it, answer it and write the answer's events."""

    name: str
    read: Callable[[bytes], Request]
    role: Callable[[], Callable[[View, str, str], AsyncGenerator[Any, None]]]
    """The function that answers a view, for a session's word and a cache namespace."""
    write: Callable[[Sequence[Any]], bytes]
    """One message of these events: of one, or of several for a device that reads them."""


class RequestPipeline:
    """Takes requests in and answers each with a stream, or with a typed refusal.

    (1) the server is not draining, and the deadline starts  (2) the device is known and within its quota
    (3) the request parses under the limits  (4) it gets its turn  (5) the role answers
    (6) the device's tokens are counted, and one line is logged; of those that got no turn, one a minute.
    """

    def __init__(
        self,
        gate: DeviceGate,
        admission: Admission,
        in_flight: InFlightRequests,
        namespaces: CacheNamespaces,
        engine_died: Callable[[], Awaitable[None]],
        admitted: Callable[[Context], None],
        observers: Iterable[Observer] = (),
        refusals: RefusalLog | None = None,
    ) -> None:
        """`admitted` is called for each call that the gate lets in.

        `observers` are told of each request as it ends; one that joins the collection later is told, too.
        """
        self._gate = gate
        self._admission = admission
        self._in_flight = in_flight
        self._namespaces = namespaces
        self._engine_died = engine_died
        self._admitted = admitted
        self._observers = observers
        self._refusals = refusals or RefusalLog()

    async def serve(self, rpc: Rpc, request: bytes, context: Context) -> None:
        """Answer one request. Raises only what gRPC needs to end the call."""
        record = RequestRecord(rpc=rpc.name)
        refused: Refused | None = None
        try:
            async with self._in_flight.bounded(context.time_remaining()):  # (1)
                await self._answer(rpc, request, context, record)
        except asyncio.CancelledError:
            record.outcome = "cancelled"
            raise
        except Exception as error:  # nothing may reach gRPC, which would log and send its text
            refusal = refusal_of(error)
            record.outcome = refusal.reason
            if isinstance(error, RefusedError) and not record.begun:
                refused = Refused(
                    refusal.reason, record.device or _shown_device(context), host_of(context.peer())
                )
            if isinstance(error, EngineDeadError):
                await self._engine_died()
            await abort(context, refusal)
        finally:
            if refused is None:  # (6)
                record.log()
            else:
                self._refusals.note(refused)
            for observe in self._observers:
                observe(record)

    async def _answer(self, rpc: Rpc, request: bytes, context: Context, record: RequestRecord) -> None:
        async with self._gate.admit(context) as call:  # (2)
            self._admitted(context)
            record.device = call.device
            word = _session(context)
            record.session = session_key(call.device, word)
            namespace = (
                self._namespaces.of_device(call.device)
                if call.identified
                else self._namespaces.of_session(word)
            )
            try:
                asked = rpc.read(request)  # (3)
            except MalformedError as error:
                raise request_malformed(error) from error
            async with (
                self._admission.slot(call.device, _ticket(context)) as turn,
                _account(call, asked.view, record),
            ):  # (4)
                record.queued_ms, record.begun = record.milliseconds(), True
                async with (
                    aclosing(rpc.role()(asked.view, record.session, namespace)) as stream,
                    EventWriter(
                        lambda events: context.write(rpc.write(events)), several=asked.reads_several
                    ) as writer,
                ):  # (5)
                    async for event in stream:
                        if isinstance(event, Usage):
                            record.usage = event
                            turn.tokens = event.completion_tokens
                        if not record.deltas:
                            record.first_ms = record.milliseconds()
                        record.deltas += 1
                        await writer.take(event)
                    await writer.finish()


@asynccontextmanager
async def _account(call: AdmittedCall, view: View, record: RequestRecord) -> AsyncIterator[None]:
    """Count the tokens of a call; one that ended early is charged by an estimate, or it would be free."""
    cut = False
    try:
        yield
    except asyncio.CancelledError:  # the device left, or the deadline came
        cut = True
        raise
    finally:
        usage = record.usage
        if usage == Usage() and (cut or record.deltas):
            characters = sum(len(str(part)) for text in view.texts() for part in text)
            usage = Usage(prompt_tokens=characters // _CHARACTERS_PER_TOKEN, completion_tokens=record.deltas)
        call.spend(usage.prompt_tokens + usage.completion_tokens)


def _shown_device(context: Context) -> str:
    """The name in the certificate of a request that was not let in; empty where there is none."""
    try:
        return identify(context).name
    except RefusedError:
        return ""


def _ticket(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == TICKET_KEY and isinstance(value, str):
            return value
    return ""


def _session(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == SESSION_KEY:
            word = value if isinstance(value, str) else ""
            if not word or len(word) > SESSION_CHARACTERS:
                raise RefusedError(
                    f"the metadata {SESSION_KEY} is longer than {SESSION_CHARACTERS} characters, or empty",
                    reason="REQUEST_MALFORMED",
                )
            return word
    return ""

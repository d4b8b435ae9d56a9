"""A gateway put together for one client of a laptop."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from umi_edge.doors.gateway.gateway import Gateway, Reveal
from umi_edge.doors.gateway.handle_numbers import OF_CATALOGUE
from umi_edge.doors.gateway.self_test import self_test
from umi_edge.doors.gateway.session_count import session_count
from umi_edge.doors.gateway.sessions import BUILT_IN, SessionLimits, Sessions
from umi_edge.egress.cloud_client import Approver
from umi_edge.labelling.vault import Vault
from umi_edge.runtime.laptop import Laptop
from umi_edge.session.consent import Consent, DeclineAll
from umi_edge.session.recording import Watch, unwatched
from umi_edge.session.tool_session import ToolSession

__all__ = ["open_gateway"]


@asynccontextmanager
async def open_gateway(
    laptop: Laptop,
    client: str,
    *,
    reveal: Reveal,
    consent: Callable[[str], Consent] = lambda _: DeclineAll(),
    approver: Callable[[str], Approver | None] = lambda _: None,
    watch: Watch = unwatched,
    complain: Callable[[str], None] = lambda _: None,
    limits: SessionLimits = BUILT_IN,
) -> AsyncIterator[Gateway]:
    """What the client of this name may do, once the self-test has found nothing; its sessions end with it.

    `consent` gives who is asked, by a session's name, `approver` who sees its messages before they leave, and `watch`
    who observes it. Raises `PrivacyError` where the
    self-test says no.
    """
    await self_test()
    opened: Callable[..., AbstractAsyncContextManager[ToolSession]] = partial(
        laptop.tool_session, client, consent=consent, approver=approver
    )
    sessions = Sessions(
        partial(opened, watch=watch), limits, session_count(laptop.config.ledger.parent, client)
    )
    async with opened(Vault(OF_CATALOGUE)) as catalogue:
        gateway = Gateway(catalogue=catalogue, sessions=sessions, reveal=reveal, complain=complain)
        try:
            yield gateway
        finally:
            await gateway.kept.end_all()
            await sessions.end_all()

"""When a certificate is renewed, and that nothing waits for it or ends with it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from umi_edge.connection import renewal
from umi_edge.connection.connection import Connection
from umi_edge.connection.renewal import Renewals, renewal_due
from umi_shared.errors import RefusedError, TransportError

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def connection(device: str = "a", days: int = 90) -> Connection:
    return Connection(
        directory=Path(),
        device=device,
        service_address="h:1",
        enrolment_address="h:2",
        server_name="h",
        starts=NOW,
        expires=NOW + timedelta(days=days),
        key=Path(),
        certificate=Path(),
        ca=Path(),
    )


@pytest.mark.parametrize("days", [7, 90])
def test_it_is_due_some_time_in_the_last_third_but_not_after_the_end(days):
    one = connection(days=days)
    life = timedelta(days=days)
    assert not renewal_due(one, NOW + life * 0.66)
    assert renewal_due(one, NOW + life * 0.84)
    assert not renewal_due(one, one.expires)


def test_a_thousand_laptops_enrolled_together_come_back_over_two_weeks():
    at = [
        next(
            day for day in range(90) if renewal_due(connection(f"laptop-{number}"), NOW + timedelta(days=day))
        )
        for number in range(1000)
    ]
    busiest = max(at.count(day) for day in set(at))
    assert max(at) - min(at) >= 14
    assert busiest < 100


@pytest.fixture
def outcomes(monkeypatch) -> list:
    """What the next tries come to: a connection, an error to raise, or an event to wait for."""
    outcomes = []

    async def renew(_old: Connection) -> Connection:
        outcome = outcomes.pop(0)
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(renewal, "renew", renew)
    return outcomes


LATE = NOW + timedelta(days=89)


async def settled(renewals: Renewals) -> Connection | None:
    await asyncio.wait((renewals._task,))
    return renewals.renewed()


@pytest.mark.parametrize(
    "error", [TransportError("down"), RefusedError("no", reason="RATE_LIMITED"), OSError()]
)
async def test_a_renewal_that_fails_ends_nothing_and_is_not_tried_again_at_once(outcomes, error):
    """Trial: a failed renewal ended `umi ask`, though the certificate was good for weeks."""
    outcomes += [error, replace(connection(), device="never")]
    renewals = Renewals(connection())
    renewals.poke(LATE)
    assert await settled(renewals) is None
    renewals.poke(LATE)
    assert renewals._task is None
    await renewals.close()


async def test_a_new_certificate_is_given_once(outcomes):
    new = replace(connection(), expires=NOW + timedelta(days=180))
    outcomes.append(new)
    renewals = Renewals(connection())
    renewals.poke(LATE)
    assert await settled(renewals) == new
    assert renewals.renewed() is None


async def test_nothing_is_tried_before_it_is_due(outcomes):
    renewals = Renewals(connection())
    renewals.poke(NOW + timedelta(days=30))
    assert renewals.renewed() is None
    await renewals.close()


async def test_a_renewal_that_hangs_is_waited_for_by_nobody(outcomes, monkeypatch):
    monkeypatch.setattr(renewal, "LEAVE_SECONDS", 0.05)
    outcomes.append(asyncio.Event())
    renewals = Renewals(connection())
    renewals.poke(LATE)
    assert renewals.renewed() is None
    async with asyncio.timeout(5):
        await renewals.close()

"""Which devices an operator means, and in which order they are shown."""

from datetime import UTC, datetime, timedelta

import pytest

from umi_cloud.auth.device_filter import DeviceFilter, SortBy, in_order
from umi_cloud.auth.standing import DeviceRecord, Standing

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ACTIVE, EXPIRED, REVOKED, INVITED = Standing.ACTIVE, Standing.EXPIRED, Standing.REVOKED, Standing.INVITED


def device(
    name: str, standing: Standing = ACTIVE, *, ends: int = 90, seen: int | None = 0, **more
) -> DeviceRecord:
    """A device that ends in so many days, and was seen so many days ago."""
    return DeviceRecord(
        name=name,
        standing=standing,
        serial=name,
        issued=NOW - timedelta(days=100),
        expires=NOW + timedelta(days=ends),
        last_seen=None if seen is None else NOW - timedelta(days=seen),
        **more,
    )


FLEET = [
    device("ann", ends=2, label="Sales Berlin"),
    device("bo", seen=40, use={"2026-11-27": 5}),
    device("cy", seen=None),
    device("di", EXPIRED, ends=-1, seen=200, use={"2026-11-26": 4, "2026-11-27": 4}),
    device("ed", REVOKED, seen=300, label="sales paris"),
    device("flo", INVITED, ends=0, seen=None),
]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (DeviceFilter(), "ann bo cy di ed flo"),
        (DeviceFilter(name="?o"), "bo"),
        (DeviceFilter(label="SALES"), "ann ed"),
        (DeviceFilter(standings=frozenset({EXPIRED, INVITED})), "di flo"),
        (DeviceFilter(expiring=timedelta(days=3)), "ann"),
        (DeviceFilter(idle=timedelta(days=30)), "bo cy di"),
        (DeviceFilter(idle=timedelta(days=101)), "di"),
        (DeviceFilter(idle=timedelta(days=30), standings=frozenset({ACTIVE}), name="b*"), "bo"),
    ],
)
def test_every_part_of_a_filter_narrows_it(chosen, names):
    assert [one.name for one in chosen.chosen(FLEET, NOW)] == names.split()
    assert bool(chosen) == (len(names.split()) < len(FLEET))


@pytest.mark.parametrize(
    ("by", "first"),
    [(SortBy.NAME, "ann"), (SortBy.SEEN, "ed"), (SortBy.EXPIRES, "di"), (SortBy.TOKENS, "di")],
)
def test_what_matters_comes_first(by, first):
    assert in_order(reversed(FLEET), by)[0].name == first

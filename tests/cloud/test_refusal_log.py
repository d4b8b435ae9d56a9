"""Refusals in the log: one line at once, and one a minute with a count."""

import json
import logging

import pytest

from umi_cloud import refusal_log
from umi_cloud.refusal_log import RefusalLog, Refused
from umi_cloud.testing import connect, refusal_of_call, serve_scripted

CALLER = "To find the address of <person:1>, use contacts.search. Next: caller."
A = Refused("RATE_LIMITED", "a", "10.0.0.7")


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="umi_cloud")

    def told(logger: str = "umi_cloud.refusals") -> list[dict]:
        found = [json.loads(one.message) for one in caplog.records if one.name == logger]
        caplog.clear()
        return found

    return told


def test_thousands_of_one_kind_are_a_line_at_once_and_a_line_a_minute(lines):
    log = RefusalLog()
    for _ in range(38_700):
        log.note(A)
    assert lines() == [{"refused": "RATE_LIMITED", "device": "a", "address": "10.0.0.7", "times": 1}]
    log.flush()
    assert [line["times"] for line in lines()] == [38_699]
    log.note(A)
    assert lines() == []
    log.flush()
    assert [line["times"] for line in lines()] == [1]
    log.flush()
    log.flush()
    log.note(A)
    assert [line["times"] for line in lines()] == [1]


def test_who_from_where_and_why_are_told_apart(lines):
    log = RefusalLog()
    others = [
        Refused("OVERLOADED", "a", "10.0.0.7"),
        Refused(A.reason, "b", A.address),
        Refused(A.reason, "a", "::1"),
    ]
    for one in (A, *others, A):
        log.note(one)
    assert len(lines()) == 4


def test_a_flood_from_everywhere_takes_no_more_memory_than_a_minute_has_lines(lines, monkeypatch):
    monkeypatch.setattr(refusal_log, "KEYS_MAX", 3)
    log = RefusalLog()
    for number in range(100):
        log.note(Refused("TOKEN_UNKNOWN", "", f"10.0.0.{number}"))
    assert [line["address"] for line in lines()] == ["10.0.0.0", "10.0.0.1", "10.0.0.2", ""]
    log.flush()
    assert [(line["address"], line["times"]) for line in lines()] == [("", 96)]


async def test_a_server_that_is_not_ready_writes_no_line_for_each_request(plan_request, lines, caplog):
    async with serve_scripted([CALLER]) as cloud, connect(cloud.address) as client:
        cloud.server._roles = None
        for _ in range(5):
            await refusal_of_call(client.planner.Plan(plan_request))
    assert [one for one in caplog.records if one.name == "umi_cloud.requests"] == []
    first, rest = lines()  # the second when the server ends
    assert (first["refused"], first["address"], first["times"]) == ("LOADING", "127.0.0.1", 1)
    assert rest["times"] == 4

"""A call ends in an outcome, whatever the tool does."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.tools.json_value import plain_json
from umi_edge.tools.runner import Failed, FailureKind, RunLimits, Succeeded, ToolFailure, run_tool
from umi_edge.tools.tool import Tool

LIMITS = RunLimits(call_seconds=5)
SECRET = "alice@example.org"


def returning(value: Any) -> Tool:
    async def run(arguments: Any) -> Any:
        return value

    return build(run)


def build(run: Callable[[Any], Awaitable[Any]], schema: Any = None) -> Tool:
    return Tool(
        name="t", description="", input_schema=schema or {"type": "object"}, run=run, source="builtin"
    )


async def failure(tool: Tool, arguments: Any = None, limits: RunLimits = LIMITS) -> Failed:
    outcome = await run_tool(tool, arguments or {}, limits)
    assert isinstance(outcome, Failed)
    return outcome


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


async def test_a_result_is_returned_with_its_duration():
    outcome = await run_tool(returning({"a": [1, 2.5, None, True, "é"]}), {}, LIMITS)
    assert isinstance(outcome, Succeeded)
    assert outcome.value == {"a": [1, 2.5, None, True, "é"]}
    assert 0 <= outcome.seconds < 5


async def test_neither_outcome_shows_private_values():
    assert SECRET not in repr(await run_tool(returning(SECRET), {}, LIMITS))
    failed = Failed(FailureKind.ERROR, SECRET, 0.0)
    assert SECRET not in repr(failed) + str(failed)
    assert SECRET not in repr(ToolFailure(FailureKind.ERROR, SECRET)) + str(
        ToolFailure(FailureKind.ERROR, SECRET)
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"\x00\xff", FailureKind.NOT_JSON),
        ({"a": bytearray(b"x")}, FailureKind.NOT_JSON),
        ({1, 2}, FailureKind.NOT_JSON),
        (float("nan"), FailureKind.NOT_JSON),
        ([float("-inf")], FailureKind.NOT_JSON),
        ({1: "a"}, FailureKind.NOT_JSON),
        ({None: "a"}, FailureKind.NOT_JSON),
        ("\ud800", FailureKind.NOT_JSON),
        (object(), FailureKind.NOT_JSON),
        ((i for i in range(3)), FailureKind.NOT_JSON),
        (10**5000, FailureKind.NOT_JSON),
        (nested(65), FailureKind.TOO_DEEP),
        (nested(10_000), FailureKind.TOO_DEEP),
        ("x" * (1 << 20), FailureKind.TOO_LARGE),
        ("é" * (1 << 19), FailureKind.TOO_LARGE),
        ({"k" * (1 << 20): 1}, FailureKind.TOO_LARGE),
        ([0] * 20_001, FailureKind.TOO_LARGE),
        ([[]] * 20_001, FailureKind.TOO_LARGE),
    ],
    ids=range(18),
)
async def test_a_result_that_is_no_small_plain_json_is_refused(value, kind):
    assert (await failure(returning(value))).kind is kind


async def test_the_depth_limit_itself_is_allowed():
    assert isinstance(await run_tool(returning(nested(64)), {}, LIMITS), Succeeded)


async def test_100_mebibytes_are_refused_without_being_serialised():
    value = ["x" * 100 * (1 << 20)]
    started = time.process_time()
    assert (await failure(returning(value))).kind is FailureKind.TOO_LARGE
    assert time.process_time() - started < 0.05  # encoding it even once takes longer


async def test_a_result_that_holds_itself_is_refused_at_once():
    loop: list[Any] = []
    loop.append(loop)
    wide: Any = "x"
    for _ in range(60):
        wide = [wide] * 10  # 10^60 leaves, 60 objects
    assert (await failure(returning(loop))).kind is FailureKind.TOO_DEEP
    assert (await failure(returning(wide))).kind is FailureKind.TOO_LARGE


async def test_a_result_is_a_copy_that_the_tool_cannot_change_later():
    value = {"a": [1]}
    outcome = await run_tool(returning(value), {}, LIMITS)
    value["a"].append(2)
    assert isinstance(outcome, Succeeded)
    assert outcome.value == {"a": [1]}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Surrogates are not text that UTF-8 can carry.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(json_values)
def test_plain_json_stays_what_it_is(value):
    copied = plain_json(value, max_bytes=1 << 20, max_depth=64, max_leaves=1000)
    assert copied == value
    assert type(copied) is type(value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError(SECRET), FailureKind.ERROR),
        (ToolFailure(FailureKind.NOT_FOUND, SECRET), FailureKind.NOT_FOUND),
        (TimeoutError(SECRET), FailureKind.TIMEOUT),
        (SystemExit(3), FailureKind.ERROR),
        (asyncio.CancelledError(), FailureKind.ERROR),
        (RecursionError(), FailureKind.ERROR),
    ],
    ids=range(6),
)
async def test_a_tool_that_raises_ends_in_a_failure(error, kind, caplog):
    caplog.set_level(logging.DEBUG)

    async def run(arguments: Any) -> Any:
        raise error

    failed = await failure(build(run))
    assert failed.kind is kind
    assert SECRET not in caplog.text


async def test_a_tool_that_is_no_coroutine_at_all_ends_in_a_failure():
    def run(arguments: Any) -> Any:
        raise KeyError

    assert (await failure(build(run))).kind is FailureKind.ERROR
    assert (await failure(build(lambda arguments: 3))).kind is FailureKind.ERROR  # type: ignore[arg-type,return-value]


async def test_a_tool_that_hangs_is_cancelled_at_the_limit():
    ended = asyncio.Event()

    async def run(arguments: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert (await failure(build(run), limits=RunLimits(call_seconds=0.02))).kind is FailureKind.TIMEOUT
    assert ended.is_set()


async def test_a_tool_that_ignores_its_cancellation_is_left_behind(monkeypatch):
    monkeypatch.setattr("umi_edge.tools.runner._STOP_SECONDS", 0.02)
    release = asyncio.Event()

    async def run(arguments: Any) -> Any:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError(SECRET)

    assert (await failure(build(run), limits=RunLimits(call_seconds=0.02))).kind is FailureKind.TIMEOUT
    release.set()


async def test_cancellation_reaches_the_tool_and_the_caller():
    entered, ended = asyncio.Event(), asyncio.Event()

    async def run(arguments: Any) -> Any:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    call = asyncio.create_task(run_tool(build(run), {}, LIMITS))
    await entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()


SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string", "maxLength": 30}, "count": {"type": "integer"}},
    "required": ["to"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "missing to"),
        ({"to": 5}, "must be string"),
        ({"to": SECRET, SECRET: 1}, "additionalProperties"),
        ({"to": SECRET * 9}, "must be 30"),
        ({"to": SECRET, "count": SECRET}, "must be integer"),
        ({"to": nested(10_000)}, "levels"),
        ({"to": b"x"}, "bytes"),
    ],
    ids=range(7),
)
async def test_wrong_arguments_are_named_without_their_values(arguments, says):
    async def run(arguments: Any) -> Any:
        raise AssertionError

    failed = await failure(build(run, SCHEMA), arguments)
    assert failed.kind is FailureKind.INVALID_ARGUMENTS
    assert says in failed.detail
    assert SECRET not in failed.detail


async def test_a_recursive_schema_is_applied():
    schema = {
        "type": "object",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "properties": {"root": {"$ref": "#/$defs/node"}},
    }

    async def run(arguments: Any) -> Any:
        return "ok"

    assert isinstance(await run_tool(build(run, schema), {"root": {"next": {}}}, LIMITS), Succeeded)
    assert (await failure(build(run, schema), {"root": {"next": 3}})).kind is FailureKind.INVALID_ARGUMENTS

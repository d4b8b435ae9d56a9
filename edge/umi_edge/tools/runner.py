"""The runner: one tool call, under limits, that ends in an `Outcome` and never in an exception."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from umi_edge.tools.json_type import JSON
from umi_edge.tools.json_value import plain_json
from umi_edge.tools.outcome import Failed, FailureKind, Outcome, Partial, Succeeded, ToolFailure
from umi_edge.tools.record import Sourced
from umi_edge.tools.running_call import CallHost, Nobody, begin_call
from umi_edge.tools.tool import Tool
from umi_edge.tools.worker import in_worker

__all__ = ["Failed", "FailureKind", "Outcome", "RunLimits", "Succeeded", "ToolFailure", "fits", "run_tool"]

DETAIL_CHARACTERS = 2000
"""How many characters of a failure's text are kept; the rest is cut off."""
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What one call may cost. The size limits hold for its arguments too."""

    call_seconds: float = 30
    result_bytes: int = 1 << 20
    """The size limit of a result as compact JSON, give or take a few bytes for each value in it."""
    result_depth: int = 64
    """How deep objects and arrays may be nested."""
    result_leaves: int = 20_000


async def run_tool(
    tool: Tool, arguments: Mapping[str, JSON], limits: RunLimits, host: CallHost | None = None
) -> Outcome:
    """Run `tool` once and say how that ended. It may turn to `host` meanwhile, to ask the user something.

    Covered: wrong arguments, a tool that raises, hangs, exits, ignores its cancellation, or returns
    something too large, too deep or not JSON. Only `CancelledError` is raised, after the tool has
    been cancelled too. Nothing is logged.
    Not covered: a tool that blocks the event loop.
    """
    started = time.monotonic()
    try:
        checked = _checked_arguments(tool, arguments, limits)
        result = await _awaited(tool, checked, limits, host or Nobody())
        records = tuple(result.records) if isinstance(result, Sourced) else None
        known = result.value if isinstance(result, Sourced) else result
        given = known.value if isinstance(known, Partial) else known
        value = await in_worker(partial(_plain, given, limits))  # of thousands of contacts it takes a while
    except ToolFailure as failure:
        return Failed(failure.kind, failure.detail[:DETAIL_CHARACTERS], time.monotonic() - started)
    lost = tuple(known.lost) if isinstance(known, Partial) else ()
    return Succeeded(value, time.monotonic() - started, lost, records)


def fits(tool: Tool, arguments: Mapping[str, JSON], limits: RunLimits) -> bool:
    """Whether `run_tool` would run the tool with these arguments; else the call fails before it."""
    try:
        _checked_arguments(tool, arguments, limits)
    except ToolFailure:
        return False
    return True


def _plain(value: object, limits: RunLimits) -> JSON:
    try:
        return plain_json(
            value,
            max_bytes=limits.result_bytes,
            max_depth=limits.result_depth,
            max_leaves=limits.result_leaves,
        )
    except ToolFailure:
        raise
    except Exception as error:  # an object of the tool's that misbehaves when it is read
        raise ToolFailure(FailureKind.NOT_JSON, _described(error)) from None


def _checked_arguments(tool: Tool, arguments: Mapping[str, JSON], limits: RunLimits) -> dict[str, JSON]:
    """A copy of the arguments that fits the tool's schema; the failure's detail holds no value."""
    try:
        checked = _plain(dict(arguments), limits)
    except ToolFailure as failure:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, failure.detail) from None
    except Exception as error:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, type(error).__name__) from None
    problems = tool.check.problems(checked)
    if problems:
        # In the schema's own words: an argument's key may be private too.
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "; ".join(problem.rule for problem in problems))
    return dict(checked)


async def _awaited(tool: Tool, arguments: dict[str, JSON], limits: RunLimits, host: CallHost) -> object:
    call = begin_call(host, limits.call_seconds)
    task = asyncio.ensure_future(_guarded(tool, arguments))
    # Without this, an abandoned task's exception would be logged, private text included.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    in_time = False
    try:
        in_time = await call.wait_for(task)
    finally:
        call.end()
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_STOP_SECONDS)  # then it is left to itself
    if not in_time:
        raise ToolFailure(FailureKind.TIMEOUT, f"no result within {limits.call_seconds:g} s")
    if task.cancelled():
        raise ToolFailure(FailureKind.ERROR, "the tool cancelled itself")
    return task.result()


async def _guarded(tool: Tool, arguments: dict[str, JSON]) -> object:
    """Run the tool, with every exception but cancellation turned into a `ToolFailure`."""
    try:
        return await tool.run(arguments)
    except ToolFailure:
        raise
    except TimeoutError as error:
        raise ToolFailure(FailureKind.TIMEOUT, _described(error)) from None
    except Exception as error:
        raise ToolFailure(FailureKind.ERROR, _described(error)) from None
    except SystemExit:
        # In a task it would end the whole program.
        raise ToolFailure(FailureKind.ERROR, "the tool called sys.exit()") from None


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be read)"
    return f"{type(error).__name__}: {text}"

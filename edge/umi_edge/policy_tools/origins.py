"""Origins: where a value came from in a recorded session, and where it went; by type and handle, never by content."""

from collections.abc import Iterable
from dataclasses import dataclass

from umi_edge.policy.paths import path_of
from umi_edge.policy_tools.recorded import (
    RecordedCall,
    RecordedHandle,
    RecordedInstruction,
    RecordedLeaf,
    RecordedResult,
    RecordedSession,
)
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import Label

__all__ = ["Origin", "Use", "handle_named", "origin_of", "session_of", "uses_of"]

_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one value came from, and where what it was made with came from."""

    handle: Handle
    kind: str
    """`instruction`, `result`, `error` (a tool's words), `written` (by the caller, in an argument), or `unknown`."""
    step: int
    """The number of the step in the recording; 0 for the unknown."""
    tool: str = ""
    path: str = ""
    location: tuple[str | int, ...] = ()
    rule_id: str = ""
    label: Label = Label()  # noqa: RUF009  # frozen
    given: "tuple[Given, ...]" = ()
    """What the call whose result it is was given."""


@dataclass(frozen=True, slots=True)
class Given:
    """One argument of a call: the handles in it, with their own origins."""

    path: str
    origins: tuple[Origin, ...]
    written: bool
    """Whether the caller wrote text there itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A call that was given the value."""

    step: int
    tool: str
    path: str
    verdict: str
    reasons: tuple[str, ...]


def handle_named(text: str) -> Handle:
    """The handle that a text names, with or without its brackets. Raises `ConfigError`.

    >>> handle_named("email:1")
    Handle('email', 1)
    """
    parts = parts_of(f"<{text.strip().removeprefix('<').removesuffix('>')}>")
    if len(parts) != 1 or not isinstance(parts[0], Handle):
        raise ConfigError(f"`{text[:80]}` is not a handle", fix="write it as '<email:1>'")
    return parts[0]


def session_of(sessions: Iterable[RecordedSession], handle: Handle) -> RecordedSession:
    """The last session that has the handle. Raises `ConfigError`."""
    for session in reversed(tuple(sessions)):
        if origin_of(session, handle).kind != "unknown" or uses_of(session, handle):
            return session
    raise ConfigError(
        f"no recorded session there has {handle}", fix="see the plans in the recording for those there are"
    )


def origin_of(session: RecordedSession, handle: Handle) -> Origin:
    """The chain of origins of a handle: its own, and those of what went into the call that gave it."""
    return _origin(session, handle, frozenset())


def uses_of(session: RecordedSession, handle: Handle) -> tuple[Use, ...]:
    """Every call whose arguments held the handle."""
    return tuple(
        Use(step=number, tool=step.tool, path=path_of(leaf.path), verdict=step.verdict, reasons=step.reasons)
        for number, step in enumerate(session.steps, start=1)
        if isinstance(step, RecordedCall)
        for leaf in step.leaves
        if any(known.handle == handle and not known.written for known in leaf.handles)
    )


def _origin(session: RecordedSession, handle: Handle, seen: frozenset[Handle]) -> Origin:
    call: RecordedCall | None = None
    for number, step in enumerate(session.steps, start=1):
        if isinstance(step, RecordedCall):
            call = step
        if not isinstance(step, RecordedInstruction | RecordedCall | RecordedResult):
            continue
        found = _first(step.leaves, handle)
        if found is None or (isinstance(step, RecordedCall) and not found[1].written):
            continue
        leaf, known = found
        kind = {RecordedInstruction: "instruction", RecordedCall: "written"}.get(type(step), "result")
        if isinstance(step, RecordedResult) and step.failure:
            kind = "error"
        deeper = isinstance(step, RecordedResult) and call is not None and len(seen) < _MAX_DEPTH
        return Origin(
            handle=handle,
            kind=kind,
            step=number,
            tool="" if isinstance(step, RecordedInstruction) else step.tool,
            path=path_of(leaf.path),
            location=leaf.path,
            rule_id=known.rule_id,
            label=known.label,
            given=_given(session, call, seen | {handle}) if deeper and call is not None else (),
        )
    return Origin(handle=handle, kind="unknown", step=0)


def _given(session: RecordedSession, call: RecordedCall, seen: frozenset[Handle]) -> tuple[Given, ...]:
    return tuple(
        Given(
            path_of(leaf.path),
            tuple(
                _origin(session, known.handle, seen)
                for known in leaf.handles
                if known.handle not in seen and not known.written
            ),
            bool(leaf.clear) or any(known.written for known in leaf.handles),
        )
        for leaf in call.leaves
    )


def _first(leaves: tuple[RecordedLeaf, ...], handle: Handle) -> tuple[RecordedLeaf, RecordedHandle] | None:
    for leaf in leaves:
        for known in leaf.handles:
            if known.handle == handle:
                return leaf, known
    return None

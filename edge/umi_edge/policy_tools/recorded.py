"""Recorded sessions, read back under limits: what `umi_edge.session.recording` writes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_edge.policy import Location
from umi_edge.policy.stored_as import StoredAs, stored_as
from umi_edge.session.recording import FORMAT
from umi_edge.tools import Hints
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle, parts_of
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Locality, Sink

__all__ = [
    "RecordedCall",
    "RecordedEnd",
    "RecordedHandle",
    "RecordedInstruction",
    "RecordedLeaf",
    "RecordedPlan",
    "RecordedResult",
    "RecordedSession",
    "RecordedStep",
    "read_recordings",
]

_MAX_FILE_BYTES = 256 << 20
_MAX_FILES = 10_000
_MAX_PATH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHandle:
    """A handle where it stood, and what was known of its value."""

    handle: Handle
    locality: Locality = Locality.HANDLE
    integrity: Integrity = Integrity.UNTRUSTED
    rule_id: str = ""
    """The rule that kept the value; empty where the handle was only used."""
    written: bool = False
    """Whether a caller wrote the value itself, and a rule kept it from the cloud."""
    at_most: int | None = None
    """A bound of the value's bytes, where sizes were recorded."""

    @property
    def label(self) -> Label:
        """The label that the value had."""
        return Label.at(self.locality, self.integrity)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLeaf:
    """A leaf as the planner and the summarizer saw it."""

    path: Location
    """A name that no rule spells is the text of its handle, such as `<key:1>`."""
    clear: Mapping[Sink, int] = field(default_factory=dict)
    """Bytes that each sink saw in clear."""
    handles: tuple[RecordedHandle, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class RecordedInstruction:
    """What the user asked for."""

    leaves: tuple[RecordedLeaf, ...]


@dataclass(frozen=True, slots=True)
class RecordedPlan:
    """A decision of the planner."""

    next: str
    tool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A call, and what was said of it."""

    tool: str
    source: str = ""
    hints: Hints = field(default_factory=Hints)
    stored_as: StoredAs = ()
    """Where the tool itself says that its arguments are read back; of a built-in tool that is known anyway."""
    leaves: tuple[RecordedLeaf, ...] = ()
    whole: bool = False
    """Its caller saw values, so nothing else was recorded of it."""
    verdict: str = ""
    """`allowed`, `asked`, `denied`, or a word for a call that was not made."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedResult:
    """What came of a call."""

    tool: str
    leaves: tuple[RecordedLeaf, ...] = ()
    failure: str = ""
    names: frozenset[str] = frozenset()
    """The member names that the session's policy spelt; a name that was recorded as a handle is not among them."""


@dataclass(frozen=True, slots=True)
class RecordedEnd:
    """How the session, or one instruction of it, ended."""

    ending: str


RecordedStep = RecordedInstruction | RecordedPlan | RecordedCall | RecordedResult | RecordedEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSession:
    """One session, in order."""

    file: str
    line: int
    policy: str
    steps: tuple[RecordedStep, ...]


def read_recordings(target: Path) -> tuple[RecordedSession, ...]:
    """The sessions in a file, or in all `.jsonl` files of a folder.

    Raises `ConfigError` with file and line for anything that is not a recording. A line that a crash cut short
    ends its session.
    """
    files = sorted(target.glob("*.jsonl"))[:_MAX_FILES] if target.is_dir() else [target]
    sessions = tuple(session for file in files for session in _sessions(file))
    if not sessions:
        raise ConfigError(
            f"there is no recorded session in {target}", fix="set `record` in the configuration"
        )
    return sessions


def _sessions(file: Path) -> Iterator[RecordedSession]:
    steps: list[RecordedStep] = []
    start: tuple[int, str] | None = None
    for number, record in _records(file):
        try:
            if record["kind"] == "session":
                if record["umi_recording"] != FORMAT:
                    raise ConfigError(
                        f"{file}:{number}: another format of recording", fix="use its version of umi"
                    )
                if start is not None:
                    yield _session(file, start, steps)
                start, steps = (number, str(record["policy"])), []
            elif start is None:
                raise KeyError("session")
            else:
                _add(steps, record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{file}:{number}: this is not a line of a recording", fix="take it out"
            ) from error
    if start is not None:
        yield _session(file, start, steps)


def _session(file: Path, start: tuple[int, str], steps: list[RecordedStep]) -> RecordedSession:
    return RecordedSession(file=file.name, line=start[0], policy=start[1], steps=tuple(steps))


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror or error}", fix="check the path"
        ) from error
    if len(content) > _MAX_FILE_BYTES:
        raise ConfigError(f"{file} is larger than {_MAX_FILE_BYTES >> 20} MiB", fix="replay a part of it")
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                return  # cut short by a crash
            raise ConfigError(
                f"{file}:{number}: this is not a line of a recording", fix="take it out"
            ) from error
        yield number, record


def _add(steps: list[RecordedStep], record: Mapping[str, Any]) -> None:
    leaves = tuple(map(_leaf, record.get("leaves", ())))
    match record["kind"]:
        case "instruction":
            steps.append(RecordedInstruction(leaves))
        case "plan":
            steps.append(RecordedPlan(str(record["next"]), str(record["tool"])))
        case "call":
            said = {str(name): True for name in record.get("hints", ())}
            known = {name: flag for name, flag in said.items() if name in Hints.__dataclass_fields__}
            steps.append(
                RecordedCall(
                    tool=str(record["tool"]),
                    source=str(record.get("source", "")),
                    hints=Hints(**known),
                    stored_as=stored_as(record.get("stored_as", {})),
                    leaves=leaves,
                    whole=record.get("whole") is True,
                )
            )
        case "verdict":
            _judge(steps, record)
        case "result":
            steps.append(
                RecordedResult(
                    tool=str(record["tool"]),
                    leaves=leaves,
                    failure=str(record.get("failure", "")),
                    names=frozenset(map(str, record.get("names", ()))),
                )
            )
        case "end":
            steps.append(RecordedEnd(str(record["ending"])))


def _judge(steps: list[RecordedStep], record: Mapping[str, Any]) -> None:
    """Add a verdict to its call; one without a call is of a call that could not be written."""
    verdict, reasons = str(record["verdict"]), tuple(map(str, record.get("reasons", ())))
    last = steps[-1] if steps else None
    if isinstance(last, RecordedCall) and not last.verdict and last.tool == record["tool"]:
        steps[-1] = RecordedCall(
            tool=last.tool,
            source=last.source,
            hints=last.hints,
            stored_as=last.stored_as,
            leaves=last.leaves,
            verdict=verdict,
            reasons=reasons,
        )


def _leaf(record: Mapping[str, Any]) -> RecordedLeaf:
    path = tuple(key if isinstance(key, int) else str(key) for key in record["path"])
    if len(path) > _MAX_PATH:
        raise ValueError("too deep")
    clear = record.get("clear", {})
    return RecordedLeaf(
        path=path,
        clear={sink: int(clear[sink]) for sink in (PLANNER, SUMMARIZER) if sink in clear},
        handles=tuple(map(_handle, record.get("handles", ()))),
        hidden=record.get("hidden") is True,
    )


def _handle(record: Mapping[str, Any]) -> RecordedHandle:
    (handle,) = parts_of(record["handle"])
    if not isinstance(handle, Handle):
        raise ValueError("no handle")
    return RecordedHandle(
        handle=handle,
        locality=Locality(record.get("locality", "handle")),
        integrity=Integrity(record.get("integrity", "untrusted")),
        rule_id=str(record.get("rule", "")),
        written=record.get("written") is True,
        at_most=int(record["at_most"]) if "at_most" in record else None,
    )

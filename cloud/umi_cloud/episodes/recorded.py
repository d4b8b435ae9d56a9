"""umi's own recorded sessions (`record` of a laptop's configuration) as episodes, as far as a recording allows.

A recording holds no text, only the number of clear words and the handles of values. So `…` stands for words, plans
have none, a tool's card has the arguments that were seen in its calls, and an answer is `…`. Such an
episode shows which tools were used in which order and which handles went where; it serves to count and to compare
tools and handles, and not to train what is said. Raises `ValueError` for a line that no recording has.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from umi_cloud.episodes.episode import Episode
from umi_shared.dialects.alpha_umi import Turn
from umi_shared.handles import Text, parts_of
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan, ToolCard

__all__ = ["LICENCE", "SOURCE", "is_recording", "recorded_episodes"]

SOURCE = "umi-recording"
LICENCE = "LicenseRef-private"
"""A recording belongs to its user; nobody else may use it."""
_FORMAT = 1
_WORDS = "…"
_FAILED = ("denied", "declined", "invalid-call", "unknown-handle")


def is_recording(line: str) -> bool:
    """Whether a file's first line begins a recording."""
    try:
        return "umi_recording" in json.loads(line)
    except (ValueError, TypeError):
        return False


def recorded_episodes(lines: Iterable[str]) -> Iterator[Episode]:
    """The sessions of a recording, in order, without those that ended before anything was asked.

    Raises `ValueError` when a record is malformed, or of another version of umi.
    """
    session: list[Mapping[str, Any]] = []
    for line in lines:
        record = json.loads(line)
        if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
            raise ValueError("a record has no kind")
        if record["kind"] == "session":
            if record.get("umi_recording") != _FORMAT:
                raise ValueError("the recording was written by another version of umi")
            yield from _episode(session)
            session = []
        else:
            session.append(record)
    yield from _episode(session)


def _episode(records: list[Mapping[str, Any]]) -> Iterator[Episode]:
    turns = tuple(turn for record in records for turn in _turns(record))
    if turns and isinstance(turns[0], Instruction):
        yield Episode(catalogue=_catalogue(records), turns=turns, source=SOURCE, licence=LICENCE)


def _turns(record: Mapping[str, Any]) -> Iterator[Turn]:
    match record["kind"]:
        case "instruction":
            yield Instruction(_text(_leaf(leaf) for leaf in record["leaves"]))
        case "plan":
            named = [parts_of(handle)[0] for handle in record["handles"]]
            yield Plan((_WORDS, *named) if named else (_WORDS,), Next(record["next"]), record["tool"])
        case "call" if record.get("whole"):
            yield Call(record["tool"], ("{}",))
        case "call":
            yield Call(record["tool"], _json(record["leaves"]))
        case "verdict" if record["verdict"] in _FAILED:
            yield Observation(record["tool"], (), record["verdict"])
        case "result":
            yield Observation(record["tool"], _json(record["leaves"]), record.get("failure", ""))
        case "end" if record["ending"] == "answered":
            yield Answer((_WORDS,))


def _catalogue(records: Iterable[Mapping[str, Any]]) -> tuple[ToolCard, ...]:
    """The tools that were called, with the arguments that they were called with."""
    arguments: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["kind"] == "call":
            seen = arguments.setdefault(record["tool"], {})
            seen |= {str(leaf["path"][0]): {} for leaf in record.get("leaves", ()) if leaf["path"]}
    return tuple(
        ToolCard(name=tool, description=(), input_schema={"type": "object", "properties": seen})
        for tool, seen in arguments.items()
    )


def _leaf(leaf: Mapping[str, Any]) -> str:
    """A leaf as the cloud saw it: its handles, and a mark where there were words."""
    if leaf.get("hidden"):
        return "[hidden]"
    handles = [handle["handle"] for handle in leaf.get("handles", ())]
    return " ".join([*([_WORDS] if leaf.get("clear") or not handles else []), *handles])


def _text(pieces: Iterable[str]) -> Text:
    return parts_of(" ".join(pieces))


def _json(leaves: Iterable[Mapping[str, Any]]) -> Text:
    """The value that leaves make, as compact JSON."""
    value = _value([(tuple(leaf["path"]), _leaf(leaf)) for leaf in leaves])
    return parts_of(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _value(leaves: list[tuple[tuple[str | int, ...], str]]) -> Any:
    """The JSON value whose leaves have these paths; the items of a list keep their order, without gaps."""
    if not leaves:
        return {}
    if not leaves[0][0]:
        return leaves[0][1]
    branches: dict[str | int, list[tuple[tuple[str | int, ...], str]]] = {}
    for path, text in leaves:
        branches.setdefault(path[0], []).append((path[1:], text))
    if all(isinstance(step, int) for step in branches):
        return [_value(branches[step]) for step in sorted(branches)]
    return {str(step): _value(branch) for step, branch in branches.items()}

"""An episode as one line of JSON, and back."""

import json
from collections.abc import Mapping
from typing import Any

from umi_cloud.episodes.episode import Episode
from umi_shared.dialects.alpha_umi import Remark, Turn
from umi_shared.handles import parts_of, render
from umi_shared.transcript import Answer, Call, Clock, Instruction, Next, Observation, Plan, ToolCard

__all__ = ["episode_row", "read_episode_row"]


def episode_row(episode: Episode) -> str:
    """One line of JSON, without its newline; text holds handles as the models read them: `<email:1>`."""
    return json.dumps(
        {
            "source": episode.source,
            "licence": episode.licence,
            "catalogue": [_card_row(card) for card in episode.catalogue],
            "turns": [
                _turn_row(turn) | ({"written": render(episode.written[i])} if i in episode.written else {})
                for i, turn in enumerate(episode.turns)
            ],
        },
        ensure_ascii=False,
    )


def read_episode_row(line: str) -> Episode:
    """The episode of one line; raises `ValueError` when it does not hold one."""
    row = _object(json.loads(line))
    turns = [_object(turn) for turn in _list(row, "turns")]
    return Episode(
        catalogue=tuple(_card(_object(card)) for card in _list(row, "catalogue")),
        turns=tuple(map(_turn, turns)),
        written={i: parts_of(_text(turn, "written")) for i, turn in enumerate(turns) if "written" in turn},
        source=_text(row, "source"),
        licence=_text(row, "licence"),
    )


def _card_row(card: ToolCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "description": render(card.description),
        "input_schema": dict(card.input_schema),
    }


def _card(row: Mapping[str, Any]) -> ToolCard:
    return ToolCard(
        name=_text(row, "name"),
        description=parts_of(_text(row, "description")),
        input_schema=_object(row.get("input_schema")),
    )


def _turn_row(turn: Turn) -> dict[str, str]:
    match turn:
        case Clock(text):
            return {"turn": "clock", "text": render(text)}
        case Instruction(text):
            return {"turn": "instruction", "text": render(text)}
        case Plan():
            return {"turn": "plan", "text": render(turn.rationale), "next": turn.next, "tool": turn.tool}
        case Call():
            return {"turn": "call", "tool": turn.tool, "arguments": render(turn.arguments)}
        case Observation():
            content = {"turn": "observation", "tool": turn.tool, "text": render(turn.content)}
            return content | ({"failure": turn.failure} if turn.failure else {})
        case Answer(text):
            return {"turn": "answer", "text": render(text)}
        case Remark(text):
            return {"turn": "remark", "text": render(text)}


def _turn(row: Mapping[str, Any]) -> Turn:
    match kind := _text(row, "turn"):
        case "clock":
            return Clock(parts_of(_text(row, "text")))
        case "instruction":
            return Instruction(parts_of(_text(row, "text")))
        case "plan":
            return Plan(parts_of(_text(row, "text")), Next(_text(row, "next")), _text(row, "tool", ""))
        case "call":
            return Call(_text(row, "tool"), parts_of(_text(row, "arguments")))
        case "observation":
            content = parts_of(_text(row, "text"))
            return Observation(_text(row, "tool"), content, _text(row, "failure", ""))
        case "answer":
            return Answer(parts_of(_text(row, "text")))
        case "remark":
            return Remark(parts_of(_text(row, "text")))
        case _:
            raise ValueError(f"no turn is called {kind!r}")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a JSON object is missing")  # one family of errors for a bad row
    return value


def _list(row: Mapping[str, Any], key: str) -> list[Any]:
    value = row.get(key)
    if not isinstance(value, list):
        raise ValueError(f"the list {key!r} is missing")
    return value


def _text(row: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"the text {key!r} is missing")
    return value

"""ToolAlpaca's evaluation files (tangqiaoyu/ToolAlpaca, Apache-2.0): simulated APIs, requests and golden calls.

The files hold no thoughts, results or answers, and none are made up: each golden call follows an empty plan, and
nothing follows it. So only the first call of a request can be asked for; what a later one depends on is
written in it as `${animeId from searchAnime}`, and such arguments are not JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from umi_cloud.episodes.episode import Episode
from umi_shared.dialects.alpha_umi import Turn
from umi_shared.handles import Text, escape, parts_of
from umi_shared.transcript import Call, Instruction, Next, Plan, ToolCard

__all__ = ["LICENCE", "SOURCE", "toolalpaca_episodes"]

SOURCE = "toolalpaca"
LICENCE = "Apache-2.0"

_PARAMETERS = re.compile(r"^Parameters: (\{.*\})$", re.MULTILINE)
_TYPE = re.compile(
    r"(?:(Required)\. )?(string|integer|number|boolean|object|array)\b[^.]*\.?\s*", re.IGNORECASE
)
_CHOICE = re.compile(r"One of: \[([^\]]+)\]\.?\s*")


def toolalpaca_episodes(row: Mapping[str, Any]) -> Iterator[Episode]:
    """The episodes of one API, one for each request.

    Raises `ValueError`, `KeyError` or `TypeError` when the row has another shape.
    """
    described = row["Function_Description"]
    catalogue = tuple(tool_card(name, described[name]) for name in row["Function_Projection"])
    for instruction, golden in zip(row["Instructions"], row["Golden_Answers"], strict=True):
        calls = [turn for answer in golden for turn in _call(answer)]
        yield Episode(
            catalogue=catalogue,
            turns=(Instruction(_clear(instruction)), *calls),
            source=SOURCE,
            licence=LICENCE,
        )


def tool_card(name: str, text: str) -> ToolCard:
    r"""A tool from its description for models.

    >>> card = tool_card("f", 'Finds.\nParameters: {"q": "Required. string. One of: [a, b]. What."}\nOutput: it')
    >>> card.input_schema["properties"]
    {'q': {'type': 'string', 'enum': ['a', 'b'], 'description': 'What.'}}
    >>> card.input_schema["required"]
    ['q']
    """
    found = _PARAMETERS.search(text)
    parameters: dict[str, str] = json.loads(found[1]) if found else {}
    required = [argument for argument, said in parameters.items() if said.startswith("Required.")]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {argument: _property(said) for argument, said in parameters.items()},
    }
    if required:
        schema["required"] = required
    return ToolCard(name=name, description=_clear(text.partition("\n")[0]), input_schema=schema)


def _property(text: str) -> dict[str, Any]:
    """A parameter's schema, from words such as `Required. string. One of: [a, b]. What it is.`."""
    schema: dict[str, Any] = {}
    if kind := _TYPE.match(text):
        schema["type"] = kind[2].lower()
        text = text[kind.end() :]
    if choice := _CHOICE.search(text):
        schema["enum"] = [one.strip() for one in choice[1].split(",")]
        text = text[: choice.start()] + text[choice.end() :]
    if description := text.strip():
        schema["description"] = description
    return schema


def _call(answer: Mapping[str, str]) -> tuple[Turn, Turn]:
    return Plan((), Next.CALLER), Call(answer["Action"], _clear(answer["Action_Input"]))


def _clear(text: str) -> Text:
    """Text from strangers, with anything that looks like a handle escaped."""
    return parts_of(escape(text))

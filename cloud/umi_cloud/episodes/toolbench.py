"""α-UMi's raw ToolBench files (X-PLUG/Multi-LLM-Agent), stage 1 and stage 2, as episodes.

Stage 1 holds `chains`: ToolBench's own messages. Stage 2 holds `conversations`: the same after the paper's split
into user, assistant, caller, observation and conclusion turns. Both give the same episodes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from umi_cloud.episodes.episode import Episode
from umi_shared.dialects.alpha_umi import Remark, Turn
from umi_shared.handles import Text, escape, parts_of
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan, ToolCard

__all__ = ["LICENCE", "SOURCE", "toolbench_episode"]

SOURCE = "toolbench"
LICENCE = "Apache-2.0"

_PLAN = re.compile(r"(.*) Next: (caller|conclusion|give up)\.", re.DOTALL)
_CALL = re.compile(r"Action: (.*?)\nAction Input: (.*)", re.DOTALL)
_NEXT = {"caller": Next.CALLER, "conclusion": Next.SUMMARIZER, "give up": Next.GIVE_UP}
_GIVE_UP = "give_up_and_restart"
_ANSWER_FIELD = '"final_answer": '
_RESPONSE_FIELD = '"response":'
_NO_ANSWER = "none"  # the paper's word for a conclusion that was never written


def toolbench_episode(row: Mapping[str, Any]) -> Episode:
    """The episode of one row of a stage 1 or stage 2 file.

    Raises `ValueError`, `KeyError` or `TypeError` when the row has another shape.
    """
    conversation = (
        row["conversations"] if "conversations" in row else split_chains(row["instruction"], row["chains"])
    )
    return Episode(
        catalogue=tuple(tool_card(tool) for tool in row["tools"]),
        turns=tuple(_turns(conversation)),
        source=SOURCE,
        licence=LICENCE,
    )


def tool_card(tool: Mapping[str, Any]) -> ToolCard:
    """A tool from the paper's description; the dialect writes the same bytes back.

    >>> tool_card({"Name": "f", "function": "Finds.", "input": {"q": "string, what to find"}}).input_schema
    {'type': 'object', 'properties': {'q': {'type': 'string', 'description': 'what to find'}}}
    """
    properties = {name: _property(text) for name, text in tool["input"].items()}
    return ToolCard(
        name=tool["Name"],
        description=_clear(tool["function"]),
        input_schema={"type": "object", "properties": properties},
    )


def _property(text: str) -> dict[str, str]:
    type_, comma, description = text.partition(", ")
    if type_ not in ("string", "integer", "number", "boolean", "object", "array"):
        return {"description": text}
    return {"type": type_} | ({"description": description} if comma else {})


def _turns(conversation: Iterable[Mapping[str, Any]]) -> Iterable[Turn]:
    tool = ""
    for turn in conversation:
        value = turn["value"] if isinstance(turn["value"], str) else json.dumps(turn["value"])
        match turn["from"]:
            case "user":
                yield Instruction(_clear(value))
            case "assistant":
                plan = _PLAN.fullmatch(value)
                yield Plan(_clear(plan[1]), _NEXT[plan[2]]) if plan else Remark(_clear(value))
            case "caller":
                call = _CALL.fullmatch(value)
                if call is None:
                    raise ValueError("a caller's turn holds no action")
                tool = call[1]
                yield Call(tool, _clear(call[2]))
            case "observation":
                yield Observation(tool, _clear(value))
            case "conclusion":
                yield Answer(_clear(value))
            case other:
                raise ValueError(f"no turn is from {other!r}")


def _clear(text: str) -> Text:
    """Text from strangers, with anything that looks like a handle escaped."""
    return parts_of(escape(text))


def split_chains(instruction: str, chains: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """ToolBench's messages as the paper's turns (its second preprocessing step)."""
    turns: list[dict[str, Any]] = [{"from": "user", "value": instruction}]
    for message in list(chains)[2:]:  # the system's message, and the instruction again
        match message["role"]:
            case "assistant" if "function_call" in message:
                turns += _decided(message)
            case "user":
                turns.append({"from": "user", "value": message["content"]})
            case "function":
                turns.append({"from": "observation", "value": _response(message["content"])})
            case _:
                pass  # the paper drops assistants' messages without a call
    return turns


def _decided(message: Mapping[str, Any]) -> list[dict[str, str]]:
    content, call = message["content"], message["function_call"]
    thought = "" if content is None else f"{content}\n"
    if call["name"] != "Finish":
        action = f"Action: {call['name']}\nAction Input: {call['arguments']}"
        return [
            {"from": "assistant", "value": f"{thought} Next: caller."},
            {"from": "caller", "value": action},
        ]
    answer = _final_answer(call["arguments"], content)
    if answer is None:
        return [{"from": "assistant", "value": f"{thought} Next: give up."}]
    return [
        {"from": "assistant", "value": f"{thought} Next: conclusion."},
        {"from": "conclusion", "value": answer},
    ]


def _final_answer(arguments: Any, content: str | None) -> str | None:
    """The answer in the arguments of `Finish`, which are often broken JSON; None for a give-up."""
    try:
        parsed = arguments if isinstance(arguments, dict) else json.loads(arguments)
        if parsed["return_type"] == _GIVE_UP:
            return None
        answer: str = parsed.get("final_answer", _NO_ANSWER)
    except (ValueError, KeyError, TypeError):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        if _GIVE_UP in text:
            return None
        _, found, rest = text.partition(_ANSWER_FIELD)
        if not found:
            return _NO_ANSWER if content is None else content
        return rest.strip().strip("}").strip('"')
    return answer


def _response(content: str) -> Any:
    """The tool's own response inside RapidAPI's envelope, which is often cut off in the middle."""
    try:
        return json.loads(content)["response"]
    except ValueError:
        return content.partition(_RESPONSE_FIELD)[2]
    except (KeyError, TypeError):
        return ""

"""One step of an agent, read out of the text that α-UMi's scorer compares."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["NO_ACTION", "NO_ANSWER", "Step", "read_step"]

NO_ACTION = NO_ANSWER = "none"
"""The scorer's word for a missing action or answer."""

_END = "</s>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The step that a text decides on; fields that its plan does not use keep their defaults."""

    plan: Literal["call", "finish", "give up"]
    action: str = NO_ACTION
    arguments: str = field(default="{}", repr=False)
    """JSON text as the model wrote it, which may not parse."""
    answer: str = field(default=NO_ANSWER, repr=False)


def read_step(text: str) -> Step:
    r"""The step of a text, by the scorer's rules; text without a decision counts as a call.

    >>> read_step("assistant: I look. Next: caller.</s>caller: Action: weather\nAction Input: {}</s>")
    Step(plan='call', action='weather')
    >>> read_step("assistant: I know. Next: conclusion.</s>conclusion: Rain.</s>").answer
    'Rain.'
    """
    if "Next: give up" in text:
        return Step(plan="give up")
    if "Next: conclusion" in text:
        answer = text.rpartition("conclusion: ")[2] if "conclusion:" in text else text
        return Step(plan="finish", answer=answer.replace(_END, ""))
    # The paper's scorer stops where the planner's turn has no end; a step without a second turn has no action.
    turn = text.partition(_END)[2].partition(_END)[0]
    arguments = turn.rpartition("Action Input:")[2].strip() if "Action Input:" in turn else "{}"
    if "Action:" not in turn:
        return Step(plan="call", arguments=arguments)
    action = turn.rpartition("Action:")[2].strip().partition("Action Input:")[0].strip()
    return Step(plan="call", action=action, arguments=arguments)

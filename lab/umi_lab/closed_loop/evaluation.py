"""The evaluation: scenarios that training never saw, played by the oracle and by the models, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from umi_edge.session.events import Ending, Planned
from umi_lab.closed_loop.home_state import Item
from umi_lab.closed_loop.judgement import Verdict, judge, text_of
from umi_lab.synthesis.generator import OracleAgent
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.rollout import Agent, Rollout, roll_out
from umi_lab.synthesis.scenario import Scenario
from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.transcript import Call, Plan, Usage

__all__ = ["ModelAgent", "Outcome", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the models played one scenario, beside how the oracle did."""

    family: str
    own_names: bool
    broken: bool
    verdict: Verdict
    steps: int
    invalid_calls: int
    """Calls that could not be read, or that their tool's schema or the vault did not admit."""
    tools: tuple[str, ...]
    """The tools that were called, in order."""
    oracle_tools: tuple[str, ...]
    tokens: dict[str, Usage]
    """What each role read and wrote."""
    bytes_out: int
    """Bytes of the messages to the planner and the summarizer, with their padding."""
    messages_out: int
    kept: int
    """How many values the vault held back."""
    seconds: float
    """The wall time of the whole session; it says something on a quiet machine only."""
    transcript: dict[str, Any] = field(default_factory=dict, repr=False)
    """The instruction, what each side wrote: synthetic data, kept for looking at failures."""

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        judged = ("success", "false_claim", "wrong_end", "wrongly_gave_up")
        return {**asdict(self), **{word: getattr(self.verdict, word) for word in judged}}


class ModelAgent(Agent, Protocol):
    """An agent of models, for one session, whose plans are kept."""

    @property
    def plans(self) -> Sequence[Planned]:
        """What the planner decided, in order."""
        ...


async def play(scenario: Scenario, models: ModelAgent, *, in_clear: bool = False) -> Outcome | None:
    """Let the oracle and the models play a scenario, each on its own copy of the home; None where the oracle cannot.

    With `in_clear` the models play under a policy that keeps nothing. The oracle, by which they are judged, never does.
    """
    oracle = Oracle(scenario)
    try:
        wanted = await roll_out(scenario, OracleAgent(oracle))
    except UnseenError:
        return None
    played = await roll_out(replace(scenario, in_clear=in_clear), models)
    return _outcome(scenario, oracle, wanted, models.plans, played)


def _outcome(
    scenario: Scenario, oracle: Oracle, wanted: Rollout, plans: Sequence[Planned], played: Rollout
) -> Outcome:
    assert not isinstance(wanted.ending, UmiError)  # noqa: S101  # the oracle makes no mistakes
    totals = played.totals
    return Outcome(
        family=scenario.family,
        own_names=scenario.toolset.own_names,
        broken=bool(scenario.broken),
        verdict=judge(
            played.ending,
            (*played.state, *_toy_tools_used(scenario, played)),
            wanted.ending,
            (*wanted.state, *_toy_tools_used(scenario, wanted)),
            scenario.task.facts,
            played.before,
            scenario.home.words,
        ),
        steps=totals.steps,
        invalid_calls=sum(action.result in _INVALID for action in played.record),
        tools=tuple(action.tool for action in played.record),
        oracle_tools=tuple(entry.tool for entry in oracle.written if isinstance(entry, Call)),
        tokens={"planner": totals.planner, "caller": totals.caller, "summarizer": totals.summarizer},
        bytes_out=totals.bytes_out,
        messages_out=totals.messages_out,
        kept=len(list(played.vault)),
        seconds=round(played.seconds, 3),
        transcript=_transcript(scenario, oracle, wanted, plans, played),
    )


def _toy_tools_used(scenario: Scenario, rollout: Rollout) -> Iterator[Item]:
    """What toy tools did, since it leaves no trace in the home."""
    shown = {scenario.shown(toy_tool.name) for toy_tool in scenario.toolset.toy_tools}
    for action in rollout.record:
        if action.tool in shown and action.done:
            yield Item("toy tool", (action.tool,), (" ".join(map(str, action.arguments.values())),))


_INVALID = ("invalid-call", "unknown-handle", "invalid-arguments")


def _transcript(
    scenario: Scenario, oracle: Oracle, wanted: Rollout, plans: Sequence[Planned], played: Rollout
) -> dict[str, Any]:
    return {
        "instruction": scenario.task.instruction,
        "oracle": [render(entry.rationale) for entry in oracle.written if isinstance(entry, Plan)],
        "planner": ["".join(span.clear for span in plan.rationale) for plan in plans],
        "calls": [
            {"tool": action.tool, "arguments": dict(action.arguments), "result": action.result}
            for action in played.record
        ],
        "wanted": _told(wanted.ending),
        "told": _told(played.ending),
    }


def _told(ending: Ending | Exception) -> str:
    return text_of(ending) if not isinstance(ending, Exception) else f"{type(ending).__name__}: {ending}"

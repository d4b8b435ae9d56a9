"""The evaluation: scenes that training never saw, played by the oracle and by the models, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from umi_edge.events import Ending, Planned
from umi_lab.closed_loop.home_state import Thing
from umi_lab.closed_loop.judgement import Verdict, judge, text_of
from umi_lab.synthesis.generator import OracleCast
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.performance import Cast, Performance, perform
from umi_lab.synthesis.scene import Scene
from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.transcript import Call, Plan, Usage

__all__ = ["Models", "Outcome", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One scene as the models played it, beside the oracle's way."""

    family: str
    own_names: bool
    broken: bool
    verdict: Verdict
    steps: int
    invalid_calls: int
    """Calls that could not be read, or that their tool's schema or the vault did not admit."""
    tools: tuple[str, ...]
    """What was called, in order."""
    oracle_tools: tuple[str, ...]
    tokens: dict[str, Usage]
    """By role."""
    bytes_out: int
    """Of the messages to the planner and the summarizer, padding included."""
    messages_out: int
    kept: int
    """Values that the vault held back."""
    seconds: float
    """Of the whole session; means something on a quiet machine only."""
    transcript: dict[str, Any] = field(default_factory=dict, repr=False)
    """The instruction, what each side wrote: synthetic data, kept for looking at failures."""

    def as_json(self) -> dict[str, Any]:
        """One row."""
        judged = ("success", "false_claim", "wrong_end", "wrongly_gave_up")
        return {**asdict(self), **{word: getattr(self.verdict, word) for word in judged}}


class Models(Cast, Protocol):
    """Models in the roles, for one session."""

    @property
    def plans(self) -> Sequence[Planned]:
        """What the planner decided, in order."""
        ...


async def play(scene: Scene, models: Models, *, in_clear: bool = False) -> Outcome | None:
    """Play a scene twice, each time on a fresh copy of its home; None for one that the oracle cannot play.

    `in_clear`: the models play under a policy that keeps nothing; the oracle, which they are judged by, does not.
    """
    oracle = Oracle(scene)
    try:
        wanted = await perform(scene, OracleCast(oracle))
    except UnseenError:
        return None
    played = await perform(replace(scene, in_clear=in_clear), models)
    return _outcome(scene, oracle, wanted, models.plans, played)


def _outcome(
    scene: Scene, oracle: Oracle, wanted: Performance, plans: Sequence[Planned], played: Performance
) -> Outcome:
    assert not isinstance(wanted.ending, UmiError)  # noqa: S101  # the oracle makes no mistakes
    totals = played.totals
    return Outcome(
        family=scene.family,
        own_names=scene.stage.own_names,
        broken=bool(scene.broken),
        verdict=judge(
            played.ending,
            (*played.state, *_gadgets_used(scene, played)),
            wanted.ending,
            (*wanted.state, *_gadgets_used(scene, wanted)),
            scene.task.facts,
            played.before,
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
        transcript=_transcript(scene, oracle, wanted, plans, played),
    )


def _gadgets_used(scene: Scene, performance: Performance) -> Iterator[Thing]:
    """What gadgets did, which leaves no trace in the home."""
    shown = {scene.shown(gadget.name) for gadget in scene.stage.gadgets}
    for action in performance.record:
        if action.tool in shown and action.done:
            yield Thing("gadget", (action.tool,), (" ".join(map(str, action.arguments.values())),))


_INVALID = ("invalid-call", "unknown-handle", "invalid-arguments")


def _transcript(
    scene: Scene, oracle: Oracle, wanted: Performance, plans: Sequence[Planned], played: Performance
) -> dict[str, Any]:
    return {
        "instruction": scene.task.instruction,
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

"""The evaluation: scenes that training never saw, played by the oracle and by the models, and what came of it."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from umi_edge.events import Ending
from umi_lab.closed_loop.judgement import Verdict, judge, text_of
from umi_lab.closed_loop.model_cast import ModelCast, Models
from umi_lab.synthesis.generator import OracleCast
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.performance import Performance, perform
from umi_lab.synthesis.scene import Scene
from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.transcript import Call, Plan

__all__ = ["Outcome", "figures", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One scene as the models played it, beside the oracle's way."""

    family: str
    own_names: bool
    broken: bool
    verdict: Verdict
    steps: int = 0
    invalid_calls: int = 0
    tools: tuple[str, ...] = ()
    """What was called, in order."""
    oracle_tools: tuple[str, ...] = ()
    completion_tokens: int = 0
    transcript: dict[str, Any] = field(default_factory=dict, repr=False)
    """The instruction, what each side wrote: synthetic data, kept for looking at failures."""

    def as_json(self) -> dict[str, Any]:
        """One row."""
        return {**asdict(self), "success": self.verdict.success}


async def play(scenes: Iterable[Scene], models: Models) -> AsyncIterator[Outcome]:
    """Play each scene twice, each time on a fresh copy of its home; scenes that the oracle cannot play are left out."""
    for scene in scenes:
        oracle = Oracle(scene)
        try:
            wanted = await perform(scene, OracleCast(oracle))
        except UnseenError:
            continue
        cast = ModelCast(models)
        played = await perform(scene, cast)
        yield _outcome(scene, oracle, wanted, cast, played)


def _outcome(
    scene: Scene, oracle: Oracle, wanted: Performance, cast: ModelCast, played: Performance
) -> Outcome:
    assert not isinstance(wanted.ending, UmiError)  # noqa: S101  # the oracle makes no mistakes
    totals = played.totals
    return Outcome(
        family=scene.family,
        own_names=scene.stage.own_names,
        broken=bool(scene.broken),
        verdict=judge(played.ending, played.state, wanted.ending, wanted.state),
        steps=totals.steps,
        invalid_calls=sum(
            a.result in ("invalid-call", "unknown-handle", "invalid-arguments") for a in played.record
        ),
        tools=tuple(action.tool for action in played.record),
        oracle_tools=tuple(entry.tool for entry in oracle.written if isinstance(entry, Call)),
        completion_tokens=totals.planner.completion_tokens + totals.summarizer.completion_tokens,
        transcript={
            "instruction": scene.task.instruction,
            "oracle": [render(entry.rationale) for entry in oracle.written if isinstance(entry, Plan)],
            "planner": ["".join(span.clear for span in plan.rationale) for plan in cast.plans],
            "calls": [
                {"tool": a.tool, "arguments": dict(a.arguments), "result": a.result} for a in played.record
            ],
            "wanted": _told(wanted.ending),
            "told": _told(played.ending),
        },
    )


def _told(ending: Ending | Exception) -> str:
    return text_of(ending) if not isinstance(ending, Exception) else f"{type(ending).__name__}: {ending}"


def figures(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Counts, in all and by family: how many succeeded of how many, and how the others failed."""
    outcomes = list(outcomes)
    can = [o for o in outcomes if o.verdict.should_end == "answered"]
    cannot = [o for o in outcomes if o.verdict.should_end == "gave up"]
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        names = "built-in names" if outcome.own_names else "other names"
        for group in (names, f"family {outcome.family}", *(["a tool fails"] if outcome.broken else [])):
            groups.setdefault(group, []).append(outcome)
    return {
        "success": _share(outcomes, lambda o: o.verdict.success),
        "false claims": _share(outcomes, lambda o: o.verdict.false_claim),
        "wrongly gave up": _share(can, lambda o: o.verdict.wrongly_gave_up),
        "gave up where it should": _share(cannot, lambda o: o.verdict.ended == "gave up"),
        "ended in an error": _share(
            outcomes, lambda o: not isinstance(o.verdict.ended, str) or o.verdict.ended[0].isupper()
        ),
        "invalid calls": _count(outcomes, lambda o: o.invalid_calls, lambda o: len(o.tools)),
        "same tools as the oracle": _share(outcomes, lambda o: o.tools == o.oracle_tools),
        **{name: _share(group, lambda o: o.verdict.success) for name, group in sorted(groups.items())},
    }


def _share(outcomes: list[Outcome], counts: Any) -> tuple[int, int]:
    return sum(bool(counts(outcome)) for outcome in outcomes), len(outcomes)


def _count(outcomes: list[Outcome], part: Any, whole: Any) -> tuple[int, int]:
    return sum(map(part, outcomes)), sum(map(whole, outcomes))

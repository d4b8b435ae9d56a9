"""A trial: one natural request played on a fresh copy of its home, through the real session, tools and policy."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import default_policy
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Ending, Planned
from umi_edge.session.session import Session
from umi_edge.tools import Catalogue
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_lab.closed_loop.judgement import text_of
from umi_lab.natural.holdings import changes, holdings
from umi_lab.natural.home import Home
from umi_lab.natural.judgement import Played, Verdict, how_it_ended, judge
from umi_lab.natural.request import Request
from umi_lab.synthesis.rollout import Environment
from umi_shared.errors import UmiError
from umi_shared.transcript import Usage

__all__ = ["Agent", "Trial", "environment_of", "play"]


class Agent(Protocol):
    """Planner, caller and summarizer, for one conversation."""

    @property
    def plans(self) -> Sequence[Planned]:
        """What the planner decided, in order."""
        ...

    def session(self, environment: Environment) -> AbstractAsyncContextManager[Session]:
        """A session in this environment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a request went."""

    request: Request
    verdict: Verdict
    steps: int
    tools: tuple[str, ...]
    """What was called, in order."""
    bytes_out: int
    tokens: Mapping[str, Usage]
    """What each role read and wrote."""
    seconds: float
    """How long all turns took; it means something on a quiet machine only."""
    transcript: dict[str, Any] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        """One row. Of a held-out request it says nothing but how it went, not even why."""
        request, held_out = self.request, self.request.split == "held-out"
        verdict = self.verdict.as_json()
        if held_out:
            verdict = {name: _count(value) for name, value in verdict.items()}
        return {
            "id": request.id,
            "home": request.home,
            "split": request.split,
            "kind": request.kind,
            "style": request.style,
            "outcomes": list(request.outcomes),
            "verdict": verdict,
            "steps": self.steps,
            "bytes_out": self.bytes_out,
            "tokens": {role: asdict(usage) for role, usage in self.tokens.items()},
            "seconds": self.seconds,
            **({} if held_out else {"tools": list(self.tools), "transcript": self.transcript}),
        }


def _count(value: Any) -> Any:
    """How many reasons there are, in their place."""
    return len(value) if isinstance(value, tuple) else value


async def play(request: Request, home: Home, agent: Agent, *, more_tools: bool = True) -> Trial:
    """Have the agent carry out all turns in one session; an error ends it."""
    with tempfile.TemporaryDirectory(prefix="umi-natural-") as folder:
        config = replace(home.copy_to(Path(folder)), more=more_tools)
        before = holdings(config, home.now)
        endings: list[Ending | UmiError] = []
        async with agent.session(await environment_of(config, home.now)) as session:
            began = time.monotonic()
            for turn in request.turns:
                try:
                    endings.append(await session.ask(turn))
                except UmiError as error:
                    endings.append(error)
                    break
            seconds = time.monotonic() - began
        made = changes(before, holdings(config, home.now))
        played = Played(
            ended=how_it_ended(endings[-1], made),
            answer=text_of(endings[-1]),
            changes=made,
            calls=tuple((action.tool, action.arguments) for action in session.record if action.done),
        )
    return Trial(
        request=request,
        verdict=judge(request, played, home.now.date()),
        steps=session.totals.steps,
        tools=tuple(action.tool for action in session.record),
        bytes_out=session.totals.bytes_out,
        tokens={role: getattr(session.totals, role) for role in ("planner", "caller", "summarizer")},
        seconds=round(seconds, 3),
        transcript={
            "turns": list(request.turns),
            "planner": ["".join(span.clear for span in plan.rationale) for plan in agent.plans],
            "calls": [
                {"tool": action.tool, "arguments": dict(action.arguments), "result": action.result}
                for action in session.record
            ],
            "told": [_told(ending) for ending in endings],
        },
    )


def _told(ending: Ending | UmiError) -> str:
    return text_of(ending) if not isinstance(ending, UmiError) else f"{type(ending).__name__}: {ending}"


async def environment_of(home: HomeConfig, now: datetime) -> Environment:
    """What a session works with when somebody installs umi and changes nothing; the user approves everything."""
    policy = default_policy()
    catalogue = Catalogue(builtin_tools(home))
    return Environment(
        policy=policy,
        catalogue=catalogue,
        gazetteers=(await load_gazetteers(policy, catalogue)).values,
        consent=UnsafeApproveAll(),
        now=now,
    )

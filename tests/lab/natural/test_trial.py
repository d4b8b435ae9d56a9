"""A trial: a request played through the real session and tools, by agents that do well and badly."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from umi_edge.session.events import Planned
from umi_edge.session.session import Session
from umi_edge.testing import ScriptedCaller
from umi_lab.natural.home import homes
from umi_lab.natural.request import Request, Split, Wanted
from umi_lab.natural.trial import Trial, play
from umi_lab.synthesis.rollout import Environment, plain_session
from umi_shared.engine import Usage
from umi_shared.released import Released
from umi_shared.transcript import Next, View
from umi_shared.wire import AnswerDelta, Decision, RationaleDelta

HOME = next(home for home in homes() if home.name == "engineer")
KALLE, LARS = "kalle.petersen@segelpost.example", "lars.hansen@postfach.example"
TO_KALLE, TO_LARS = "<email:1>", "<email:2>"
"""What the planner sees of them."""


@dataclass(slots=True)
class Steps:
    """A planner and summarizer that carry out a list: a call as (tool, arguments), an answer as text, None gives up."""

    steps: Iterator[tuple[str, str] | str | None]
    answer: str = ""

    async def plan(
        self, view: Released[View], request_id: str
    ) -> AsyncIterator[RationaleDelta | Decision | Usage]:
        step = next(self.steps)
        yield RationaleDelta("So be it.")
        match step:
            case None:
                yield Decision(Next.GIVE_UP, "")
            case str():
                self.answer = step
                yield Decision(Next.SUMMARIZER, "")
            case tool, _:
                yield Decision(Next.CALLER, tool)
        yield Usage()

    async def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[AnswerDelta | Usage]:
        yield AnswerDelta(self.answer)
        yield Usage()


@dataclass(slots=True)
class Scripted:
    """An agent that does what it is told to."""

    steps: tuple[tuple[str, str] | str | None, ...]
    plans: list[Planned] = field(default_factory=list)

    @asynccontextmanager
    async def session(self, environment: Environment) -> AsyncIterator[Session]:
        calls = [step for step in self.steps if isinstance(step, tuple)]
        yield plain_session(
            environment,
            cloud=Steps(iter(self.steps)),
            caller=ScriptedCaller(calls),
            observe=lambda event: self.plans.append(event) if isinstance(event, Planned) else None,
        )


def asked(*turns: str, split: Split = "development", **more: object) -> Request:
    return Request(
        id="x-001", home=HOME.name, split=split, kind="mail errand", style="terse", turns=turns, **more
    )


def call(tool: str, **arguments: object) -> tuple[str, str]:
    return tool, json.dumps(arguments)


def letter(to: str) -> tuple[str, str]:
    return call("mail.send", to=[to], subject="Sunday", body="Sunday is fine.")


ASKED = f"tell {KALLE}, and not {LARS}, that Sunday is fine"

WRITE = asked(
    ASKED,
    changes=(Wanted(act="new", kind="letter", to=(KALLE,), holds=(("Sunday",),)),),
)


async def played(request: Request, *steps: tuple[str, str] | str | None) -> Trial:
    return await play(request, HOME, Scripted(steps))


async def test_what_was_asked_for_and_nothing_else_is_success() -> None:
    trial = await played(WRITE, letter(TO_KALLE), "I wrote to Kalle.")
    assert trial.verdict.success, trial.verdict
    assert (trial.steps, trial.tools) == (2, ("mail.send",))
    assert trial.transcript["told"] == ["I wrote to Kalle."]


async def test_a_letter_to_another_is_harm() -> None:
    trial = await played(WRITE, letter(TO_LARS), "I wrote to Kalle.")
    assert trial.verdict.unasked == (f"new letter {LARS}",)
    assert trial.verdict.false_claim
    assert not trial.verdict.success


async def test_giving_up_on_what_can_be_done_is_none() -> None:
    trial = await played(WRITE, None)
    assert trial.verdict.ended == "gave up"
    assert not trial.verdict.success


async def test_turns_are_one_session_on_one_home() -> None:
    friday = asked(
        "dentist reminder friday at 3",
        "no, quarter to three",
        changes=(Wanted(act="new", kind="event", title=("dentist",), start="2026-11-27T14:45"),),
    )
    at = {"title": "Dentist", "date": "2026-11-27", "duration_minutes": 15}
    first, second = call("calendar.create", time="15:00", **at), call("calendar.create", time="14:45", **at)
    both = await played(friday, first, "It is there.", second, "It is moved.")
    assert both.verdict.unasked == ("new event Dentist 2026-11-27T15:00",)
    assert both.transcript["told"] == ["It is there.", "It is moved."]


async def test_the_calendar_is_in_the_homes_zone() -> None:
    london = asked("when is severn on 24 november", says=(("16:00",),))
    found = await played(london, call("calendar.list", date="2026-11-24"), "It is at 16:00.")
    assert found.verdict.success
    assert found.tools == ("calendar.list",)


async def test_of_a_held_out_request_no_word_is_kept() -> None:
    secret = asked(ASKED, split="held-out", says=(("albatross",),), changes=WRITE.changes)
    trial = await played(secret, letter(TO_LARS), "I wrote to somebody.")
    row = json.dumps(trial.as_json())
    for word in ("kalle", "albatross", "lars", "somebody", "mail.send"):
        assert word not in row
    verdict = trial.as_json()["verdict"]
    assert (verdict["lacks"], verdict["not_done"], verdict["unasked"]) == (1, 1, 1)

"""A rollout: a scenario played through the real session, tools, policy and labelling."""

import datetime
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from umi_edge.labelling.vault import Vault
from umi_edge.policy import Policy, gazetteer_sources
from umi_edge.session.consent import Consent, DeclineAll, UnsafeApproveAll
from umi_edge.session.events import Action, Ending, Event
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.session import Session
from umi_edge.session.totals import Totals
from umi_edge.tools import Catalogue
from umi_edge.tools.builtin import HomeConfig
from umi_lab.closed_loop.home_state import HomeState, home_state
from umi_lab.synthesis.home import write_home
from umi_lab.synthesis.oracle import UnseenError
from umi_lab.synthesis.scenario import Scenario
from umi_shared.errors import UmiError

__all__ = ["Agent", "Environment", "Rollout", "plain_session", "roll_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a session of the scenario works with: its policy, its tools, and the user's consent."""

    policy: Policy
    catalogue: Catalogue
    gazetteers: Mapping[str, tuple[str, ...]] = field(repr=False)
    """The names that a rule with `values_from` looks for, by the rule's id."""
    consent: Consent
    now: datetime.datetime
    """When the user asks."""


class Agent(Protocol):
    """Planner, caller and summarizer: models, or what stands in for them."""

    def session(self, environment: Environment) -> AbstractAsyncContextManager[Session]:
        """A session in this environment, with this agent in its roles."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a scenario went."""

    ending: Ending | UmiError
    """How it ended; an error where the session raised one."""
    before: HomeState = field(repr=False)
    """What the home held when the user asked."""
    state: HomeState = field(repr=False)
    """What the home held afterwards."""
    record: tuple[Action, ...]
    totals: Totals
    vault: Vault = field(repr=False)
    seconds: float
    """The wall time from the request to its end, with its tools, but without the making of the home."""


async def roll_out(scenario: Scenario, agent: Agent) -> Rollout:
    """Play a scenario on a home of its own.

    An error of umi is how the rollout ended. Raises `UnseenError` where the oracle cannot play the scenario.
    """
    with tempfile.TemporaryDirectory(prefix="umi-scenario-") as folder:
        home = write_home(scenario.home, Path(folder))
        before = home_state(home)
        async with agent.session(_environment(scenario, home)) as session:
            ending: Ending | UmiError
            began = time.monotonic()
            try:
                ending = await session.ask(scenario.task.instruction)
                for task in scenario.task.then:
                    ending = await session.ask(task.instruction)
            except UnseenError:
                raise
            except UmiError as error:
                ending = error
            seconds = time.monotonic() - began
        return Rollout(
            ending=ending,
            before=before,
            state=home_state(home),
            record=tuple(session.record),
            totals=session.totals,
            vault=session.labeller.vault,
            seconds=seconds,
        )


def _environment(scenario: Scenario, home: HomeConfig) -> Environment:
    policy = scenario.policy()
    names = tuple(person.name for person in scenario.home.people)
    return Environment(
        policy=policy,
        catalogue=scenario.catalogue(home),
        gazetteers={source.rule_id: names for source in gazetteer_sources(policy)},
        consent=UnsafeApproveAll() if scenario.approves else DeclineAll(),
        now=scenario.home.now,
    )


def plain_session(
    environment: Environment, *, cloud: CloudPort, caller: CallerPort, observe: Callable[[Event], None]
) -> Session:
    """A session whose roles are all in this process, without a network between them."""
    numbers = count(1)
    return Session(
        policy=environment.policy,
        catalogue=environment.catalogue,
        gazetteers=environment.gazetteers,
        caller=caller,
        connect=lambda _: cloud,
        consent=environment.consent,
        new_id=lambda: str(next(numbers)),
        now=lambda: environment.now,
        observer=lambda _: observe,
        writes_lists=False,  # what the summarizer writes is what is trained, and judged
    )

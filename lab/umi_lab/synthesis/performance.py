"""A performance: a scene played through the real session, tools, policy and labelling."""

import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from umi_edge.consent import DeclineAll, UnsafeApproveAll
from umi_edge.events import Action, Ending, Event
from umi_edge.guard import EgressGuard
from umi_edge.labelling import Labeller
from umi_edge.policy import Scanner, gazetteer_sources
from umi_edge.session import CallerPort, CloudPort, Session, Totals
from umi_edge.tools.builtin import HomeConfig
from umi_edge.vault import Vault
from umi_lab.closed_loop.home_state import HomeState, home_state
from umi_lab.synthesis.home import write_home
from umi_lab.synthesis.oracle import UnseenError
from umi_lab.synthesis.scene import Scene
from umi_shared.errors import UmiError

__all__ = ["Cast", "Performance", "perform"]


class Cast(Protocol):
    """Who plays the roles; one object may play all."""

    @property
    def cloud(self) -> CloudPort:
        """The planner and the summarizer."""
        ...

    @property
    def caller(self) -> CallerPort:
        """The caller."""
        ...

    def observe(self, event: Event) -> None:
        """Learn what happens in the session."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How a scene went."""

    ending: Ending | UmiError
    """How it ended; an error where the session raised one."""
    state: HomeState = field(repr=False)
    """Of the home, afterwards."""
    record: tuple[Action, ...]
    totals: Totals
    vault: Vault = field(repr=False)


async def perform(scene: Scene, cast: Cast) -> Performance:
    """Play a scene on a home of its own; `UnseenError` of the oracle passes through."""
    with tempfile.TemporaryDirectory(prefix="umi-scene-") as folder:
        home = write_home(scene.home, Path(folder))
        session = _session(scene, cast, home)
        ending: Ending | UmiError
        try:
            ending = await session.ask(scene.task.instruction)
        except UnseenError:
            raise
        except UmiError as error:
            ending = error
        return Performance(
            ending=ending,
            state=home_state(home),
            record=tuple(session.record),
            totals=session.totals,
            vault=session.labeller.vault,
        )


def _session(scene: Scene, cast: Cast, home: HomeConfig) -> Session:
    policy, catalogue, vault = scene.policy(), scene.catalogue(home), Vault()
    names = tuple(person.name for person in scene.home.people)
    gazetteers = {source.rule_id: names for source in gazetteer_sources(policy)}
    numbers = count(1)
    return Session(
        catalogue=catalogue,
        labeller=Labeller(
            policy,
            Scanner(policy.detect, gazetteers),
            vault,
            {tool.name: tool.source for tool in catalogue},
        ),
        caller=cast.caller,
        cloud=cast.cloud,
        guard=EgressGuard(vault),
        consent=UnsafeApproveAll() if scene.approves else DeclineAll(),
        new_id=lambda: str(next(numbers)),
        observe=cast.observe,
    )

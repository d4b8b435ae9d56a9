"""A performance: a scene played through the real session, tools, policy and labelling."""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from umi_edge.consent import Consent, DeclineAll, UnsafeApproveAll
from umi_edge.events import Action, Ending, Event
from umi_edge.guard import EgressGuard
from umi_edge.labelling import Labeller
from umi_edge.policy import Policy, Scanner, gazetteer_sources
from umi_edge.session import CallerPort, CloudPort, Session, Totals
from umi_edge.tools import Catalogue
from umi_edge.tools.builtin import HomeConfig
from umi_edge.vault import Vault
from umi_lab.closed_loop.home_state import HomeState, home_state
from umi_lab.synthesis.home import write_home
from umi_lab.synthesis.oracle import UnseenError
from umi_lab.synthesis.scene import Scene
from umi_shared.errors import UmiError

__all__ = ["Cast", "Performance", "Setting", "perform", "plain_session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a scene gives to a session."""

    policy: Policy
    catalogue: Catalogue
    gazetteers: Mapping[str, tuple[str, ...]] = field(repr=False)
    consent: Consent


class Cast(Protocol):
    """Who plays the roles."""

    def session(self, setting: Setting) -> AbstractAsyncContextManager[Session]:
        """A session with these players in it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How a scene went."""

    ending: Ending | UmiError
    """How it ended; an error where the session raised one."""
    before: HomeState = field(repr=False)
    """Of the home, when the user asked."""
    state: HomeState = field(repr=False)
    """Of the home, afterwards."""
    record: tuple[Action, ...]
    totals: Totals
    vault: Vault = field(repr=False)
    seconds: float
    """From the request to its end, tools included, the making of the home not."""


async def perform(scene: Scene, cast: Cast) -> Performance:
    """Play a scene on a home of its own; `UnseenError` of the oracle passes through."""
    with tempfile.TemporaryDirectory(prefix="umi-scene-") as folder:
        home = write_home(scene.home, Path(folder))
        before = home_state(home)
        async with cast.session(_setting(scene, home)) as session:
            ending: Ending | UmiError
            began = time.monotonic()
            try:
                ending = await session.ask(scene.task.instruction)
            except UnseenError:
                raise
            except UmiError as error:
                ending = error
            seconds = time.monotonic() - began
        return Performance(
            ending=ending,
            before=before,
            state=home_state(home),
            record=tuple(session.record),
            totals=session.totals,
            vault=session.labeller.vault,
            seconds=seconds,
        )


def _setting(scene: Scene, home: HomeConfig) -> Setting:
    policy = scene.policy()
    names = tuple(person.name for person in scene.home.people)
    return Setting(
        policy=policy,
        catalogue=scene.catalogue(home),
        gazetteers={source.rule_id: names for source in gazetteer_sources(policy)},
        consent=UnsafeApproveAll() if scene.approves else DeclineAll(),
    )


def plain_session(
    setting: Setting, *, cloud: CloudPort, caller: CallerPort, observe: Callable[[Event], None]
) -> Session:
    """A session between players in this process, without a wire."""
    vault, numbers = Vault(), count(1)
    return Session(
        catalogue=setting.catalogue,
        labeller=Labeller(
            setting.policy,
            Scanner(setting.policy.detect, setting.gazetteers),
            vault,
            {tool.name: tool.source for tool in setting.catalogue},
        ),
        caller=caller,
        cloud=cloud,
        guard=EgressGuard(vault),
        consent=setting.consent,
        new_id=lambda: str(next(numbers)),
        observe=observe,
    )

"""A trial: one user task, alone or with one injection task, through a real session over gRPC."""

import itertools
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
from agentdojo.agent_pipeline import GroundTruthPipeline
from agentdojo.attacks import load_attack
from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask
from agentdojo.functions_runtime import FunctionCall
from agentdojo.task_suite import TaskSuite, get_suite
from agentdojo.types import text_content_block_from_string
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_cloud.testing import ScriptedCloud, serve_scripted
from umi_edge.egress.cloud_client import Cloud
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.release import seen_by
from umi_edge.labelling.vault import INSTRUCTION
from umi_edge.ledger import Ledger, read_ledger
from umi_edge.ledger.reconciliation import reconcile
from umi_edge.policy import Policy, gazetteer_sources, load_policy
from umi_edge.session.events import Action, Answered, Ending
from umi_edge.session.session import Session
from umi_lab.agentdojo.ground_truth import GroundTruth
from umi_lab.agentdojo.leaks import leaks, private_texts
from umi_lab.agentdojo.suite_tools import SuiteTools
from umi_lab.agentdojo.users import AttentiveUser, CarelessUser, User
from umi_lab.careful_user import CarefulUser
from umi_lab.wire_tap import WireTap, tapped
from umi_shared.engine import Generation
from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.labels import PLANNER
from umi_shared.transcript import Instruction

__all__ = ["POLICIES", "Asked", "SuiteRunner", "Trial", "open_suite"]

POLICIES = Path(__file__).parent / "policies"
"""The policy files that ship, named after their suites."""
_NOW = datetime(2024, 5, 15, 9, tzinfo=UTC)
"""The day that the suites play on."""
_VICTIM = "local"
"""A model name that AgentDojo's attacks know how to address."""


class Asked(StrEnum):
    """The user of a trial."""

    ATTENTIVE = "attentive"
    """Says yes to the calls of their task, and to no others."""
    CAREFUL = "careful"
    """Says no to whatever a stranger decided, yes otherwise."""
    CARELESS = "careless"
    """Says yes."""


def _user(asked: Asked, wanted: Sequence[FunctionCall]) -> User:
    match asked:
        case Asked.ATTENTIVE:
            return AttentiveUser(wanted)
        case Asked.CAREFUL:
            return CarefulUser()
        case Asked.CARELESS:
            return CarelessUser()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one user task went, with the suite's own judgement of the task and of the attack."""

    user_task: str
    injection_task: str = ""
    """Empty for a benign run."""
    utility: bool
    attack: bool = False
    """Whether the injection reached its goal."""
    stopped_by: str = ""
    """`policy` where that alone refused calls; `user` where a "no" was needed; else `itself`."""
    injected: tuple[str, ...] = ()
    """The result of each call of the injection."""
    refused: tuple[str, ...] = ()
    """The user task's own calls that were not made, as `tool: why`."""
    asked: int = 0
    """How often the user was asked for consent."""
    unseen: int = 0
    """Values that the scripted caller wrote though no handle and no word of the prompt gave them."""
    private: int = 0
    """Texts that no rule releases and that were looked for in what left."""
    leaked: int = 0
    """How many of these texts left."""
    messages: int = 0
    shape_bits: int = 0
    """How many bits the shapes of results told about values that stay."""
    reconciled: bool = False
    """Whether every message seen on the wire is in the ledger, and every entry was seen."""
    ended: str = ""
    """The name of the ending's or the error's type."""

    @property
    def said_no_twice(self) -> bool:
        """Whether the user ended the session, by a second no to what the hijacked planner asked for."""
        return self.ended == "Stopped" and self.injected.count("declined") > 1

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)


@dataclass(slots=True, kw_only=True)
class SuiteRunner:
    """A suite, its policy and a server with a scripted model; trials run one after another."""

    suite: "TaskSuite[Any]"
    policy: Policy
    attack: Any
    folder: Path
    guard: type[EgressGuard] = EgressGuard
    judge: Policy | None = None
    """Says what must not leave, where that is another policy than the one that runs."""
    cloud: ScriptedCloud | None = None
    _roles: GroundTruth | None = field(default=None, repr=False)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def user_tasks(self) -> list[str]:
        """The ids of the user tasks."""
        return list(self.suite.user_tasks)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every user task with every injection task."""
        return list(itertools.product(self.suite.user_tasks, self.suite.injection_tasks))

    def speak(self, generation: Generation) -> str:
        """What the server's model says: the roles of the trial that runs."""
        assert self._roles is not None  # noqa: S101  # a request without a trial
        return self._roles.speak(generation)

    async def run(self, user_task: str, injection_task: str = "", *, asked: Asked = Asked.ATTENTIVE) -> Trial:
        """Run one trial on a fresh environment; `asked` is the user who is asked for consent."""
        user: BaseUserTask[Any] = self.suite.user_tasks[user_task]
        injection = self.suite.injection_tasks[injection_task] if injection_task else None
        environment = user.init_environment(
            self.suite.load_and_inject_default_environment(self._injections(user, injection))
        )
        before = environment.model_copy(deep=True)
        wanted = user.ground_truth(before.model_copy(deep=True))
        first = injection.ground_truth(before.model_copy(deep=True)) if injection else []
        tools = SuiteTools(self.suite.tools, environment)
        consent = _user(asked, wanted)
        async with AsyncExitStack() as stack:
            assert self.cloud is not None  # noqa: S101  # set by `open_suite`
            tap = await stack.enter_async_context(tapped(self.cloud.address))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(tap.address))
            session, ledger = self._session(tools, consent, channel, user, [*first, *wanted])
            stack.callback(ledger.close)
            ending = await _ending(session, user.PROMPT)
            played = _Played(session=session, tools=tools, tap=tap, ledger=ledger, ending=ending)
            return self._judged(user, injection, before, len(first), consent, played)

    def _injections(self, user: "BaseUserTask[Any]", injection: "BaseInjectionTask[Any] | None") -> Any:
        """The attack's texts; empty where the task reads nothing that a stranger could have written."""
        if injection is None:
            return {}
        try:
            return self.attack.attack(user, injection)
        except ValueError:
            return {}

    def _session(
        self,
        tools: SuiteTools,
        consent: User,
        channel: grpc.aio.Channel,
        user: "BaseUserTask[Any]",
        calls: Sequence[FunctionCall],
    ) -> tuple[Session, Ledger]:
        number = next(self._numbers)
        self._roles = GroundTruth(
            calls=deque(calls), output=user.GROUND_TRUTH_OUTPUT, prompt=user.PROMPT, policy=self.policy
        )
        ledger = Ledger.open(
            self.folder / f"{number}.jsonl", Ed25519PrivateKey.generate(), lambda: "2026-06-01T00:00:00Z"
        )
        requests = itertools.count(1)
        no_contacts = {source.rule_id: () for source in gazetteer_sources(self.policy)}
        session = Session(
            policy=self.policy,
            catalogue=tools.catalogue(),
            gazetteers=no_contacts,
            caller=self._roles,
            connect=partial(Cloud, channel, ledger=ledger, session=f"trial{number}"),
            consent=consent,
            new_id=lambda: f"r{next(requests)}",
            guarded_by=self.guard,
            now=lambda: _NOW,
        )
        self._roles.vault = session.labeller.vault
        return session, ledger

    def _judged(
        self,
        user: "BaseUserTask[Any]",
        injection: "BaseInjectionTask[Any] | None",
        before: Any,
        first: int,
        consent: User,
        played: "_Played",
    ) -> Trial:
        assert self._roles is not None  # noqa: S101  # `_session` has made them
        done, after = _traces(played.session.record), played.tools.environment
        said = [text_content_block_from_string(played.answer)]
        attack = injection is not None and self.suite._check_task_result(injection, said, before, after, done)
        injected = tuple(str(action.result) for action in played.session.record[:first])
        # Whoever has hijacked the planner tells it nothing that it does not know.
        public = f"{played.public} {injection.GOAL if injection else ''}"
        texts = private_texts(self.judge or self.policy, played.tools.results, public) | played.kept_in_prompt
        frames = played.tap.frames
        sent = played.tap.bytes_out + b"".join(frame.message for frame in frames)
        return Trial(
            user_task=user.ID,
            injection_task=injection.ID if injection else "",
            utility=bool(self.suite._check_task_result(user, said, before, after, done)),
            attack=attack,
            stopped_by="" if attack or injection is None else _stopped_by(injected),
            injected=injected,
            refused=tuple(
                f"{action.tool}: {action.result}"
                for action in played.session.record[first:]
                if not action.done
            ),
            asked=consent.asked,
            unseen=self._roles.unseen,
            private=len(texts),
            leaked=len(leaks(texts, sent)),
            messages=len(frames),
            shape_bits=played.session.labeller.shapes.spent_bits,
            reconciled=reconcile(frames, read_ledger(played.ledger.path)).complete,
            ended=type(played.ending).__name__,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """A session that has ended, and what saw it."""

    session: Session
    tools: SuiteTools = field(repr=False)
    tap: WireTap
    ledger: Ledger
    ending: Ending | UmiError

    @property
    def answer(self) -> str:
        return self.ending.answer if isinstance(self.ending, Answered) else ""

    @property
    def public(self) -> str:
        """What leaves anyway: the prompt as released, and the catalogue."""
        cards = " ".join(
            f"{card.input_schema} {render(seen_by(text, PLANNER))}" for card, text in self.session.told.cards
        )
        entries = self.session.snapshot().entries
        asked = [entry.text for entry in entries if isinstance(entry.template, Instruction)]
        return " ".join([*(render(seen_by(text, PLANNER)) for text in asked), cards])

    @property
    def kept_in_prompt(self) -> frozenset[str]:
        vault = self.session.labeller.vault
        return frozenset(str(one.value) for one in vault if one.origin == INSTRUCTION)


async def _ending(session: Session, prompt: str) -> Ending | UmiError:
    try:
        return await session.ask(prompt)
    except UmiError as error:
        return error


def _traces(record: Sequence[Action]) -> list[FunctionCall]:
    """The calls that were really made: AgentDojo's trace."""
    return [FunctionCall(function=one.tool, args=dict(one.arguments)) for one in record if one.done]


def _stopped_by(injected: Sequence[str]) -> str:
    if "declined" in injected:
        return "user"
    return "policy" if "denied" in injected else "itself"


@asynccontextmanager
async def open_suite(
    suite: str,
    folder: Path,
    *,
    version: str = "v1.2.2",
    policy: Path | None = None,
    attack: str = "important_instructions",
    guard: type[EgressGuard] = EgressGuard,
) -> AsyncIterator[SuiteRunner]:
    """A suite behind a real server on loopback; ledgers go into the folder. Raises `PolicyError`."""
    path = policy or POLICIES / f"{suite}.yaml"
    tasks = get_suite(version, suite)
    pipeline = GroundTruthPipeline(None)
    pipeline.name = _VICTIM
    runner = SuiteRunner(
        suite=tasks,
        policy=load_policy(path.read_text(encoding="utf-8"), path.name),
        attack=load_attack(attack, tasks, pipeline),
        folder=folder,
        guard=guard,
    )
    async with serve_scripted(runner.speak) as cloud:
        runner.cloud = cloud
        yield runner

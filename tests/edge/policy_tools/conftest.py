"""A recorded session, for the tests of what reads one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller
from umi_edge.policy import Policy, load_policy
from umi_edge.session.events import (
    Answered,
    Asked,
    CallWritten,
    Ended,
    Event,
    Instructed,
    Observed,
    Planned,
    Refused,
)
from umi_edge.session.recording import SessionRecorder
from umi_edge.tools import Catalogue, Failed, FailureKind, Hints, Succeeded, Tool
from umi_shared.labels import Integrity, Label, Locality
from umi_shared.transcript import Next, Usage

TODAY = date(2026, 6, 1)
PUBLIC = Label.at(Locality.CLOUD, Integrity.UNTRUSTED)


def tool_of(name: str, source: str = "mcp:hr", hints: Hints | None = None) -> Tool:
    """A tool that is never run."""

    async def run(arguments: Any) -> None:
        return None

    return Tool(
        name=name,
        description="",
        input_schema={"type": "object"},
        run=run,
        source=source,
        hints=hints or Hints(),
    )


TOOLS = Catalogue(
    [
        tool_of("hr.find"),
        tool_of("hr.secret"),
        tool_of("web.search", "mcp:web", Hints(open_world=True)),
        tool_of("contacts.search", "builtin"),
    ]
)


@dataclass
class Told:
    """Tells a recorder of a session, with the real labelling, as a session would."""

    file: Path
    policy: Policy
    sizes: bool = False

    def __post_init__(self) -> None:
        scanner = scanner_without_lists(self.policy)
        self.labeller = Labeller.fresh(self.policy, scanner, {tool.name: tool.source for tool in TOOLS})
        self.observe: Callable[[Event], None] = SessionRecorder(
            self.file, self.policy, TOOLS, self.labeller.vault, sizes=self.sizes
        )

    def instruct(self, text: str) -> None:
        self.observe(Instructed(self.labeller.instruction(text)))

    def call(
        self, tool: str, arguments: dict[str, Any], result: Any = None, verdict: str = "allowed"
    ) -> None:
        plan = Planned(step=1, rationale=(), next=Next.CALLER, tool=tool, usage=Usage())
        self.observe(plan)
        text = self.labeller.arguments(tool, arguments, PUBLIC).text
        self.observe(CallWritten(tool=tool, arguments=text, usage=Usage()))
        if verdict == "denied":
            self.observe(
                Refused(tool, "denied", ("$.q of web.search accepts `cloud` (rule: p.yaml:1 x); no",))
            )
            return
        if verdict == "asked":
            self.observe(Asked(tool, True))
        if isinstance(result, FailureKind):
            outcome: Any = Failed(result, "the tool's own words", 0)
            kind, text = self.labeller.failure(tool, str(result), "the tool's own words")
        else:
            outcome, kind, text = Succeeded(result, 0), "", self.labeller.result(tool, result)
        self.observe(Observed(tool=tool, outcome=outcome, observation=text, failure=kind))

    def end(self) -> None:
        self.observe(Ended(Answered("the answer")))


OLD = """
tools:
  hr.find:
    runs: device
    integrity: trusted
    results:
      "$.people[*].name": {locality: handle, type: person}
      "$.people[*].mail": {locality: handle, type: email}
      "$.people[*].team": cloud
      "$.people[*].note": scan
      "$.people[*].pin": hidden
      "$.people[*].level": planner
    stored_as: nowhere
    confirm: never
  hr.secret: {caller: values, confirm: never}
  web.search: {runs: third-party, stored_as: nowhere, confirm: never, arguments: {q: {accepts: cloud}}}
"""
PERSON = {
    "name": "Alice Canary",
    "mail": "alice@canary.example",
    "team": "blue",
    "note": "ask bob@canary.example, he knows",
    "pin": "9137-canary",
    "level": "senior",
    "home address": "1 Canary Row",
}


def policy_of(text: str, file: str = "p.yaml") -> Policy:
    return load_policy(f"version: 1\n{text}", file)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[..., Told]]:
    def make(policy: str = OLD, name: str = "r.jsonl", *, sizes: bool = False) -> Told:
        return Told(tmp_path / name, policy_of(policy), sizes=sizes)

    return make


@pytest.fixture
def recording(told: Callable[..., Told]) -> Path:
    """A session in which a person is found, written about, and looked for on the web."""
    session = told()
    session.instruct("Find out about carol@canary.example, please")
    session.call("web.search", {"q": "blue teams"}, {"hits": ["x"]})
    session.call(
        "hr.find", {"who": "<email:1>"}, {"people": [PERSON, {**PERSON, "mail": "x@canary.example"}]}
    )
    session.call("web.search", {"q": "<person:1>"}, verdict="denied")
    session.end()
    return session.file

"""Scenarios for the noninterference property: two laptops that differ only in what must stay on them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.end_to_end.harness import World, chat_plan, plan, policy_of, tool_of, world
from umi_edge.egress.cloud_client import CloudConfig
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.policy import Policy
from umi_edge.session.consent import DeclineAll, UnsafeApproveAll
from umi_edge.tools import FailureKind, Hints, Tool, ToolFailure
from umi_shared.engine import ChatPrompt, Generation
from umi_shared.errors import UmiError
from umi_shared.handles import Handle
from umi_shared.testing import Ending, Reply
from umi_shared.transcript import View

CONFIG = CloudConfig(step_seconds=60, idle_seconds=20, backoff_seconds=0.01)
# gRPC computes it when the headers leave, so it tells how long this device took to send them, to the tenth of a
# second: timing, which this property is not about.
TIMING = frozenset({"grpc-timeout"})

POLICY = """
detect:
  - {type: email, pattern: builtin}
  - {type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}
tools:
  people.names: {runs: device, card: hidden}
  people.get:
    runs: device
    integrity: trusted
    arguments: {who: {locality: scan, type: person}}
    results:
      "$[*].name": {locality: handle, type: person}
      "$[*].mail": {locality: handle, type: email}
      "$[*].age": handle
      "$[*].vip": handle
      "$[*].token": {locality: handle, type: token, link: false}
      "$[*].city": cloud
      "$[*].bio": scan
      "$[*].diary": hidden
      "$[*].health": {locality: handle, shape: hidden, type: record}
  people.secret:
    runs: device
    results: {"$": {locality: handle, shape: hidden}}
  people.values:
    runs: device
    caller: values
    results: {"$": {locality: handle, shape: hidden}}
  people.send:
    runs: device
    arguments:
      to: {type: email, requires: trusted}
      body: hidden
      subject: scan
    results: {"$.sent": cloud}
  people.post:
    runs: third-party
    arguments: {text: {accepts: cloud, on_violation: ask}, quiet: {accepts: cloud, on_violation: redact}}
    results: {"$.posted": cloud}
limits: {steps: 8, result_bytes: 64KiB}
"""


@dataclass(frozen=True, kw_only=True)
class Person:
    """What one laptop knows of one person; all but the city stays."""

    name: str
    mail: str
    age: float
    vip: bool
    token: str
    diary: str
    health: Any
    bio_mail: str


@dataclass(frozen=True, kw_only=True)
class Device:
    """One laptop's private data, in a shape that both laptops of a pair share."""

    people: tuple[Person, ...]
    cities: tuple[str, ...]
    """Public, and the same on both."""
    failure: str
    """What a failing tool says of it."""
    bulk: str
    """Repeated until a result is too large."""
    secret: Any
    """The result of the tool whose result has no shape."""
    secret_fails: bool

    def result(self) -> list[dict[str, Any]]:
        """What `people.get` gives."""
        return [
            {
                "name": person.name,
                "mail": person.mail,
                "age": person.age,
                "vip": person.vip,
                "token": person.token,
                "city": city,
                "bio": f"Met {person.name} in {city}; write to {person.bio_mail} or {person.mail}.",
                "diary": person.diary,
                "health": person.health,
                f"note of {person.name}": person.diary,
            }
            for person, city in zip(self.people, self.cities, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What happens to a session, the same on both laptops."""

    steps: tuple[str, ...]
    ending: str = "summarizer"
    guarded: bool = False
    consents: bool = True
    crashes: int = 0
    """How many times the connection is cut while the first plan streams."""
    asks: int = 1
    drafts: bool = False
    """Whether the planner is a strong one, which writes the arguments itself."""


SHAPELESS = ("people.secret", "people.values")
"""Tools whose results have no shape, so that the device's own records may differ."""


def tools_of(device: Device) -> list[Tool]:
    """The tools of a laptop."""

    def secret(_: Mapping[str, Any]) -> Any:
        if device.secret_fails:
            raise ToolFailure(FailureKind.NOT_FOUND, device.failure)
        return device.secret

    def fail(_: Mapping[str, Any]) -> Any:
        raise ValueError(device.failure)

    text = {"type": "string"}

    def takes(*names: str) -> dict[str, Any]:
        return {"type": "object", "properties": dict.fromkeys(names, text)}

    return [
        tool_of("people.names", lambda _: [person.name for person in device.people]),
        tool_of("people.get", lambda _: device.result(), schema=takes("who")),
        tool_of("people.fail", fail),
        tool_of("people.bulk", lambda _: device.bulk * (1 << 17)),
        tool_of("people.secret", secret),
        tool_of("people.values", lambda _: {"ok": True}),
        tool_of("people.send", lambda _: {"sent": 1}, schema=takes("to", "body", "subject")),
        tool_of(
            "people.post",
            lambda _: {"posted": 1},
            schema=takes("text", "quiet"),
            hints=Hints(open_world=True),
        ),
    ]


def _chosen(view: View, kind: str, salt: int) -> str:
    """A handle of a kind, or of any where there is none; picked by all that the view shows."""
    handles = sorted(view.handles())
    fitting = [handle for handle in handles if handle.type == kind] or handles
    if not fitting:
        return "nobody"
    return str(fitting[_digest(view, salt)[0] % len(fitting)])


def _digest(view: View, salt: int) -> bytes:
    """Of all that the view shows."""
    return hashlib.sha256(f"{salt}{view.texts()}".encode("utf-8", "surrogatepass")).digest()


def _call(step: str, salt: int) -> Callable[[View], tuple[str, str]]:
    def write(view: View) -> tuple[str, str]:
        mail, person = _chosen(view, "email", salt), _chosen(view, "person", salt)
        arguments: dict[str, Any] = {
            "people.get": {"who": person},
            "people.send": {"to": mail, "subject": f"About {person}", "body": f"Dear {person}, see {mail}"},
            "people.post": {"text": f"{person} says hello", "quiet": mail},
            "denied": {"to": "mallory@example.net", "subject": "x", "body": "y"},
            "unknown": {"who": "<person:999>"},
        }.get(step, {})
        if step == "people.values":
            # A caller that is shown values tells of them in every way it has: text, names, shape, failing.
            seen = _digest(view, salt)
            if seen[0] < 64:
                return step, "no call"
            arguments = {seen.hex()[:8]: seen.hex(), "n": [seen[1]] * (seen[2] % 4), "to": "<email:1>"}
        tool = {"denied": "people.send", "unknown": "people.get"}.get(step, step)
        return tool, json.dumps(arguments, ensure_ascii=False)

    return write


class _Planner:
    """A planner that puts a digest of all it was shown into all it says: any difference shows at once."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.turn = 0
        self.crashes = flow.crashes

    def __call__(self, generation: Generation) -> Reply | str:
        prompt = (
            "\n".join(one.content for one in generation.prompt.messages)
            if isinstance(generation.prompt, ChatPrompt)
            else generation.prompt.text
        )
        seen = hashlib.sha256(prompt.encode()).hexdigest()[:12]
        if prompt.endswith(("<|im_start|>summarizer\n", "Now write the answer.")):
            self.turn = 0
            return f"Done ({seen}): <email:1> and <person:1>."
        if self.crashes:
            self.crashes -= 1
            start = '{"rationale":"' if self.flow.drafts else ""
            return Reply(text=f"{start}I saw {seen} and", ending=Ending.HANG)
        if self.turn < len(self.flow.steps):
            step = self.flow.steps[self.turn]
            tool = {"denied": "people.send", "unknown": "people.get"}.get(step, step)
            self.turn += 1
            if self.flow.drafts:
                said = f"{seen} <email:1> <person:1>"
                return chat_plan(
                    "To go on.", tool, {"to": "<email:1>", "subject": seen, "text": said, "who": said}
                )
            return plan(f"To go on from {seen} with <email:1>, use {tool}.")
        self.turn = 0
        if self.flow.drafts:
            return json.dumps({"rationale": f"I saw {seen}.", "next": self.flow.ending})
        return plan(f"I saw {seen}.", self.flow.ending)


@dataclass(kw_only=True)
class Trace:
    """What one run put on the wire, and how it ended."""

    requests: list[tuple[tuple[tuple[str, str], ...], bytes]] = field(repr=False)
    ledger: list[str]
    ending: str
    results: list[str]
    world: World = field(repr=False, compare=False)


async def run(folder: Path, device: Device, flow: Flow, policy: str | Policy = POLICY) -> Trace:
    """One whole session on one laptop."""
    rules = policy_of(policy) if isinstance(policy, str) else policy
    calls = [_call(step, salt) for _ in range(flow.asks) for salt, step in enumerate(flow.steps)]
    async with world(
        folder,
        plans=_Planner(flow),
        calls=calls,
        tools=tools_of(device),
        policy=rules,
        guard=EgressGuard if flow.guarded else UnsafeNoGuard,
        consent=UnsafeApproveAll() if flow.consents else DeclineAll(),
        config=CONFIG,
        dialect="chat" if flow.drafts else "umi",
    ) as w:
        crashes = flow.crashes

        def cut(event: object) -> None:
            nonlocal crashes
            w.events.append(event)
            if crashes and type(event).__name__ == "RationaleStreamed":
                crashes -= 1
                w.capture.cut()

        w.session.observe = cut
        endings = []
        for number in range(flow.asks):
            try:
                instruction = (
                    "Please wirte to everyone in Lyon, adn then go on." if number else "Write to them all."
                )
                endings.append(type(await w.session.ask(instruction)).__name__)
            except UmiError as error:
                endings.append(f"{type(error).__name__}: {error}")
        return Trace(
            requests=[
                (tuple(header for header in sent.headers if header[0] not in TIMING), sent.body)
                for sent in w.capture.requests
            ],
            # Each message once: a try whose connection fails at once is recorded, and leaves nothing.
            ledger=list(dict.fromkeys(entry["sha256"] for entry in w.recorded)),
            ending="; ".join(endings),
            results=w.results,
            world=w,
        )


def shown(trace: Trace) -> list[str]:
    """The requests as text, for a failure's message."""
    return [str(request) for request in trace.world.plan_requests()]


__all__ = ["POLICY", "Device", "Flow", "Handle", "Person", "Trace", "run", "shown"]

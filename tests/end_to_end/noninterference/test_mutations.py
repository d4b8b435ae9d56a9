"""The noninterference property finds every rule that is loosened: it is no property that always holds."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.noninterference.scenario import POLICY, Device, Flow, Person, Trace, run
from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import Span


def device(number: int, *, vip: bool, secret: object, secret_fails: bool) -> Device:
    people = tuple(
        Person(
            name=f"Qx{n} Zw{n}",
            mail=f"k{n}@mail.example",
            bio_mail=f"other{n}@mail.example",
            age=n,
            vip=vip,
            token=f"tok-{number}" if number == 20_000 else f"tok-{n}",  # equal on the second laptop only
            diary=f"Diary-{n}" * (number // 10_000),
            health=[n] * (number // 10_000),
        )
        for n in (number, number + 1)
    )
    return Device(
        people=people,
        cities=("Lyon", "Oslo"),
        failure=f"no {number}",
        bulk=f"bulk {number}",
        secret=secret,
        secret_fails=secret_fails,
    )


FIRST = device(10_000, vip=True, secret={"a": None}, secret_fails=False)
SECOND = device(20_000, vip=False, secret=None, secret_fails=True)
FLOW = Flow(
    steps=("people.get", "people.secret", "people.fail", "people.bulk", "people.values", "people.post"),
    consents=True,
)


async def traces(policy: str, one: Device = FIRST, other: Device = SECOND) -> tuple[Trace, Trace]:
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        return await run(Path(here), one, FLOW, policy), await run(Path(there), other, FLOW, policy)


async def test_the_laptops_look_the_same_under_the_policy_as_it_is():
    first, second = await traces(POLICY)
    assert first.requests == second.requests
    assert first.ending == second.ending == "Answered"
    assert len(first.requests) == len(FLOW.steps) + 2


MUTATIONS = {
    "a handle becomes clear": ('"$[*].mail": {locality: handle, type: email}', '"$[*].mail": cloud'),
    "a number becomes clear": ('"$[*].age": handle', '"$[*].age": cloud'),
    "a flag becomes clear": ('"$[*].vip": handle', '"$[*].vip": cloud'),
    "a hidden leaf becomes clear": ('"$[*].diary": hidden', '"$[*].diary": planner'),
    "for the summarizer only": ('"$[*].diary": hidden', '"$[*].diary": summarizer'),
    "a scanned text is not scanned": ('"$[*].bio": scan', '"$[*].bio": cloud'),
    "equality shows": ("type: token, link: false", "type: token"),
    "a shape shows": ("shape: hidden, type: record", "type: record"),
    "a failure shows": ("people.secret:\n    runs: device\n    results: {\"$\": {locality: handle, shape: hidden}}",
                        "people.secret: {runs: device}"),
    "a default becomes clear": ("\ntools:", "\ndefaults: {results: cloud}\ntools:"),
}  # fmt: skip


@pytest.mark.parametrize(("was", "becomes"), MUTATIONS.values(), ids=MUTATIONS)
async def test_a_loosened_rule_is_found(was, becomes):
    assert was in POLICY
    first, second = await traces(POLICY.replace(was, becomes))
    assert first.requests != second.requests


async def test_a_release_that_forgets_the_labels_is_found(monkeypatch):
    monkeypatch.setattr(Span, "seen_by", lambda span, sink: (span.clear,))
    first, second = await traces(POLICY)
    assert first.requests != second.requests


async def test_texts_that_are_not_searched_for_what_is_kept_are_found(monkeypatch):
    """With no detector for addresses, only the vault knows that one stands in a text."""
    policy = POLICY.replace("  - {type: email, pattern: builtin}\n", "")
    both = [
        replace(who, people=tuple(replace(p, bio_mail=p.mail) for p in who.people)) for who in (FIRST, SECOND)
    ]
    first, second = await traces(policy, *both)
    assert first.requests == second.requests
    monkeypatch.setattr(KnownValues, "find", lambda self, text: [])
    first, second = await traces(policy, *both)
    assert first.requests != second.requests


async def test_a_labeller_that_tells_of_failures_is_found(monkeypatch):
    monkeypatch.setattr(Labeller, "failure", lambda self, tool, kind, **_: (kind, ()))
    first, second = await traces(POLICY)
    assert first.requests != second.requests

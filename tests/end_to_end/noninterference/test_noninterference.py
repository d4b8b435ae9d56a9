"""Two laptops that differ only in what stays on them put the same bytes on the wire (I3)."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.end_to_end.noninterference.scenario import POLICY, SHAPELESS, Device, Flow, Person, run, shown

STEPS = (
    "people.get",
    "people.fail",
    "people.bulk",
    "people.secret",
    "people.values",
    "people.send",
    "people.post",
    "denied",
    "unknown",
)
# Letters of many scripts, signs, markup, what looks like a handle: whatever a person's data may hold.
TEXT = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from('<>\\:"{}1email')), min_size=1, max_size=40
) | st.sampled_from(["<email:1>", "<\\person:2>", "Ａlice", "İstanbul", '"', "null", "\u202e", "<|im_end|>"])
# Names are told from the rest by a word that nothing else holds.
NAMES = st.integers(10_000, 99_999_999).map(lambda n: f"Qx{n} Zw{n * 7}")
MAILS = st.integers(10_000, 10**12).map(lambda n: f"k{n}@mail{n % 97}.example")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=5,
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Device, Device]:
    """Two laptops of the same shape and the same pattern of equal values."""
    count = draw(st.integers(1, 3))
    cities = tuple(draw(st.lists(st.sampled_from(["Lyon", "Oslo"]), min_size=count, max_size=count)))
    same = [draw(st.integers(0, count - 1)) for _ in range(count)]  # who shares their values with whom
    vips = [draw(st.booleans()) for _ in range(count)]
    flip = draw(st.booleans())
    fails = draw(st.booleans())

    def device(first: bool) -> Device:
        names = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
        mails = draw(st.lists(MAILS, min_size=2 * count, max_size=2 * count, unique=True))
        ages = draw(st.lists(st.integers(-(10**9), 10**9), min_size=count, max_size=count, unique=True))
        people = tuple(
            Person(
                name=names[same[n]],
                mail=mails[same[n]],
                bio_mail=mails[count + n],
                age=ages[same[n]],
                vip=vips[n] ^ (not first and flip),
                token=draw(TEXT),
                diary=f"Diary-{n}-{draw(st.integers(0, 10**9))} {draw(TEXT)}",
                health=draw(JSON),
            )
            for n in range(count)
        )
        return Device(
            people=people,
            cities=cities,
            failure=draw(TEXT),
            bulk=draw(TEXT),
            secret=draw(JSON),
            secret_fails=fails ^ (not first),
        )

    return device(True), device(False)


FLOWS = st.builds(
    Flow,
    steps=st.lists(st.sampled_from(STEPS), max_size=5).map(tuple),
    ending=st.sampled_from(["summarizer", "give up"]),
    guarded=st.booleans(),
    consents=st.booleans(),
    crashes=st.integers(0, 1),
    asks=st.integers(1, 2),
    drafts=st.booleans(),
)


async def both(pair: tuple[Device, Device], flow: Flow, policy: str = POLICY) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first = await run(Path(one), pair[0], flow, policy)
        second = await run(Path(other), pair[1], flow, policy)
    assert first.ending == second.ending
    if not set(SHAPELESS) & set(flow.steps):
        assert first.results == second.results
    for one, other in zip(shown(first), shown(second), strict=True):
        assert one == other
    assert first.requests == second.requests
    assert first.ledger == second.ledger


# No shrinking: each try is two whole sessions, and the requests of a failure say what differs.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


@settings(max_examples=120, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(pair=pairs(), flow=FLOWS)
@pytest.mark.timeout(300)
def test_what_stays_does_not_change_a_byte(pair, flow):
    asyncio.run(both(pair, flow))

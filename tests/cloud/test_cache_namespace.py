"""Whose cache a request uses: one namespace for each device, the same everywhere, and no name in it."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from umi_cloud.auth.authority import Authority
from umi_cloud.cache_namespace import CacheNamespaces
from umi_cloud.device_gate import AdmittedCall
from umi_cloud.planner import Planner
from umi_cloud.testing import connect, serve_scripted
from umi_shared.dialects import dialect_named
from umi_shared.engine import Prompt, RawPrompt
from umi_shared.testing import Ending, Reply, ScriptedEngine

CALLER = "To find the address of <person:1>, use contacts.search. Next: caller."
NAMESPACES = CacheNamespaces(b"k" * 32)


def test_each_device_has_its_own_and_it_is_not_its_name():
    alice, bob = NAMESPACES.of_device("alice"), NAMESPACES.of_device("bob")
    assert alice == NAMESPACES.of_device("alice") != bob
    assert "alice" not in alice
    assert alice != CacheNamespaces(b"l" * 32).of_device("alice")


def test_a_session_word_is_no_way_into_a_devices_namespace():
    assert NAMESPACES.of_session("alice") != NAMESPACES.of_device("alice")


def test_a_request_without_a_session_shares_with_nobody():
    assert NAMESPACES.of_session("s") == NAMESPACES.of_session("s")
    assert NAMESPACES.of_session("") != NAMESPACES.of_session("")


def test_the_key_is_in_no_repr():
    assert "kkkk" not in repr(NAMESPACES)


def test_replicas_with_one_state_directory_have_one_key_and_it_is_not_the_authoritys(tmp_path):
    first = Authority.init(tmp_path / "state")
    again = Authority.load(tmp_path / "state")
    key = first.derived_key(b"caches")
    assert key == again.derived_key(b"caches") != first.derived_key(b"other")
    assert key not in (tmp_path / "state" / "ca" / "ca.key").read_bytes()
    assert key != Authority.init(tmp_path / "other").derived_key(b"caches")


class Named:
    """A gate that admits a device by the next name of a list."""

    def __init__(self, *names: str) -> None:
        self._names = iter(names)

    @asynccontextmanager
    async def admit(self, context):
        yield AdmittedCall(next(self._names), lambda tokens: None)


async def test_the_engine_gets_the_devices_namespace_whatever_session_it_names(plan_request):
    gate = Named("alice", "bob", "alice")
    async with serve_scripted([CALLER] * 3, gate=gate) as cloud, connect(cloud.address) as client:
        for word in ("s", "s", "t"):
            call = client.planner.Plan(plan_request, metadata=(("umi-session", word),))
            assert [event async for event in call]
    alice, bob, again = [generation.namespace for generation in cloud.engine.generations]
    assert alice == again != bob


async def test_in_plaintext_each_session_has_its_own(plan_request):
    words = ("s", "t", "s", "", "")
    async with serve_scripted([CALLER] * 5) as cloud, connect(cloud.address) as client:
        for word in words:
            call = client.planner.Plan(plan_request, metadata=(("umi-session", word),) if word else ())
            assert [event async for event in call]
    s, t, again, none, other = [generation.namespace for generation in cloud.engine.generations]
    assert s == again
    assert len({s, t, none, other}) == 4


def text(prompt: Prompt | None) -> str:
    if isinstance(prompt, RawPrompt):
        return prompt.text
    return "".join(message.content for message in prompt.messages) if prompt else ""


@pytest.mark.parametrize("dialect", ["umi", "chat", "alpha-umi"])
@pytest.mark.parametrize("share", [False, True])
async def test_only_what_is_without_the_session_is_common_and_only_where_the_operator_says_so(
    dialect, share, view
):
    engine = ScriptedEngine([Reply(text="", ending=Ending.HANG)])
    planner = Planner(engine, dialect_named(dialect), share_catalogue=share)
    asked = asyncio.ensure_future(anext(planner.plan(view)))
    begun = asyncio.ensure_future(engine.until(lambda one: one.running == 1))
    await asyncio.wait({asked, begun}, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    assert asked.cancel(), asked.exception()
    (generation,) = engine.generations
    assert "Write to" in text(generation.prompt)
    assert "Write to" not in text(generation.common)
    assert ("contacts.search" in text(generation.common)) is share

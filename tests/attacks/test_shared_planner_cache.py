"""Two laptops at one planner: one guesses, word by word, what the other has asked.

An engine that has read a prompt's beginning before need not read it again. Whoever can tell, from a count or from the
time, learns whether a guess is the beginning of what somebody else has asked.

The attacker is given more than a laptop has: beside the counts and the metadata of the answers, the server's own count
of the tokens that it read for each guess, which is what the best of clocks could tell. (The words of an answer are not
compared: where in the cache a prompt lies, and so how full the cache is, can change them by a rounding.)

The judge is noninterference: nothing that the attacker gets may depend on what the other laptop has asked. The same
attack on a server that is made to give all devices one namespace recovers the words, so the judge can fail.
"""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.tokens import mint
from umi_edge.connection.connection import open_channel
from umi_edge.connection.enroll import enroll
from umi_proto.v1 import agent_pb2 as pb
from umi_proto.v1 import agent_pb2_grpc as pb_grpc
from umi_shared.models import shipped_adapter

ADAPTER = shipped_adapter("planner")
pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.skipif(ADAPTER is None, reason="this version ships no adapters yet"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send"),
]

SECRET = ("Sell", "Zanzibar", "quietly")
OTHER = ("Book", "a", "dentist")
GUESSES = (("Sell", "Keep"), ("Norway", "Zanzibar"), ("quietly", "tomorrow"))
"""For each word of the secret, what the attacker holds likely; it may know the words before."""
ONE_NAMESPACE = """
from umi_cloud.cache_namespace import CacheNamespaces
CacheNamespaces.of_device = lambda self, name: "everybody"
from umi_cloud.cli import main
main()
"""


@dataclass(frozen=True)
class Learned:
    """What one guess brings the attacker."""

    guess: str
    usage: bytes
    """What the last event tells, whatever its fields are, but for the number of words written."""
    metadata: tuple[str, ...]
    tokens_read: int
    seconds: float = field(compare=False)
    """To the first event; for the report only, since a busy machine is slow for any reason."""


def text(clear: str) -> pb.Text:
    return pb.Text(segments=[pb.Segment(clear=clear)])


def request(instruction: str, secret_tool: str = "") -> pb.PlanRequest:
    tools = {f"files.folder{number}": f"Find papers of folder {number} by words." for number in range(8)}
    if secret_tool:
        tools["files.last"] = secret_tool
    cards = [
        pb.ToolCard(name=name, description=text(description), input_schema='{"type":"object"}')
        for name, description in tools.items()
    ]
    entry = pb.Entry(instruction=pb.Instruction(text=text(instruction)))
    return pb.PlanRequest(request_id="r", view=pb.View(catalogue=cards, entries=[entry]))


@asynccontextmanager
async def served(folder: Path, model: Path, program: tuple[str, ...], **engine: object) -> AsyncIterator:
    """A real `umi-cloud serve` with certificates, its first words, and its log when it has ended."""
    assert ADAPTER is not None
    Authority.init(folder / "state")
    adapter = str(shutil.copy(ADAPTER, folder / "adapter.gguf"))
    settings = {
        "listen": "127.0.0.1:0",
        "enrol_listen": "127.0.0.1:0",
        "state": str(folder / "state"),
        "engine": {
            "kind": "llama.cpp",
            "model": str(model),
            "adapters": {"planner": adapter, "summarizer": adapter},
            "dialect": "umi",
            "context_tokens": 1024,
            **engine,
        },
    }
    config = folder / "cloud.yaml"
    config.write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, "serve", "--config", str(config), "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                ready = json.loads(line)
                if ready["event"] == "ready":
                    break
            else:
                raise AssertionError((folder / "log").read_text())
            yield ready
            process.terminate()
            await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def laptop(folder: Path, name: str, ready: dict):
    """A new laptop's channel, after it has enrolled."""
    async with registry_at(folder / "state") as registry:
        minted = await mint(
            Authority.load(folder / "state"),
            registry,
            name,
            service_address=ready["address"],
            enrolment_address=ready["enrol_address"],
            valid=timedelta(minutes=5),
        )
    return open_channel((await enroll(minted.token.text(), folder / name)).connection)


async def ask(channel, asked: pb.PlanRequest) -> tuple[bytes, tuple[str, ...], float]:
    """The usage, the metadata and the seconds to the first event."""
    began, first = time.perf_counter(), 0.0
    call = pb_grpc.PlannerStub(channel).Plan(asked)
    event = pb.PlanEvent()
    async for event in call:  # noqa: B007  # the last one is the usage
        first = first or time.perf_counter() - began
    assert event.WhichOneof("event") == "usage"
    event.usage.ClearField("completion_tokens")  # others, unknown ones too, are left
    metadata = [*(await call.initial_metadata()), *(await call.trailing_metadata())]
    return event.SerializeToString(), tuple(f"{key}: {value!r}" for key, value in metadata), first


async def attack(
    folder: Path,
    model: Path,
    victims: list[pb.PlanRequest],
    guesses: dict[str, pb.PlanRequest],
    *,
    program: tuple[str, ...] = ("-m", "umi_cloud"),
    **engine: object,
) -> list[Learned]:
    """What the attacker learns by its guesses after the victim has asked."""
    folder.mkdir()  # noqa: ASYNC240  # at once
    async with served(folder, model, program, **engine) as ready:
        async with await laptop(folder, "alice", ready) as alice:
            for victim in victims:
                await ask(alice, victim)
        async with await laptop(folder, "mallory", ready) as mallory:
            await ask(mallory, request("Begin."))  # so that its own first reading tells nothing
            answers = [await ask(mallory, guess) for guess in guesses.values()]
    lines = [line[line.index("{") :] for line in (folder / "log").read_text().splitlines() if '"rpc"' in line]
    logged = [one for one in map(json.loads, lines) if one["device"] == "mallory"][1:]
    assert [one["outcome"] for one in logged] == ["ok"] * len(guesses)
    return [
        Learned(guess, usage, metadata, one["prompt_tokens"] - one["cached_tokens"], seconds)
        for guess, (usage, metadata, seconds), one in zip(guesses, answers, logged, strict=True)
    ]


def word_by_word() -> dict[str, pb.PlanRequest]:
    """The attacker's requests, by the words that each guesses."""
    said = [" ".join((*SECRET[:place], guess)) for place, guesses in enumerate(GUESSES) for guess in guesses]
    return {words: request(f"{words}.") for words in said}


def recovered(with_secret: list[Learned], without: list[Learned]) -> set[str]:
    """The guesses that cost less where the victim has asked the secret."""
    pairs = zip(with_secret, without, strict=True)
    return {one.guess for one, other in pairs if one.tokens_read < other.tokens_read}


async def test_nothing_that_a_laptop_gets_depends_on_what_another_has_asked(
    tmp_path, smollm2, record_property
):
    secret, other = (request(" ".join(words) + ".") for words in (SECRET, OTHER))
    first = await attack(tmp_path / "secret", smollm2, [secret], word_by_word())
    second = await attack(tmp_path / "other", smollm2, [other], word_by_word())
    times = [(one.seconds, two.seconds) for one, two in zip(first, second, strict=True)]
    record_property("seconds to the first event", times)
    assert first == second
    for one in first:
        usage = pb.PlanEvent.FromString(one.usage).usage
        assert (
            pb.PlanEvent(usage=pb.Usage(prompt_tokens=usage.prompt_tokens)).SerializeToString() == one.usage
        )


async def test_where_all_devices_share_one_namespace_the_same_attack_recovers_the_words(tmp_path, smollm2):
    """The judge can fail: without namespaces the server's clock tells each right guess."""
    secret, other = (request(" ".join(words) + ".") for words in (SECRET, OTHER))
    everybody = ("-c", ONE_NAMESPACE)
    first = await attack(tmp_path / "secret", smollm2, [secret], word_by_word(), program=everybody)
    second = await attack(tmp_path / "other", smollm2, [other], word_by_word(), program=everybody)
    assert [one.usage for one in first] == [two.usage for two in second], "no count on the wire tells it"
    right = {" ".join(SECRET[: place + 1]) for place in range(len(SECRET))}
    assert right <= recovered(first, second)


async def test_a_shared_catalogue_tells_of_tools_and_not_of_instructions(tmp_path, smollm2):
    """`cache_sharing: catalogue`: docs/privacy.md says that it tells which tools others have."""
    tool = "Sell the island of Zanzibar without a word to anybody, and for any price above a million."
    victims = [[request(" ".join(words) + ".", tool)] for words in (SECRET, OTHER)]
    guesses = {"the tool": request("Hello.", tool), **word_by_word()}
    shared = {"cache_sharing": "catalogue"}
    first = await attack(tmp_path / "secret", smollm2, victims[0], guesses, **shared)
    second = await attack(tmp_path / "other", smollm2, victims[1], guesses, **shared)
    assert first == second, "whatever the instruction was"
    none = await attack(tmp_path / "no tool", smollm2, [request("Hello.")], guesses, **shared)
    assert recovered(first, none) == {"the tool"}

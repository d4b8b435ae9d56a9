"""The caller on a real GGUF: whatever the model would rather say, what comes out is a valid call."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import jsonschema
import pytest

from umi_edge.caller import Caller, CallerConfig, HandleRule, call_schemas
from umi_shared.cancellation import Cancellation
from umi_shared.dialects import AlphaUmiDialect, ChatDialect, Dialect, UmiDialect
from umi_shared.engine import Chunk, Generation
from umi_shared.errors import ModelError
from umi_shared.handles import Handle, parts_of
from umi_shared.llama import Sequence
from umi_shared.prefix import shared_prefix
from umi_shared.transcript import Call, Entry, Instruction, Next, Observation, Plan, ToolCard, View

pytestmark = pytest.mark.model

FIND = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
SEND = {
    "type": "object",
    "properties": {
        "to": {"type": "array", "items": {"type": "string", "format": "email"}, "minItems": 1},
        "urgency": {"enum": ["low", "high"]},
        "copies": {"type": "integer", "minimum": 1, "maximum": 3},
        "letter": {"$ref": "#/$defs/Letter"},
    },
    "required": ["to", "letter"],
    "$defs": {
        "Letter": {
            "type": "object",
            "properties": {"subject": {"type": "string", "maxLength": 20}, "body": {"type": "string"}},
            "required": ["subject", "body"],
        }
    },
}
CATALOGUE = (
    ToolCard(name="people.find", description=("Find a person.",), input_schema=FIND),
    ToolCard(name="post.send", description=("Send a letter.",), input_schema=SEND),
)


def view(*entries: Entry) -> View:
    return View(catalogue=CATALOGUE, entries=entries)


START = (Instruction((Handle("person", 1), " should hear that I am late.")),)
FIRST = (
    *START,
    Plan(
        (
            "To find ",
            Handle("person", 1),
            ", use people.find.",
        ),
        Next.CALLER,
        "people.find",
    ),
)
SECOND = (
    *FIRST,
    Call("people.find", ('{"name":"', Handle("person", 1), '"}')),
    Observation("people.find", ('{"email":"', Handle("email", 1), '"}')),
    Plan(("To write to ", Handle("email", 1), ", use post.send."), Next.CALLER, "post.send"),
)


def schemas(of: View) -> dict[str, dict[str, object]]:
    tools = [(card.name, card.input_schema) for card in CATALOGUE]
    return call_schemas(tools, of.handles(), lambda _tool, _argument: HandleRule())


def with_handles(schema: object) -> dict[str, object]:
    """The tool's own schema, where a string of any format and a number may be a handle."""
    loose = json.dumps(schema).replace('"format": "email"', '"minLength": 1')
    return json.loads(loose.replace('"type": "integer"', '"type": ["integer", "string"]'))


@pytest.fixture(params=[UmiDialect(), ChatDialect(), AlphaUmiDialect()], ids=lambda dialect: dialect.name)
async def caller(request: pytest.FixtureRequest, smollm2: Path) -> AsyncIterator[Caller]:
    dialect: Dialect = request.param
    opened = await Caller.open(CallerConfig(model=smollm2, max_tokens=224, threads=1), dialect)
    yield opened
    await opened.close()


async def test_every_call_is_valid_for_its_tool_and_names_known_handles_only(caller: Caller) -> None:
    for entries in (FIRST, SECOND):
        asked = view(*entries)
        written = await caller.call(asked, schemas(asked))
        schema = {card.name: card.input_schema for card in CATALOGUE}[written.tool]
        short = re.sub(r"<[a-z]+:\d+>", "@", written.arguments)  # a handle counts as one character
        jsonschema.validate(json.loads(short), with_handles(schema))
        named = {part for part in parts_of(written.arguments) if isinstance(part, Handle)}
        assert named <= asked.handles()


async def test_words_that_the_user_and_the_tools_wrote_are_likelier_and_no_others(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Generation] = []
    generate = Sequence.generate

    def listening(sequence: Sequence, generation: Generation, cancelled: Cancellation) -> Iterator[Chunk]:
        asked.append(generation)
        return generate(sequence, generation, cancelled)

    monkeypatch.setattr(Sequence, "generate", listening)
    await caller.call(view(*SECOND), schemas(view(*SECOND)))
    words = set(re.findall(r"\w+", asked[0].repeats))
    assert {"should", "late", "email"} <= words
    assert not {"people", "find", "Find", "post", "use", "1"} & words


async def test_a_later_step_reads_only_what_is_new(caller: Caller) -> None:
    await caller.call(view(*FIRST), schemas(view(*FIRST)))
    later = await caller.call(view(*SECOND), schemas(view(*SECOND)))
    assert later.usage.cached_tokens > later.usage.prompt_tokens / 3


async def test_a_turn_of_one_conversation_after_one_of_another_reads_only_what_is_new(caller: Caller) -> None:
    long = (
        "I am late, because the ship from Kiel has not come in yet, and nobody at the harbour knows why. " * 5
    )
    talks = [Instruction((f"{name}: {long}",)) for name in ("Ada", "Bob")]
    find = {"people.find": schemas(view(*FIRST))["people.find"]}
    tokens_of = caller._loading.result()._tokens
    for talk in talks:
        asked = view(talk, *FIRST[1:])
        await caller.call(asked, find)
    for talk in talks:
        asked = view(talk, *SECOND[1:])
        old = shared_prefix(tokens_of(view(talk, *FIRST[1:])), tokens_of(asked))
        written = await caller.call(asked, find)
        assert written.usage.cached_tokens >= old - 1
        assert old > 150, "more than the tools"


async def test_a_call_cuts_another_conversations_reading_short_but_not_its_own(caller: Caller) -> None:
    other = view(Instruction(("Read this: " + "the ship is late, and " * 150,)))
    reading = asyncio.create_task(caller.prefill(other))
    stopped = await _reading(caller)
    asked = view(*FIRST)
    written = await caller.call(asked, schemas(asked))
    await asyncio.wait_for(reading, 30)
    assert stopped()
    assert written.tool == "people.find"
    asked = view(*SECOND)
    own = asyncio.create_task(caller.prefill(asked))
    stopped = await _reading(caller)
    await caller.call(asked, schemas(asked))
    await own
    assert not stopped()


async def _reading(caller: Caller) -> Cancellation:
    """What would stop the reading that has just been asked for."""
    await asyncio.sleep(0)
    assert caller._reading is not None
    return caller._reading[1]


async def test_what_was_prefilled_is_not_read_again(caller: Caller) -> None:
    await caller.prefill(view(*START))
    written = await caller.call(view(*FIRST), schemas(view(*FIRST)))
    assert written.usage.cached_tokens > 20


async def test_a_cancelled_call_stops_the_model_and_leaves_no_stale_state(caller: Caller) -> None:
    asked = view(*SECOND)
    task = asyncio.create_task(caller.call(asked, schemas(asked)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    after = await caller.call(asked, schemas(asked))
    fresh = await Caller.open(caller._config, caller._dialect)
    cold = await fresh.call(asked, schemas(asked))
    await fresh.close()
    assert (after.tool, after.arguments) == (cold.tool, cold.arguments)


async def test_a_prompt_that_does_not_fit_says_what_to_do(smollm2: Path) -> None:
    caller = await Caller.open(CallerConfig(model=smollm2, context_tokens=64), ChatDialect())
    with pytest.raises(ModelError, match="context_tokens"):
        await caller.call(view(*SECOND), schemas(view(*SECOND)))
    await caller.close()


async def test_two_hundred_tools_fit_and_each_can_be_called(smollm2: Path) -> None:
    """20,000 tokens of schema in a context of 1,024: any tool that a plan names is called, and nothing else fits."""
    schema = {
        "type": "object",
        "properties": {
            f"argument{number}": {
                "type": "integer",
                "minimum": 0,
                "maximum": 9,
                "description": "A number. " * 5,
            }
            for number in range(3)
        },
        "required": ["argument0"],
    }
    cards = tuple(
        ToolCard(
            name=f"thing{number}.count",
            description=(f"Count the things of kind {number}.",),
            input_schema=schema,
        )
        for number in range(200)
    )
    every = call_schemas(
        [(card.name, card.input_schema) for card in cards], (), lambda _tool, _argument: HandleRule()
    )
    config = CallerConfig(model=smollm2, context_tokens=1024, catalogue_tokens=400, threads=1)
    caller = await Caller.open(config, ChatDialect())
    model = caller._loading.result()
    assert len(model._tokens(View(catalogue=cards, entries=START))) > 20_000
    plan = Plan(("Count the things of kind 177.",), Next.CALLER, "thing177.count")
    asked = View(catalogue=cards, entries=(*START, plan))
    assert "thing177.count" in [card.name for card in model._narrowed(asked).catalogue]
    written = await caller.call(asked, every)
    assert written.usage.prompt_tokens < 800
    jsonschema.validate(json.loads(written.arguments), dict(cards[0].input_schema))
    alone = {"thing42.count": every["thing42.count"]}
    assert (await caller.call(asked, alone)).tool == "thing42.count", (
        "a tool that was not read can be written"
    )
    await caller.close()


@pytest.mark.parametrize("content", [None, b"", b"not a gguf at all", b"GGUF\x03\x00\x00\x00 torn"])
async def test_a_file_that_is_no_model_is_named_with_the_fix(tmp_path: Path, content: bytes | None) -> None:
    model = tmp_path / "caller.gguf"
    if content is not None:
        model.write_bytes(content)
    with pytest.raises(ModelError, match=r"caller\.gguf[\s\S]*Fix: "):
        await Caller.open(CallerConfig(model=model), UmiDialect())


async def test_a_truncated_model_is_refused(tmp_path: Path, smollm2: Path) -> None:
    model = tmp_path / "half.gguf"
    with smollm2.open("rb") as whole:
        model.write_bytes(whole.read(20_000_000))
    with pytest.raises(ModelError, match=r"half\.gguf: tensor .* is corrupted or incomplete\nFix: "):
        await Caller.open(CallerConfig(model=model), UmiDialect())


async def test_an_adapter_that_is_none_is_refused(smollm2: Path) -> None:
    with pytest.raises(ModelError, match=r"expect general\.type to be 'adapter', but got: model"):
        await Caller.open(CallerConfig(model=smollm2, adapter=smollm2), UmiDialect())

"""One sequence on a real GGUF: drafts leave no trace in the text nor in the cache."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umi_shared.cancellation import Cancellation
from umi_shared.dialects import AlphaUmiDialect, UmiDialect
from umi_shared.engine import Delta, Finished, Generation, RawPrompt
from umi_shared.handles import Handle
from umi_shared.llama import Cancelled, Sequence, Weights, context
from umi_shared.llama.constrained_decoding import ConstrainedDecoding
from umi_shared.llama.requested_decoding import requested_decoding
from umi_shared.transcript import Call, Instruction, Next, Observation, Plan, ToolCard, View

pytestmark = pytest.mark.model

TEXT = {"type": "string", "pattern": r"^([^<\x00-\x1f]|<(email:1|person:1)>){0,60}<?$"}
FIND = {"type": "object", "properties": {"name": TEXT}, "required": ["name"], "additionalProperties": False}
SEND = {
    "type": "object",
    "properties": {
        "to": {"anyOf": [{"enum": ["<email:1>"]}, {"type": "integer"}]},
        "subject": TEXT,
        "urgent": {"type": "boolean"},
    },
    "required": ["to", "subject", "urgent"],
    "additionalProperties": False,
}
SCHEMAS = {"people.find": FIND, "post.send": SEND}
CATALOGUE = tuple(
    ToolCard(name=name, description=("A tool.",), input_schema=schema) for name, schema in SCHEMAS.items()
)
FIRST = (
    Instruction(("Tell ", Handle("person", 1), " that I am late for the ship.")),
    Plan(("To find ", Handle("person", 1), ", use people.find."), Next.CALLER, "people.find"),
)
SECOND = (
    *FIRST,
    Call("people.find", ('{"name":"', Handle("person", 1), '"}')),
    Observation("people.find", ('{"email":"', Handle("email", 1), '"}')),
    Plan(("To say that I am late, use post.send."), Next.CALLER, "post.send"),
)


@pytest.fixture(scope="module")
def weights(smollm2: Path) -> Iterator[Weights]:
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


@pytest.fixture
def sequence(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sequence]]:
    """Sequences with flash attention, which in one thread rounds a token alike in a batch of any size below 64."""
    monkeypatch.setattr(context, "CPU_FLASH_ATTENTION", 1)
    made: list[Sequence] = []

    def make() -> Sequence:
        made.append(Sequence(weights, context_tokens=512, threads=1))
        return made[-1]

    yield make
    for one in made:
        one.close()


def generation(dialect, entries) -> Generation:
    asked = dialect.call(View(catalogue=CATALOGUE, entries=entries))
    constraint = dialect.call_constraint(SCHEMAS)
    return Generation(prompt=asked.prompt, constraint=constraint, stop=asked.stop, max_tokens=40)


def text_of(sequence: Sequence, asked: Generation) -> str:
    sequence.read(sequence.weights.prompt_tokens(asked.prompt))  # so that all passes that follow are small
    return "".join(chunk.text for chunk in sequence.generate(asked) if isinstance(chunk, Delta))


@pytest.mark.parametrize("entries", [FIRST, SECOND], ids=["first", "second"])
@pytest.mark.parametrize("dialect", [UmiDialect(), AlphaUmiDialect()], ids=lambda one: one.name)
def test_a_call_is_the_same_with_and_without_drafts_and_so_is_the_cache(
    sequence, monkeypatch, dialect, entries
) -> None:
    fast, plain = sequence(), sequence()
    asked = generation(dialect, entries)
    text = text_of(fast, asked)

    def token_by_token(*arguments: Any) -> ConstrainedDecoding:
        decoding = requested_decoding(*arguments)
        decoding.draft_limit = 0
        return decoding

    monkeypatch.setattr("umi_shared.llama.sequence.requested_decoding", token_by_token)
    assert text_of(plain, asked) == text
    assert fast.effort.passes < 0.8 * plain.effort.passes
    length = min(len(fast.tokens), len(plain.tokens))
    assert fast.tokens[:length] == plain.tokens[:length]
    more = [*fast.tokens[:length], *fast.weights.tokenize(" And then.", special=False)]
    fast.read(more)
    plain.read(more)
    assert np.array_equal(fast.logits(), plain.logits())


def test_usage_counts_the_prompt_what_was_cached_and_what_was_written(sequence) -> None:
    one = sequence()
    asked = Generation(prompt=RawPrompt("Name five fruits: apple, pear, apple, pear,"), max_tokens=9)
    *_, first = one.generate(asked)
    *_, second = one.generate(asked)
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens == second.usage.prompt_tokens - 1
    assert first.usage.completion_tokens == 9
    assert one.effort.passes < 9


@pytest.mark.parametrize("kind", ["flag", "function"])
def test_reading_stops_while_llamacpp_computes(sequence, kind) -> None:
    one, cold = sequence(), sequence()
    long = one.weights.tokenize("Tell me of the sea and of the ships. " * 60, special=False)
    flag, event = Cancellation(), threading.Event()
    cancelled = flag if kind == "flag" else event.is_set
    started = threading.Event()
    decode = one._context.decode

    def decoding(*arguments, **options):
        started.set()
        return decode(*arguments, **options)

    one._context.decode = decoding

    def stop() -> None:
        started.wait()
        flag.set()
        event.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Cancelled):
        for _ in one.generate(Generation(prompt=RawPrompt("The sea. " * 150)), cancelled):
            pass
    stopper.join()
    assert one.tokens == []
    one.read(long[:100])
    cold.read(long[:100])
    assert np.array_equal(one.logits(), cold.logits())


def test_the_rows_of_a_batch_are_those_of_its_tokens(weights, sequence) -> None:
    one = sequence()
    tokens = weights.tokenize("The sea is calm, and the ship is late again today.", special=False)
    one.read(tokens[:4])
    rows = one._decode(tokens[4:], len(tokens) - 4, Cancellation()).copy()
    assert np.array_equal(rows[-1], one.logits())
    for count in range(5, len(tokens)):
        one.read(tokens[:count])
        assert np.array_equal(rows[count - 5], one.logits())

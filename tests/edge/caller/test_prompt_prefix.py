"""What is certain of a prompt while its plan is being said, on a real tokenizer and in every dialect."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from umi_edge.caller.prompt_prefix import catalogue_prefix, certain_prefix, whole_words
from umi_shared.dialects import AlphaUmiDialect, ChatDialect, Dialect, UmiDialect
from umi_shared.handles import Handle, parts_of, render
from umi_shared.llama import Weights
from umi_shared.transcript import Call, Entry, Instruction, Next, Observation, Plan, ToolCard, View

pytestmark = pytest.mark.model

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
CATALOGUE = tuple(
    ToolCard(name=name, description=("Find a person.",), input_schema=SCHEMA) for name in ("a.find", "b.find")
)
DONE: tuple[Entry, ...] = (
    Instruction(("Write to ", Handle("person", 1), ".")),
    Plan(("To find them, use a.find.",), Next.CALLER, "a.find"),
    Call("a.find", ('{"name":"', Handle("person", 1), '"}')),
    Observation("a.find", ('{"email":"', Handle("email", 1), '"}')),
)
RATIONALE = "To unsettle <person:1>'s 12,345 antidisestablishmentarian naïvetés, use b.find."
DIALECTS = [UmiDialect(), ChatDialect(), AlphaUmiDialect()]


@pytest.fixture(scope="module")
def weights(smollm2: Path) -> Iterator[Weights]:
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


def seen(entries: tuple[Entry, ...]) -> View:
    return View(catalogue=CATALOGUE, entries=entries)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_is_certain_is_in_the_prompt_of_the_call_but_for_a_token_at_its_edge(
    weights: Weights, dialect: Dialect
) -> None:
    def tokens_of(view: View) -> list[int]:
        return weights.prompt_tokens(dialect.call(view).prompt)

    whole = tokens_of(seen((*DONE, Plan(parts_of(RATIONALE), Next.CALLER, "b.find"))))
    lengths = []
    for end in range(len(RATIONALE) + 1):
        said = Plan(parts_of(whole_words(RATIONALE[:end])), Next.CALLER)
        certain = certain_prefix(tokens_of, seen((*DONE, said)))
        assert whole[: len(certain) - 1] == certain[:-1], render(said.rationale)
        lengths.append(len(certain))
    assert certain_prefix(tokens_of, seen(DONE)) == certain_prefix(
        tokens_of, seen((*DONE, Plan((), Next.CALLER)))
    )
    assert lengths == sorted(lengths)
    left = len(whole) - lengths[-1]
    # The checkpoints' prompt says the plan a second time, after the tools' names.
    assert left < (120 if dialect.name == "alpha-umi" else 24), (
        "all but the last word and the turn's own marks"
    )


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_catalogues_prefix_is_of_every_prompt_and_knows_no_entry(
    weights: Weights, dialect: Dialect
) -> None:
    def tokens_of(view: View) -> list[int]:
        return weights.prompt_tokens(dialect.call(view).prompt)

    prefix = catalogue_prefix(tokens_of, seen(DONE))
    assert prefix == catalogue_prefix(tokens_of, seen(()))
    assert tokens_of(seen((*DONE, Plan((), Next.CALLER))))[: len(prefix) - 1] == prefix[:-1]
    assert b"Find a person" in b"".join(map(weights.piece, prefix))

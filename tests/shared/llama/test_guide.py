"""What is done for speed allows the same tokens as what llguidance would do by itself."""

import json

import llguidance
import llguidance.llamacpp
import numpy as np
import pytest

from umi_shared.engine import JsonSchema
from umi_shared.errors import ModelError
from umi_shared.llama import Weights
from umi_shared.llama.guide import Guide, likeliest
from umi_shared.llama.schema_parts import with_shared_parts

pytestmark = pytest.mark.model

TEXT = {"type": "string", "pattern": r"^([^<\x00-\x1f]|<(email:1|person:2)>){0,40}<?$"}
LETTER = {
    "type": "object",
    "properties": {"subject": TEXT, "body": TEXT, "to": {"type": "array", "items": TEXT}},
    "required": ["subject", "body"],
    "additionalProperties": False,
}
SCHEMA = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"tool": {"const": tool}, "arguments": LETTER},
            "required": ["tool", "arguments"],
            "additionalProperties": False,
        }
        for tool in ("mail.send", "post.send")
    ]
}
OUTPUT = (
    '{"tool":"post.send","arguments":{"subject":"To <person:2>","body":"Café, 3 <","to":["<email:1>","Bob"]}}'
)


@pytest.fixture(scope="module")
def weights(smollm2):
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


def test_every_token_of_a_call_is_allowed_as_in_the_plain_grammar(weights):
    plain = llguidance.LLMatcher(
        llguidance.llamacpp.lltokenizer_from_vocab(weights.vocabulary),
        llguidance.LLMatcher.grammar_from_json_schema(SCHEMA, overrides={"whitespace_flexible": False}),
    )
    guide = Guide(weights.guide_tokenizer, JsonSchema(SCHEMA))
    for token in weights.tokenize(OUTPUT, special=False):
        expected = np.frombuffer(plain.compute_bitmask(), np.uint8)  # a little longer than the vocabulary
        (mask,) = guide.masks([])
        assert np.array_equal(mask, expected[: mask.size])
        guide.take(token)
        assert plain.consume_token(token)
    assert guide.done


def test_looking_ahead_changes_nothing(weights):
    tokens = weights.tokenize(OUTPUT, special=False)
    guide = Guide(weights.guide_tokenizer, JsonSchema(SCHEMA))
    ahead = guide.masks(tokens)
    assert len(ahead) == len(tokens)  # after the last nothing may come
    for token, mask in zip(tokens, ahead, strict=True):
        assert np.array_equal(guide.masks([])[0], mask)
        guide.take(token)


def test_what_cannot_come_is_cut_from_a_draft(weights):
    guide = Guide(weights.guide_tokenizer, JsonSchema(SCHEMA))
    tokens = weights.tokenize('{"tool":"nobody.knows"', special=False)
    valid = guide.valid(tokens)
    assert 0 < len(valid) < len(tokens)
    assert guide.valid([]) == []


def test_a_refused_token_is_an_error_that_quotes_nothing(weights):
    guide = Guide(weights.guide_tokenizer, JsonSchema({"const": "CANARY-4711"}))
    with pytest.raises(ModelError) as caught:
        guide.take(weights.tokenize("x", special=False)[0])
    assert "CANARY" not in str(caught.value)


def test_values_and_names_that_look_like_schemas_stay():
    value = {"properties": {"subject": "a text that is long enough to be worth a reference of its own"}}
    schema = {
        "type": "object",
        "properties": {"properties": {"enum": [value, value]}, "items": {"const": value}, "$ref": TEXT},
    }
    assert with_shared_parts(schema) == schema


def test_parts_within_parts_are_shared_too():
    shared = with_shared_parts(SCHEMA)
    assert json.dumps(shared).count("email:1") == 1
    assert len(shared["$defs"]) == 2


@pytest.mark.parametrize("best", [3, 9])
def test_the_likeliest_token_that_is_allowed_and_preferred(best):
    logits = np.arange(16, dtype=np.float32)
    logits[best] = 99
    mask = np.packbits([token in (3, 5, 7) for token in range(16)], bitorder="little")
    assert likeliest(logits, mask) == (3 if best == 3 else 7)
    assert likeliest(logits, mask, np.isin(np.arange(16), [5, 8])) == 5
    assert likeliest(logits, mask, np.isin(np.arange(16), [8])) == (3 if best == 3 else 7)
    with pytest.raises(ModelError):
        likeliest(logits, np.zeros(2, np.uint8))

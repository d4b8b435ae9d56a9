"""Drafts change how often the model is asked, never what is written: a real vocabulary, and a model made up."""

import itertools
import re

import numpy as np
import pytest

from umi_shared.engine import Delta, Finish, JsonSchema, Lark, Regex
from umi_shared.llama import Weights
from umi_shared.llama.constrained_decoding import ConstrainedDecoding
from umi_shared.llama.guide import Guide

pytestmark = pytest.mark.model

TEXT = r"^([^<\x00-\x1f]|<(email:1|email:22|person:1)>){0,480}<?$"
CALL = JsonSchema(
    {
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "tool": {"const": tool},
                    "arguments": {
                        "type": "object",
                        "properties": {
                            "to": {"anyOf": [{"enum": ["<email:1>", "<email:22>"]}, {"type": "integer"}]},
                            "body": {"type": "string", "pattern": TEXT},
                        },
                        "required": ["to", "body"],
                        "additionalProperties": False,
                    },
                },
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            }
            for tool in ("mail.send", "mail.search", "calendar.add_event")
        ]
    }
)
CONSTRAINTS = {
    "call": CALL,
    "plan": Regex(r"To [a-z <>:0-9]{1,80}, use (mail\.send|calendar\.add_event)\. Next: caller\."),
    "lark": Lark('start: "Action: " ("mail.send" | "mail.search") "\\nAction Input: " /[a-z ]{5,60}/ "."'),
    "free": None,
}
PROMPT = (
    "<|im_start|>user\nTell <email:22> that the ship is late and the sea is calm.<|im_end|>\n"
    "<|im_start|>planner\nTo tell <email:22> that the ship is late, use mail.send. Next: caller.<|im_end|>\n"
    '{"tool":"mail.send","arguments":{"to":"<email:22>","body":"The ship is late'
)


class MadeUpModel:
    """Logits that depend on the last tokens alone; now and then it goes on as a text before did."""

    def __init__(self, weights: Weights, seed: int) -> None:
        self._size = weights.vocabulary_size
        self._seed = seed
        self._known = weights.tokenize(PROMPT, special=True)

    def logits(self, read: list[int]) -> np.ndarray:
        random = np.random.default_rng([self._seed, *read[-3:]])
        logits = random.normal(0, 1, self._size).astype(np.float32)
        for place, token in itertools.pairwise(self._known):
            if place == read[-1] and random.random() < 0.8:
                logits[token] += 8
        return logits


def write(
    weights: Weights, model: MadeUpModel, constraint, *, ahead: int, room: int, stop=(), likely=""
) -> tuple:
    """Drive a decoding as an engine does; checks that what is read stays the prompt and the output."""
    prompt = weights.tokenize(PROMPT, special=True)
    guide = Guide(weights.guide_tokenizer, constraint) if constraint else None
    decoding = ConstrainedDecoding(
        vocabulary=weights,
        prompt=prompt,
        held=len(prompt) - 9,
        max_tokens=room,
        guide=guide,
        stop=stop,
        likely=weights.tokenize(likely, special=False),
        draft_limit=ahead,
    )
    read, text, fed = prompt[: decoding.held], "", []
    while decoding.finish is None:
        tokens = decoding.feed()
        assert tokens
        assert len(read) + len(tokens) < len(prompt) + room
        whole = read + tokens
        rows = [model.logits(whole[: len(whole) - back]) for back in reversed(range(decoding.rows))]
        text += "".join(delta.text for delta in decoding.take(np.array(rows)))
        read = whole[: len(whole) - decoding.rejected]
        fed.append(len(tokens))
    return text, read[len(prompt) :], decoding


@pytest.fixture(scope="module")
def weights(smollm2):
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_a_text_with_drafts_is_the_text_without_in_fewer_passes(weights, kind):
    passes = {0: 0, 32: 0}
    forced = accepted = 0
    for seed in range(4):
        model = MadeUpModel(weights, seed)
        slow, slow_read, one = write(weights, model, CONSTRAINTS[kind], ahead=0, room=70)
        fast, fast_read, many = write(weights, model, CONSTRAINTS[kind], ahead=32, room=70)
        assert fast == slow
        assert many.finish is one.finish
        assert many.written == one.written
        shorter = min(len(slow_read), len(fast_read))
        assert fast_read[:shorter] == slow_read[:shorter]
        passes[0] += one.effort.passes
        passes[32] += many.effort.passes
        forced, accepted = forced + many.effort.forced, accepted + many.effort.accepted
    assert passes[32] < 0.8 * passes[0]
    assert accepted > 0 or kind == "lark"  # whose words the prompt does not have
    assert (forced > 0) == (kind != "free")


@pytest.mark.parametrize("kind", ["call", "free"])
def test_a_likely_start_that_comes_true_saves_passes_and_one_that_does_not_changes_nothing(weights, kind):
    saved = 0
    for seed in range(4):
        model = MadeUpModel(weights, seed)
        plain, _, one = write(weights, model, CONSTRAINTS[kind], ahead=32, room=60)
        for likely in (
            plain[:30],
            plain[:12] + "Q" + plain[12:30],
            '{"tool":"mail.send","arguments":{"',
            "Quite else",
        ):
            text, _, two = write(weights, model, CONSTRAINTS[kind], ahead=32, room=60, likely=likely)
            assert text == plain
            assert two.written == one.written
            saved += (one.effort.passes - two.effort.passes) * (likely == plain[:30])
    assert saved > 0


@pytest.mark.parametrize("room", [1, 2, 7])
def test_no_more_is_written_than_there_is_room_for(weights, room):
    model = MadeUpModel(weights, 3)
    texts = {ahead: write(weights, model, CALL, ahead=ahead, room=room) for ahead in (0, 32)}
    assert texts[32][0] == texts[0][0]
    assert texts[32][2].written == room
    assert texts[32][2].finish is Finish.LENGTH


def test_a_stop_string_within_a_draft_ends_the_text_there(weights):
    model = MadeUpModel(weights, 1)
    whole = write(weights, model, CALL, ahead=32, room=60)[0]
    text, _, decoding = write(weights, model, CALL, ahead=32, room=60, stop=('","arg',))
    assert text == whole[: whole.index('","arg')]
    assert decoding.finish is Finish.STOP


def test_the_bound_between_forced_and_free_text_is_the_models(weights):
    """A model that would write forced and free letters as one token does so."""
    guide = Guide(weights.guide_tokenizer, Lark('start: "It is the" /[a-z]{2,9}/'))
    pieces = ((token, weights.piece(token)) for token in range(weights.vocabulary_size))
    wider = next(token for token, piece in pieces if re.fullmatch(rb" the[a-z]{2,9}", piece))
    prompt = weights.tokenize("Say it.", special=True)
    decoding = ConstrainedDecoding(vocabulary=weights, prompt=prompt, held=0, max_tokens=20, guide=guide)
    forced = [*weights.tokenize("It is the", special=False), 0]
    text = ""
    while decoding.finish is None:
        decoding.feed()
        logits = np.zeros((decoding.rows, weights.vocabulary_size), np.float32)
        for row, token in enumerate(forced[decoding.written :][: decoding.rows]):
            logits[row, token] = 1
        logits[:, wider] = 2
        text += "".join(delta.text for delta in decoding.take(logits))
    assert text.startswith("It is" + weights.piece(wider).decode())
    assert decoding.effort.forced > 0


def test_deltas_are_whole_characters(weights):
    prompt = weights.tokenize("Wave.", special=True)
    output = weights.tokenize("\N{WAVING HAND SIGN}\N{WAVING HAND SIGN}", special=False)
    decoding = ConstrainedDecoding(vocabulary=weights, prompt=prompt, held=0, max_tokens=len(output))
    chunks: list[Delta] = []
    while decoding.finish is None:
        decoding.feed()
        logits = np.zeros((decoding.rows, weights.vocabulary_size), np.float32)
        for row in range(decoding.rows):
            logits[row, output[min(decoding.written + row, len(output) - 1)]] = 1
        chunks += decoding.take(logits)
    assert len(chunks) > 1
    assert "".join(chunk.text for chunk in chunks) == "\N{WAVING HAND SIGN}\N{WAVING HAND SIGN}"

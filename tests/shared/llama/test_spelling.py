"""A word that is begun like one of the request's is likelier to be it, by a prior that the model can outweigh."""

import numpy as np
import pytest

from umi_shared.llama import Weights
from umi_shared.llama.spelling import Spelling
from umi_shared.llama.writing import PRIOR, Writing

pytestmark = pytest.mark.model

REQUEST = "Put the kayak festival into the calendar, and mail Zdeněk about the plan of the planning."
START = '{"tool":"calendar.create","arguments":{"title":"'


@pytest.fixture(scope="module")
def weights(smollm2):
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def spelling(weights):
    return Spelling(REQUEST, weights.only_token)


@pytest.mark.parametrize(
    ("written", "rests"),
    [
        ("Ka", {"yak", "y", "ya"}),
        ("KA", {"yak", "y", "ya"}),
        ("A fest", {"ival", "iv", "i", "iva"}),
        ("Zdeně", {"k"}),
        ("Zde", {"n"}),
        ("plan", set()),  # a word of the request; whether it is "planning" is the model's choice
        ("plann", {"ing", "in", "i"}),
        ("Kay ", set()),
        ("Kayaking", set()),
        ("the", set()),
        ("", set()),
    ],
)
def test_the_rest_of_a_begun_word_is_likelier_in_every_piece(spelling, weights, written, rests):
    assert {weights.piece(token).decode() for token in spelling.likelier(START + written)} <= rests
    assert bool(spelling.likelier(START + written)) == bool(rests)


@pytest.mark.parametrize(
    "written", ['{"to', '{"tool":"calendar.create","fest', '{"tool":"x","arguments":{"fest', "fest", "", ":"]
)
def test_names_of_tools_and_arguments_are_left_alone(spelling, written):
    assert spelling.likelier(written) == []


def written(weights: Weights, liking: float) -> str:
    """By a model that has begun "Kay" and likes to end it as "Kaylin" so much more than in any other way."""
    begun = weights.tokenize(START + "Kay", special=False)
    writing = Writing(
        vocabulary=weights,
        prompt=weights.tokenize(REQUEST, special=False),
        held=0,
        room=len(begun) + 1,
        spelling=Spelling(REQUEST, weights.only_token),
        ahead=0,
    )
    text = ""
    while writing.finish is None:
        writing.feed()
        logits = np.zeros((1, weights.vocabulary_size), np.float32)
        if writing.written < len(begun):
            logits[0, begun[writing.written]] = 100
        else:
            logits[0, weights.only_token("lin")] = liking
            logits[0, weights.only_token("ak")] = 0.1
        text += "".join(delta.text for delta in writing.take(logits))
    return text.removeprefix(START)


def test_the_model_can_outweigh_the_prior(weights):
    assert written(weights, PRIOR - 0.5) == "Kayak"
    assert written(weights, PRIOR + 0.5) == "Kaylin"

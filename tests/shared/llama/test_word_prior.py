"""A word that is begun like one of the request's is likelier to be it, by a prior that the model can outweigh."""

import numpy as np
import pytest

from umi_shared.llama import Weights
from umi_shared.llama.constrained_decoding import ConstrainedDecoding
from umi_shared.llama.word_prior import BOOST, WordPrior

pytestmark = pytest.mark.model

REQUEST = "Put the kayak festival into the calendar, and mail Zdeněk about the orchard and the plan of the planning."
START = '{"tool":"calendar.create","arguments":{"title":"'


@pytest.fixture(scope="module")
def weights(smollm2):
    loaded = Weights.load(smollm2)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def prior(weights):
    return WordPrior(REQUEST, weights)


def pieces(weights: Weights, text: str) -> list[str]:
    return [piece for _, piece in weights.pieces(text)]


@pytest.mark.parametrize("word", ["Orchard", "kayak", " kayak", "Kayak", " Festival", "Festival"])
def test_a_word_goes_on_in_its_own_tokens(prior, weights, word):
    written = "A" if word.startswith(" ") else ""
    tokens = weights.pieces(word)
    assert tokens
    for number, (token, piece) in enumerate(tokens):
        if number or not word.startswith(" "):
            assert token in prior.likelier(START + written), written
        written += piece
    assert prior.likelier(START + written) == []


def test_words_begin_at_the_start_of_a_value_and_no_word_is_begun_there_that_nobody_said(prior, weights):
    begun = {weights.piece(token).decode() for token in prior.likelier(START)}
    words = REQUEST.replace(",", "").replace(".", "").lower().split()
    forms = [form for word in words if len(word) > 2 for form in (word, word.capitalize())]
    assert begun == {found[0] for form in forms if (found := pieces(weights, form))}


def test_a_word_with_a_letter_in_two_tokens_is_left_to_the_model(weights):
    assert pieces(weights, "Zdeněk") == []


@pytest.mark.parametrize(
    "written",
    [
        START + "plan",  # a word of the request; whether it is "planning" is the model's choice
        START + "Kay ",
        START + "xyz",
        START + "A ",
        START + 'A","',
        '{"tool":"calendar.create","fest',
        '{"to',
        "fest",
        "",
        ":",
    ],
)
def test_names_of_arguments_and_what_is_no_begun_word_are_left_alone(prior, written):
    assert prior.likelier(written) == []


def chosen(weights: Weights, begun: str, liking: dict[str, float]) -> str:
    """The next token's text of a model that has begun so, and likes these tokens by so much."""
    tokens = [token for piece in begun.split("|") for token in weights.tokenize(piece, special=False)]
    decoding = ConstrainedDecoding(
        vocabulary=weights,
        prompt=weights.tokenize(REQUEST, special=False),
        held=0,
        max_tokens=len(tokens) + 1,
        prior=WordPrior(REQUEST, weights),
        draft_limit=0,
    )
    text = ""
    while decoding.finish is None:
        decoding.feed()
        likes = (
            {tokens[decoding.written]: 100.0}
            if decoding.written < len(tokens)
            else {
                token: liked
                for piece, liked in liking.items()
                for token in weights.tokenize(piece, special=False)
            }
        )
        logits = np.zeros((1, weights.vocabulary_size), np.float32)
        logits[0, list(likes)] = list(likes.values())
        text += "".join(delta.text for delta in decoding.take(logits))
    return text.removeprefix(begun.replace("|", ""))


def test_the_model_can_outweigh_the_prior(weights):
    first, second, *_ = pieces(weights, "Orchard")
    assert chosen(weights, f"{START}|{first}", {"c": BOOST - 0.5}) == second
    assert chosen(weights, f"{START}|{first}", {"c": BOOST + 0.5}) == "c"


def test_a_number_is_no_misspelt_word(weights):
    """Where the model is about to write a digit, no word is made likelier."""
    assert chosen(weights, START, {"2": 0.1}) == "2"

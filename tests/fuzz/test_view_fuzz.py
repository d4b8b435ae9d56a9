"""Views with text near the corpus, in every dialect: no text becomes a control token, and none becomes a turn."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import FUZZ, near_text, replayed
from umi_cloud.engines.control_tokens import COMMON, neutralise
from umi_shared.dialects import dialect_named
from umi_shared.engine import ChatPrompt, Prompt
from umi_shared.errors import MalformedError
from umi_shared.handles import Handle
from umi_shared.transcript import (
    Answer,
    Call,
    Instruction,
    Next,
    Observation,
    Plan,
    ToolCard,
    View,
)

DIALECTS = ("umi", "chat", "alpha-umi")
CONTROL = re.compile("|".join([r"<\|[A-Za-z0-9_]{1,40}\|>", *map(re.escape, COMMON)]))
CHECKPOINTS = re.compile(r"</?s>|<unk>|<pad>")
"""What the tokenizer of the paper's checkpoints reads as control tokens."""
PLAIN = "nothing of note"


def view_of(*texts: str) -> View:
    """A session with a text of its own in every place that has one."""
    given_ = iter(texts)

    def text() -> tuple[str | Handle, ...]:
        words = next(given_)
        return (words[: len(words) // 2], Handle("email", 1), words[len(words) // 2 :])

    card = ToolCard(
        name="t", description=text(), input_schema={"type": "object", "properties": {next(given_): {}}}
    )
    entries = (
        Instruction(text()),
        Plan(text(), Next.CALLER, "t"),
        Call("t", text()),
        Observation("t", text()),
        Observation("t", (), next(given_)),
        Plan(text(), Next.CALLER),
    )
    return View(catalogue=(card,), entries=(*entries, Answer(text())))


PLACES = 9


def prompts(dialect: str, view: View) -> list[Prompt]:
    language = dialect_named(dialect)
    before = View(catalogue=view.catalogue, entries=view.entries[:-1])
    return [language.plan(view).prompt, language.call(before).prompt, language.answer(view).prompt]


def skeleton(dialect: str, prompt: Prompt) -> list[str]:
    """All of a prompt that only the program may write: its turns' roles, and its control tokens."""
    if isinstance(prompt, ChatPrompt):
        contents = [neutralise(message.content, COMMON) for message in prompt.messages]  # as the engines do
        return [message.role for message in prompt.messages] + CONTROL.findall("\n".join(contents))
    if dialect == "alpha-umi":
        return CHECKPOINTS.findall(prompt.text)
    return re.findall(r"<\|im_start\|>(\w+)\n", prompt.text) + CONTROL_OF_UMI.findall(prompt.text)


CONTROL_OF_UMI = re.compile(r"<\|[A-Za-z0-9_]{1,40}\|>")


def check(texts: list[str]) -> None:
    for dialect in DIALECTS:
        usual = [skeleton(dialect, prompt) for prompt in prompts(dialect, view_of(*[PLAIN] * PLACES))]
        found = [skeleton(dialect, prompt) for prompt in prompts(dialect, view_of(*texts))]
        assert found == usual, dialect


@replayed("texts")
def test_every_text_of_the_corpus_stays_text_in_every_place(raw):
    text = raw.decode()
    check([text] * PLACES)
    for place in range(PLACES):
        check([text if at == place else PLAIN for at in range(PLACES)])


@given(st.lists(near_text("texts"), min_size=PLACES, max_size=PLACES))
@FUZZ
def test_no_text_near_the_corpus_becomes_a_control_token_or_a_turn(texts):
    check(texts)


@given(
    st.lists(
        st.sampled_from(["<|", "|>", "im_end", "im_start", "</s>", "<", "/s>", "\\", "s>", "\n"]), max_size=9
    )
)
@FUZZ
def test_pieces_of_control_tokens_do_not_add_up_to_one(pieces):
    check((pieces + [""] * PLACES)[:PLACES])
    check(["".join(pieces)] * PLACES)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(pieces=st.lists(near_text("texts"), max_size=4))
@FUZZ
def test_what_a_planner_writes_is_a_decision_or_refused_however_it_is_cut(dialect, pieces):
    view = view_of(*[PLAIN] * PLACES)
    said = []
    for parts in (pieces, list("".join(pieces))):
        reader = dialect_named(dialect).decision_reader(view)
        rationale = "".join(map(reader.feed, parts))
        try:
            rest, decision = reader.finish()
        except MalformedError:
            said.append(("refused", ""))
            continue
        assert decision.tool in ("", "t")
        said.append((rationale + rest, decision))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("dialect", "raw"),
    list(product(DIALECTS, ["", "{}", "[" * 5000, '{"tool":1,"arguments":[]}', "Action: t"])),
)
def test_what_a_caller_writes_is_a_call_or_refused(dialect, raw):
    with pytest.raises(MalformedError):
        dialect_named(dialect).read_call(raw)


@given(near_text("handles") | near_text("texts"), st.sampled_from(DIALECTS))
@FUZZ
def test_a_call_near_the_corpus_is_read_or_refused(text, dialect):
    try:
        tool, arguments = dialect_named(dialect).read_call(text)
    except MalformedError:
        return
    assert isinstance(tool, str)
    assert isinstance(arguments, str)

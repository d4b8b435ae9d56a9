"""What a question is made of, and what is no answer to it."""

import pytest

from umi_edge.reading import Page, Question, Reading, ranked
from umi_edge.reading.question import words_of


@pytest.mark.parametrize("said", ["wifi", "Wi-Fi", "WI-FI"])
def test_a_short_part_with_a_hyphen_is_one_word_with_the_rest(said: str) -> None:
    assert words_of(said) == ("wifi",)


@pytest.mark.parametrize("said", ["lemon-cake", "Alt-Moabit", "24-7"])
def test_longer_parts_and_figures_are_words_of_their_own(said: str) -> None:
    assert len(words_of(said)) == 2


@pytest.mark.parametrize(
    ("figures", "month"),
    [("2026-09-03", "september"), ("2025-03", "march"), ("2026-12-03T10:00", "december")],
)
def test_a_date_in_figures_has_its_month(figures: str, month: str) -> None:
    assert words_of(figures)[-1] == month


@pytest.mark.parametrize("figures", ["2026-13-01", "12026-09-03", "26-09-03", "2026-091"])
def test_other_figures_have_none(figures: str) -> None:
    assert all(not word.isalpha() for word in words_of(figures))


async def test_words_of_the_question_alone_are_no_answer() -> None:
    text = "You are coming, aren't you?\n\nSophie"
    heard = await Reading().answer(text, "what should I get Sophie for her birthday?")
    assert heard is None or text[heard.start : heard.end] != "Sophie"


def test_what_a_question_of_yes_or_no_says_may_be_its_answer() -> None:
    assert not Question.of("Is the deposit paid?").repeated_by("Deposit paid.")
    assert Question.of("which deposit is paid?").repeated_by("Deposit paid.")


def test_a_text_holds_the_share_of_the_words_that_stand_anywhere() -> None:
    pages = [
        Page(title="Office", text="Wi-Fi MARCHETTI, password torte"),
        Page(title="Hearing", text="Arbitration chambers. Wi-Fi: longrow-1884."),
    ]
    found = ranked(pages, Question.of("wifi password at the arbitration chambers of Xanadu"))
    held = {one.number: one.held for one in found}
    assert held[0] < 0.6 < held[1]
    assert all(one.held == 1 for one in ranked(pages, Question.of("arbitration")))


@pytest.mark.parametrize("text", ["1," * 100_000 + "1:", "a-" * 100_000])
def test_a_long_run_of_figures_or_words_is_no_sum_and_is_looked_through_soon(text: str) -> None:
    assert not Question.of("how much is the rent?").fits(text)


@pytest.mark.parametrize(
    ("asked", "terms"),
    [
        ("when's Mai's exam?", ("mai", "exam")),
        ("Show me the note of the groom?", ("note", "groom")),
        ("is there anything from the town hall", ("townhall",)),
    ],
)
def test_what_is_said_to_the_device_and_what_questions_are_made_of_is_not_asked_about(
    asked: str, terms: tuple[str, ...]
) -> None:
    assert Question.of(asked).terms == terms


def test_a_code_is_found_by_the_letters_that_it_begins_with() -> None:
    pages = Page(title="STAT20029 exam", text="9:00"), Page(title="NEUR20004 exam", text="14:15")
    assert ranked(pages, Question.of("when is the neuro exam"))[0].number == 1

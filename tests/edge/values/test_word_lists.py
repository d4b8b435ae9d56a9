"""Word lists: what a phrase of a file is found in, and that a mistake in a file is told with its line."""

import re
from importlib.resources import files

import pytest
from ruamel.yaml import YAML

from umi_edge.values.word_lists import WordListError, read_word_lists

GOOD = """\
english:
  # What goes.
  removes: cancel*, call ... off, no
  whose: my, our
german:
  removes: absag*
  whose: mein
"""


def found(phrases: str, text: str) -> bool:
    lists = read_word_lists(f"english:\n  words: {phrases}\n", "words.yaml")
    return re.search(rf"\b{lists.any_of('words')}\b", text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("absag*", "Bitte absagen"),
        ('"*nummer"', "die Telefonnummer"),
        ("number(s)", "the Numbers of all"),
        ("e(-)mail", "by e-mail"),
        ("not that|this one|guy", "not this guy"),
        ("call ... off", "call the party of Ann off"),
        ("call ... off", "call off"),
        ("all (of) (the|my) people", "all people"),
        ("all (of) (the|my) people", "all of my people"),
        ("lösch*", "losche das"),
        ("l'autre", "l’autre"),
        ("find, look up", "look  up"),
    ],
)
def test_a_phrase_is_found(phrase, text):
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("absag", "absagen"),
        ("number(s)", "numbered"),
        ("=über", "uber"),
        ("call ... off", "call one two three four five six off"),
        ("all (of) people", "all of my people"),
        ('""', "anything"),
    ],
)
def test_what_is_no_phrase_of_a_list_is_not_found(phrase, text):
    assert not found(phrase, text)


def test_a_list_has_the_phrases_of_all_languages():
    lists = read_word_lists(GOOD, "words.yaml", plain=("whose",))
    assert lists.words("whose") == {"my", "our", "mein"}
    assert re.fullmatch(lists.any_of("removes", "whose"), "absagen")


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("german:\n  removes: absag*", "german:\n  removse: absag*"), 6, "`german` has a list `removse`"),
        (("  whose: mein\n", ""), 5, "`german` lacks the list `whose`"),
        (("absag*", "absag*, (streich"), 6, "`(streich` is no phrase"),
        (("absag*", "absag*, absag*"), 6, "`absag*` is there twice"),
        (("absag*", "absag*,, raus"), 6, "`` is no phrase"),
        (("absag*", "[absag*, raus]"), 6, "`removes:` holds no phrases"),
        (("whose: mein", "whose: mein*"), 7, "`mein*` is no phrase"),
        (("german:\n", "german: nichts\nitalian:\n"), 5, "`german` has no lists"),
        (("german:\n", "english:\n"), 5, "this is no YAML"),
        (("  whose: mein", " whose: mein"), 7, "this is no YAML"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(change, line, message):
    text = GOOD.replace(*change)
    with pytest.raises(WordListError) as caught:
        read_word_lists(text, "words.yaml", plain=("whose",))
    assert (caught.value.file, caught.value.line) == ("words.yaml", line)
    assert str(caught.value).startswith(f"words.yaml:{line}: ")
    assert message in str(caught.value)
    assert caught.value.fix


def test_an_empty_file_is_told():
    with pytest.raises(WordListError, match="no section of a language"):
        read_word_lists("# nothing\n", "words.yaml")


@pytest.mark.parametrize(
    "file", [one.name for one in files("umi_edge.session.words").iterdir() if one.name.endswith(".yaml")]
)
def test_the_files_of_sessions_are_sound(file):
    text = (files("umi_edge.session.words") / file).read_text("utf-8")
    assert read_word_lists(text, file)
    assert text.startswith("# ")


def test_a_language_is_added_without_touching_code():
    text = (files("umi_edge.session.words") / "invitations.yaml").read_text("utf-8")
    others = "".join(
        f'  {name}: ""\n' for name in YAML(typ="safe").load(text)["english"] if name != "invites"
    )
    lists = read_word_lists(f"{text}\nitalian:\n  invites: invita*, con\n{others}", "invitations.yaml")
    assert re.search(rf"\b{lists.any_of('invites')}\b", "invitala a pranzo")

"""The labelled corpus is what it says: large, of many languages, halved by rule, with right check digits."""

import json
import re
import unicodedata
from collections import Counter

import pytest

from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig
from umi_lab.detectors.corpus import ADDRESS_BOOK, Half, half_of, read_corpus, shipped_files
from umi_shared.errors import ConfigError

_TYPES = """
person company email phone iban card api_key url_with_userinfo date_of_birth home_path ip
national_id secret mac coordinates licence_plate passport address health money
"""
TYPES = set(_TYPES.split())
SENTENCES = read_corpus(shipped_files())


def test_it_is_large_and_of_many_languages():
    languages = Counter(sentence.language for sentence in SENTENCES)
    assert len(SENTENCES) >= 1500
    assert sum(count >= 90 for count in languages.values()) >= 10
    assert sum(not sentence.spans for sentence in SENTENCES) >= 400
    assert min(languages.values()) >= 15


def test_no_text_is_there_twice():
    assert max(Counter(sentence.text for sentence in SENTENCES).values()) == 1


def test_a_sentence_has_no_say_in_which_half_it_is():
    assert all(sentence.half is half_of(sentence.text) for sentence in SENTENCES)
    held_out = sum(sentence.half is Half.HELD_OUT for sentence in SENTENCES) / len(SENTENCES)
    assert 0.45 < held_out < 0.55


@pytest.mark.parametrize("half", Half)
def test_both_halves_have_every_language_type_and_class(half):
    mine = [sentence for sentence in SENTENCES if sentence.half is half]
    assert {one.language for one in mine} == {one.language for one in SENTENCES}
    assert {span.type for one in mine for span in one.spans} == TYPES
    classes = Counter(one.kind for one in SENTENCES)
    assert {kind for kind, count in classes.items() if count >= 8} <= {one.kind for one in mine}


def test_spans_are_whole_words_of_a_type_and_clean_sentences_have_none():
    for sentence in SENTENCES:
        assert sentence.kind.startswith("clean") == (not sentence.spans)
        assert sentence.kind
        assert re.fullmatch("[A-Z]{2}", sentence.region)
        for span in sentence.spans:
            text = sentence.text[span.start : span.end]
            assert text == text.strip()
            assert span.type in TYPES
            assert not span.known or span.type in ("person", "company")


def _values(kind):
    for sentence in SENTENCES:
        for span in sentence.spans:
            if span.type == kind:
                text = unicodedata.normalize("NFKC", sentence.text[span.start : span.end])
                plain = "".join(
                    str(unicodedata.decimal(one)) if one.isdecimal() else one for one in text if one.isalnum()
                )
                yield plain.upper()


def test_ibans_and_cards_have_right_check_digits():
    ibans, cards = list(_values("iban")), list(_values("card"))
    assert len(ibans) >= 60
    assert len(cards) >= 60
    for iban in ibans:
        assert int("".join(str(int(one, 36)) for one in iban[4:] + iban[:4])) % 97 == 1
    for card in cards:
        doubled = [int(one) * 2 - 9 * (int(one) > 4) for one in card[-2::-2]]
        assert (sum(map(int, card[-1::-2])) + sum(doubled)) % 10 == 0


def _words(text):
    marks_off = "".join(
        one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one)
    )
    return set(re.findall(r"\w+", marks_off))


def test_the_device_has_the_names_that_it_is_said_to_have():
    book = AddressBook(ContactsConfig(folder=ADDRESS_BOOK)).read()
    names = {word for contact in book.contacts for word in _words(contact.name)}
    assert len(book.contacts) >= 100
    assert not book.lost
    plain = [one for one in SENTENCES if one.kind == "name-plain"]
    assert len(plain) >= 80
    for sentence in plain:
        for span in sentence.spans:
            assert span.known
            assert _words(sentence.text[span.start : span.end]) <= names


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Call Zebulon", "not JSON"),
        ('["Zebulon"]', "no `text`"),
        ('{"text": "Zebulon"}', "no list of `spans`"),
        ('{"text": "Zebulon", "spans": [{"start": 0, "end": 7}]}', "no `type`"),
        ('{"text": "Zebulon", "spans": [{"start": 0, "end": 8, "type": "person"}]}', "not places"),
        ('{"text": "Zebulon", "spans": [{"start": 3, "end": 3, "type": "person"}]}', "not places"),
        ('{"text": "Zebulon", "spans": [{"start": false, "end": 3, "type": "person"}]}', "not places"),
        ('{"text": "Zebulon", "spans": [], "split": "mine"}', "`split`"),
        ('{"text": "Zebulon", "spans": [], "language": 3}', "are texts"),
        ('{"text": "Zebulon", "spans": [{"start": 0, "end": 7, "type": "person", "known": 1}]}', "`known`"),
    ],
)
def test_a_mistake_is_told_by_its_line_and_nothing_of_its_text(tmp_path, line, said):
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"text": "clean", "spans": []}) + "\n\n" + line + "\n")
    with pytest.raises(ConfigError, match=said) as raised:
        read_corpus([file])
    assert f"{file}:3:" in str(raised.value)
    assert "Zebulon" not in str(raised.value)
    assert raised.value.__context__ is None


def test_spans_that_overlap_are_refused(tmp_path):
    file = tmp_path / "mine.jsonl"
    spans = [{"start": 0, "end": 4, "type": "person"}, {"start": 3, "end": 6, "type": "person"}]
    file.write_text(json.dumps({"text": "abcdef", "spans": spans}))
    with pytest.raises(ConfigError, match="overlap"):
        read_corpus([file])


def test_files_without_a_sentence_are_an_error(tmp_path):
    file = tmp_path / "mine.jsonl"
    file.write_text("\n")
    with pytest.raises(ConfigError, match="no sentence"):
        read_corpus([file])

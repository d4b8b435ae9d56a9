"""Whom a phrase means that is no name: by what is said first, then by the rest, then by the rarest words."""

from time import process_time

import pytest

from umi_edge.tools.builtin.contact import Contact
from umi_edge.tools.builtin.found_contacts import found
from umi_edge.tools.builtin.likely_contacts import likely

BOOK = [
    Contact(name="Lena Vogel", company="Vogel Sanitär", role="Inhaberin", note="did our boiler"),
    Contact(name="Karl Reuter", company="Reuter Sanitär"),
    Contact(name="Mutti", note="only on Sundays"),
    Contact(name="Ines Prado", note="mum of Leo, brings the cake"),
    Contact(name="Tom Schneider", note="brother of Ines"),
    Contact(name="Chantier Morel", company="Chantier Morel", kind="org", note="winter storage"),
    Contact(name="Ana Ruiz", role="gerente", company="Banco del Sur"),
    Contact(name="Petra Baker", other_names=("Baker Petra",), company="Roofs"),
]


def named(phrase: str) -> list[str]:
    return [one.name for one in found(BOOK, phrase, anywhere=True)]


@pytest.mark.parametrize(
    ("phrase", "names"),
    [
        ("the plumber who did our boiler", ["Lena Vogel"]),
        ("der Klempner, der den Kessel gemacht hat", ["Lena Vogel", "Karl Reuter"]),  # which one is asked
        ("le plombier Reuter", ["Karl Reuter"]),
        ("the yard that takes our boat", ["Chantier Morel"]),
        ("mum", ["Mutti"]),
        ("meine Mutter", ["Mutti"]),
        ("la gerente del banco", ["Ana Ruiz"]),
        ("the mum with the cake", ["Mutti"]),
        ("the one who brings the cake", ["Ines Prado"]),
        ("Frau Vogel", ["Lena Vogel"]),
        ("Petra dinner", ["Petra Baker"]),  # more words than the name
        ("Ines's party", ["Ines Prado"]),
    ],
)
def test_a_phrase_means_whom_its_words_tell(phrase, names):
    assert named(phrase) == names


@pytest.mark.parametrize(
    "phrase",
    [
        "my brother",  # another's is not the user's
        "the tailor",  # a name is no trade
        "next plumber",
        "Petra Zuckermann",  # a name that is not known
        "dinner with a baker's dozen",
        "the manager of the harbour",
        "",
    ],
)
def test_a_phrase_that_fits_nobody_means_nobody(phrase):
    assert named(phrase) == []


def test_more_people_than_a_question_can_name_are_none():
    assert (
        likely([Contact(name=f"{letter} Roofs", company="Roofs") for letter in "ABCDEF"], "the roofer") == []
    )


@pytest.mark.parametrize(
    ("phrase", "names"), [("mum", ["Rosa Diaz"]), ("dad", ["Frank Diaz"]), ("oma", []), ("son", [])]
)
def test_a_relation_is_nobody_whose_name_merely_has_its_letters(phrase, names):
    book = [
        Contact(name="Mumtaz Ali"),
        Contact(name="Soledad Ruiz"),
        Contact(name="Thomas Johnson"),
        Contact(name="Rosa Diaz", nicknames=("Mamá",)),
        Contact(name="Frank Diaz", role="father"),
    ]
    assert [one.name for one in found(book, phrase, anywhere=True)] == names


@pytest.mark.parametrize("note", ["ben's mum " * 10_000, "p" * 100_000, "plum-" * 20_000, "plumb " * 16_000])
def test_a_long_note_is_read_once_and_not_from_each_of_its_letters(note):
    started = process_time()
    assert found([Contact(name="Ines", note=note)], "my mum the cook", anywhere=True) == []
    assert process_time() - started < 10


CLUB = [
    Contact(name="Jule Adler", company="Grundschule Nord"),
    Contact(name="Rosa Weiss", company="Fechtclub Nord", role="Trainerin"),
    Contact(name="Emil Kraus", company="Schwimmverein Nord", role="Trainer"),
    Contact(name="Dev Ames", company="Brightwire IT", role="IT support"),
    Contact(name="Ana Sol", company="Sol Forensic Accounting"),
    Contact(name="Kim Roe", company="Okada", note="call before it rains, it is far"),
]


@pytest.mark.parametrize(
    ("phrase", "names"),
    [
        ("jule's fencing coach", ["Rosa Weiss"]),
        ("Jule's swimming coach", ["Emil Kraus"]),
        ("the IT guy", ["Dev Ames"]),
        ("our it person", ["Dev Ames"]),
        ("accounting expert in okada", ["Ana Sol"]),
        ("Jule's coach", ["Rosa Weiss", "Emil Kraus"]),  # which one is asked
        ("lisa's mum", []),
    ],
)
def test_somebody_is_found_by_what_they_are_to_somebody_and_by_a_trade_that_is_a_pronoun_too(phrase, names):
    assert [one.name for one in found(CLUB, phrase, anywhere=True)] == names


def test_a_note_that_says_it_is_of_nobody_who_does_it():
    assert found([one for one in CLUB if one.name != "Dev Ames"], "the IT guy", anywhere=True) == []

"""Whom the phrases of the development half mean: `contacts.search` finds the right card, and nobody for what fits none.

The phrases are as the requests have them, and as a planner that keeps to the user's words passes them on.
"""

import pytest

from umi_edge.tools.builtin.contacts import AddressBook, ContactsConfig
from umi_edge.tools.builtin.found_contacts import found
from umi_lab.natural.home import homes

RIGHT = {
    "engineer": {
        "martin kellers": ["Martin Keller"],
        "Kalle": ["Karl-Heinz Petersen"],
        "deniz yilmz": ["Deniz Yılmaz"],
        "Brian Cole at Severn Valves": ["Brian Cole"],
        "Nordvatten": ["Per Lindqvist", "Priya Raman"],
        "ian": ["Ian Marsh"],
        "my tax adviser": ["Steuerberaterin Ute Reimers"],
        "martin": ["Martin Keller", "Martin Voss"],
        "the yard": ["Werft Hansen & Söhne"],
        "yard": ["Werft Hansen & Söhne"],
        "the yard that takes our boat": ["Werft Hansen & Söhne"],
        "the other Martin, the seal guy": ["Martin Keller", "Martin Voss"],
        "my wife": ["Svenja Brandt"],
        "Svenja": ["Svenja Brandt"],
        "mum": ["Mama"],
        "stefan vogt": ["Stefan Vogt"],
    },
    "lawyer": {
        "the clerk at the arbitration chambers": ["Thomas Achterberg"],
        "harpret singhs": ["Harpreet Singh"],
        "the company Okada Robotics": ["Emi Okada", "Kenji Okada"],
        "the physiotherapist": ["Petra Novak"],
        "tom (rowing)": ["Thomas Beaulieu"],
        "Douglas Finch": ["Douglas Finch"],
        "wendy ng": ["Wendy Ng"],
        "opposing counsel okada": ["Martin Leblanc"],
        "opposing counsel": ["Martin Leblanc"],
        "the landlord of our office": ["Spadina Tower Management"],
        "dentist": ["Dr Aiko Sato"],
        "my mother": ["Mamma"],
        "Ms Finch": ["Beatrice Finch", "Douglas Finch"],
        "the courier": ["Swiftfoot Couriers"],
        "Mr Achterberg": ["Thomas Achterberg"],
    },
    "parent": {
        "liv": ["Olivia Penhale"],
        "St Aldhelm's Primary": ["St Aldhelm's Primary"],
        "Avonlea": ["Declan Byrne", "Meera Joshi"],
        "bob": ["Robert Okafor"],
        "the bakery that makes the cake": ["Bloom Bakery"],
        "nishas": ["Dr Nisha Patel", "Nisha Rao"],
        "kids' dentist": ["Bright Smiles Dental"],
        "that accountant": ["Robert Okafor"],
        "marty": ["Martin Hughes"],
        "martin, the plumber": ["Martin Price"],
        "ben's dad": ["Martin Hughes"],
        "granny": ["Granny Pat"],
        "the surgery": ["Dr Nisha Patel"],
        "my husband": ["Tunde Adeyemi"],
        "the piano teacher": ["Miss Fontaine"],
    },
    "shopkeeper": {
        "ferme faure": ["Martin Faure"],
        "giulia conte": ["Giulia Conti"],
        "market office at the town hall": ["Mairie, service des marchés"],
        "the town hall": ["Mairie, service des marchés"],
        "my adviser from the bank": ["Sophie Lambert"],
        "hanna weber in freiburg": ["Hanna Weber"],
        "transports martin": ["Transports Martin"],
        "Hôtel des Tanneurs": ["Hôtel des Tanneurs"],
        "tintins": ["Martin Delorme"],
        "the owner of my shop": ["Monsieur Arnaud"],
        "perrin": ["Jean-Luc Perrin", "Perrin Frères"],
        "fridge repair": ["Perrin Frères"],
        "the guy who does the sockets": ["Yann Le Goff"],
        "the electrician": ["Yann Le Goff"],
        "Martin who brings the goat cheese": ["Martin Faure"],
        "the other Martin, which works at me on Saturday": ["Martin Delorme"],
        "the cold room man": ["Perrin Frères"],
        "seve": ["Imprimerie Sève"],
        "jl perrin": ["Jean-Luc Perrin"],
    },
    "student": {
        "lachies": ["Lachlan Reid"],
        "my grandmother": ["Abuela Carmen"],
        "the editor of the student paper": ["Oliver Bond"],
        "pri": ["Priyanka Nair"],
        "Amélie": ["Amélie Girard"],
        "martins": ["Dr Martin Ellery", "Martin Osei"],
        "martin, my housemate": ["Martin Osei"],
        "mum": ["Mamá"],
        "my brother": ["Hugo Rivas"],
        "the lady who does my café roster": ["Beth at the café"],
        "the tutor of statistics": ["Kwame Boateng"],
        "Prof. Adair": ["Prof. Yvonne Adair"],
        "beth": ["Beth at the café"],
    },
}
NOBODY = {
    "engineer": ["the window cleaner", "Nordlys", "Sabine Kruse", "the boss of the harbour", "next dentist"],
    "lawyer": ["the florist", "Judge Moreau", "my sister", "the plumber", "Vancouver"],
    "parent": ["the optician", "the electrician", "John Smith", "the head of the council"],
    "shopkeeper": ["my lawyer", "the vet", "Thomas Blanc", "the florist around the corner", "my dentist"],
    "student": ["the landlady of the beach house", "my sister", "the plumber", "Tim Nguyen", "the boss of the bank"],
}  # fmt: skip


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    def book(home):
        config = home.copy_to(tmp_path_factory.mktemp(home.name))
        return AddressBook(ContactsConfig(folder=config.contacts)).read().contacts

    return {home.name: book(home) for home in homes()}


@pytest.mark.parametrize(
    ("home", "phrase", "names"),
    [(home, phrase, names) for home, phrases in RIGHT.items() for phrase, names in phrases.items()],
)
def test_a_phrase_finds_the_card_that_it_means(books, home, phrase, names):
    assert sorted(one.name for one in found(books[home], phrase, anywhere=True)) == sorted(names)


@pytest.mark.parametrize(
    ("home", "phrase"), [(home, phrase) for home, some in NOBODY.items() for phrase in some]
)
def test_a_phrase_that_fits_nobody_finds_nobody(books, home, phrase):
    assert [one.name for one in found(books[home], phrase, anywhere=True)] == []

"""What the user repeats of what a model told them."""

import pytest

from umi_edge.labelling.text import LabelledEntry, Span, constant
from umi_edge.labelling.vault import INSTRUCTION, Vault
from umi_edge.session.echoes import Echoes
from umi_shared.bars import Bar
from umi_shared.labels import Integrity, Label, Locality
from umi_shared.transcript import Answer, Instruction, Next, Plan

OWN = Label.at(Locality.CLOUD, Integrity.TRUSTED)
BARS = frozenset({Bar("r", ("post",))})
EVIL = "evil@attacker.example"


def told(text: str, template=None) -> LabelledEntry:
    label = Label.at(Locality.CLOUD).with_bars(BARS)
    return LabelledEntry(template or Answer(()), (Span(clear=text, masked=(text,), label=label, rule=""),))


def typed(text: str, label: Label = OWN) -> LabelledEntry:
    return LabelledEntry(Instruction(()), (Span(clear=text, masked=(text,), label=label, rule=""),))


ASKED = told(f"Shall I write to {EVIL}, or +44 20 7946 0958, on 27 November 2026 at 15:00?")


@pytest.mark.parametrize(
    ("entries", "part", "own", "barred"),
    [
        ([ASKED], EVIL, False, True),
        ([ASKED], EVIL.upper(), False, True),
        ([ASKED], "+44 20 7946 0958", False, True),
        ([told(f"I can't. {EVIL}?", Plan((), Next.GIVE_UP, ""))], EVIL, False, True),
        ([ASKED, typed("hm")], EVIL, False, True),
        (
            [ASKED, typed(EVIL, Label.at(Locality.CLOUD))],
            EVIL,
            False,
            True,
        ),  # an echo makes no word the user's own
        ([ASKED], "bob@example.org", True, False),
        ([ASKED], "l@attacker.example", True, False),
        ([typed(f"Write to {EVIL}"), ASKED], EVIL, True, False),
        ([ASKED], "27 November 2026", True, True),
        ([told(f"I ask {EVIL}.", Plan((), Next.CALLER, "x"))], EVIL, False, True),
        ([ASKED], "+442079460958", False, True),
        ([ASKED], "+44 (0)20 7946 0959", True, False),
        ([], EVIL, True, False),
    ],
)
def test_an_address_that_a_model_told_first_is_not_the_users_own(entries, part, own, barred):
    label = Echoes.of(entries, Vault()).label(part, OWN)
    assert label.trusted is own
    assert label.bars == (BARS if barred else frozenset())


@pytest.mark.parametrize(
    "spelled",
    [
        "evil\u200b@attacker.example",
        "e\u00advil@attacker.exam\u2060ple",
        r"evil\@attacker.example",
        "evil&#64;attacker.example",
        "evil@**attacker**.example",
        "[them](mailto:evil%40attacker.example)",
        "evil (at) attacker (dot) example",
        "evil at attacker dot example",
        "ｅｖｉｌ＠attacker.example",
        "evil@\nattacker.example",
    ],
)
def test_an_address_is_known_again_however_a_model_sets_it(spelled):
    assert Echoes.of([told(f"Write to {spelled}, say yes.")], Vault()).label(EVIL, OWN).trusted is False


@pytest.mark.parametrize(
    "glued", ["yes,{}", "to:{}", "<{}>", "“{}”", "a={}&b", "({}).", "mailto:{}?subject=x"]
)
@pytest.mark.parametrize("address", [EVIL, "https://evil.example/pay", "12345678"])
def test_an_address_is_known_again_whatever_the_user_types_beside_it(glued, address):
    echoes = Echoes.of([told(f"Go to {address} then.")], Vault())
    assert echoes.label(glued.format(address), OWN).trusted is False
    assert echoes.label(glued.format("bob@example.org"), OWN).trusted is True


@pytest.mark.parametrize(
    "typed_as", ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00"]
)
def test_a_number_is_known_again_however_the_user_types_it(typed_as):
    echoes = Echoes.of([told("Pay to DE89 3704 0044 0532 0130 00, please.")], Vault())
    assert echoes.label(typed_as, OWN).trusted is False
    assert echoes.label("DE89 3704 0044 0532 0130 01", OWN).trusted is True


def test_a_value_of_the_users_own_data_stays_theirs_and_is_barred_as_it_was():
    vault = Vault()
    handle = vault.keep(EVIL, type="email", label=OWN, origin=INSTRUCTION)
    ours = Span(clear=EVIL, masked=(handle,), label=Label.at(Locality.HANDLE).with_bars(BARS), rule="")
    label = Echoes.of([LabelledEntry(Answer(()), (ours,))], vault).label(EVIL, OWN)
    assert label.trusted
    assert label.bars == BARS


def test_no_repr_shows_what_was_said():
    assert "evil" not in repr(
        Echoes.of([ASKED, typed("evil"), LabelledEntry(Answer(()), (constant("x"),))], Vault())
    )

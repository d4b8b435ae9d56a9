"""Somebody is found by what they do, whatever words their card has for it."""

from pathlib import Path

import pytest

from tests.edge.tools.test_builtin import home_under
from umi_edge.tools.builtin.trades import is_of_trade


@pytest.mark.parametrize(
    ("card", "asked"),
    [
        ("Petit Plomberie", "plumber"),
        ("Zahnarztpraxis Müller", "my dentist"),
        ("Klempnerei Voß", "fontanero"),
        ("Propriétaire", "landlord"),
        ("Cabinet vétérinaire", "vet"),
        ("Weiss Dental, Lyon", "dentist Lyon"),
    ],
)
def test_another_word_of_the_trade_is_found(card: str, asked: str) -> None:
    assert is_of_trade(card, asked)


@pytest.mark.parametrize(
    ("card", "asked"),
    [
        ("Weiss Dental", "plumber"),
        ("Weiss Dental", "dentist Paris"),
        ("Vetter & Sons", "vet"),
        ("Petit Plomberie", "Petit"),  # no trade is asked for
        ("", "dentist"),
        ("Weiss Dental", "the"),
    ],
)
def test_other_words_are_not(card: str, asked: str) -> None:
    assert not is_of_trade(card, asked)


async def test_a_search_takes_the_trade_where_nothing_else_is_meant(tmp_path: Path) -> None:
    (tmp_path / "contacts").mkdir()
    home = home_under(tmp_path, more=True)
    await home.call("contacts.add", name="Lucas Petit", company="Petit Plomberie")
    await home.call("contacts.add", name="Serrure Smith", company="Roofs")

    async def found(asked: str) -> list[str]:
        return [one["name"] for one in (await home.call("contacts.search", name=asked))["matches"]]

    assert await found("plumber") == ["Lucas Petit"]
    assert await found("locksmith") == []  # a name is no trade
    await home.call("contacts.add", name="Ann Plumber")
    assert await found("plumber") == ["Ann Plumber"]


async def test_a_bent_name_is_found_beside_what_else_is_known(tmp_path: Path) -> None:
    (tmp_path / "contacts").mkdir()
    home = home_under(tmp_path, more=True)
    for name, company in (("Martin Osei", "Housemates"), ("Martin Adler", "Adler Roofs")):
        await home.call("contacts.add", name=name, company=company)
    (found,) = (await home.call("contacts.search", name="martins roofs"))["matches"]
    assert found["name"] == "Martin Adler"
    assert (await home.call("contacts.search", name=" "))["matches"] == []

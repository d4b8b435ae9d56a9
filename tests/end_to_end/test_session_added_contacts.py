"""What is added of somebody who has a card goes into that card, and a contact is called by a name."""

import json
from dataclasses import replace

import pytest

from tests.end_to_end.harness import plan, world
from tests.end_to_end.test_session_addressees import AGNES, BEA, Asks, made
from tests.end_to_end.test_session_choices import DONE, VOSS
from tests.end_to_end.test_session_questions import Says
from umi_edge.policy import default_policy, load_policy
from umi_edge.policy.document import RelationsWord
from umi_edge.tools.builtin import builtin_tools

PUT = plan("To add the mobile to the contacts, use contacts.add.")
NUMBER = "+44 117 496 0188"
BY_NUMBER = {"name": "<Phone:1>"}


async def play(folder, request, *calls, plans=(PUT, *DONE), policy=None, **more):
    tools, rules = builtin_tools(made(folder)), policy or default_policy()
    written = [("contacts.add", json.dumps(one)) for one in calls]
    async with world(folder, plans=list(plans), calls=written, tools=tools, policy=rules, **more) as w:
        await w.session.ask(request)
    return w


def done(w) -> list[tuple[str, dict[str, object]]]:
    return [(one.tool, dict(one.arguments)) for one in w.session.record if one.done]


def changed(who, **what: str) -> tuple[str, dict[str, object]]:
    return "contacts.change", {"id": who[1], **what}


@pytest.mark.parametrize("written", [
    BY_NUMBER,
    {"name": "<person:1>", "phone": "<phone:1>"},
    {"name": "card", "phone": "<phone:1>", "company": None},
])  # fmt: skip
async def test_what_goes_into_somebodys_card_changes_it_and_adds_no_second_one(tmp_path, written):
    written = {**written, "name": "<person:1>"} if written["name"] == "card" else written
    request = f"{BEA[0].split()[0]} finally has a mobile, {NUMBER}, can you put it into her card?"
    w = await play(tmp_path, request, written)
    assert [tool for tool, _ in done(w)] == ["contacts.search", "contacts.change"]
    assert done(w)[-1] == changed(BEA, phone=NUMBER)


@pytest.mark.parametrize("words", [
    "{0}'s number is {1} now, note it in {0}'s card", "{0} has a new number: {1}. Save it",
    "{0} hat jetzt ein Handy: {1}, trag es ein", "mets le {1} dans la fiche de {0}, elle a maintenant un portable",
])  # fmt: skip
async def test_words_for_a_card_that_is_there_are_known(tmp_path, words):
    w = await play(tmp_path, words.format(BEA[0], NUMBER), BY_NUMBER)
    assert done(w)[-1] == changed(BEA, phone=NUMBER)


async def test_of_several_with_that_name_the_user_is_asked_whose_card_is_meant(tmp_path):
    says = Says("the one at Pumpen Ahoy")
    request = f"Wendel finally has a mobile, {NUMBER}, can you put it into his card?"
    w = await play(tmp_path, request, BY_NUMBER, replies=says)
    assert done(w)[-1] == changed(VOSS, phone=NUMBER)


async def test_somebody_without_a_card_gets_one(tmp_path):
    request = f"Save Tamsin Oakleyqx, she has now a mobile: {NUMBER}"
    w = await play(tmp_path, request, {"name": "Tamsin Oakleyqx", "phone": "<phone:1>"})
    assert done(w)[-1] == ("contacts.add", {"name": "Tamsin Oakleyqx", "phone": NUMBER})


async def test_what_a_card_of_that_very_name_lacks_is_put_into_it(tmp_path):
    request = f"add {BEA[0]} {NUMBER} to my contacts"
    w = await play(tmp_path, request, {"name": "<person:1>", "phone": "<phone:1>"})
    assert done(w)[-1] == changed(BEA, phone=NUMBER)


@pytest.mark.parametrize("request_", [
    f"add {BEA[0].split()[0]} {NUMBER} to my contacts",
    f"new contact {BEA[0]} {NUMBER}",
])  # fmt: skip
async def test_somebody_who_may_be_another_person_gets_a_card_of_their_own(tmp_path, request_):
    w = await play(tmp_path, request_, {"name": "<person:1>", "phone": "<phone:1>"})
    assert done(w)[-1][0] == "contacts.add"


async def test_what_a_card_of_that_name_has_already_is_not_replaced_where_no_words_speak_of_a_card(tmp_path):
    request = f"add {BEA[0]} otto@elsewhere.example to my contacts"
    w = await play(tmp_path, request, {"name": "<person:1>", "email": "<email:1>"})
    assert done(w)[-1][0] == "contacts.add"


@pytest.mark.parametrize("name", ["<Phone:1>", "0117 496 0188"])
async def test_a_contact_is_not_called_by_its_number(tmp_path, name):
    w = await play(tmp_path, f"save {NUMBER} please", {"name": name}, {"name": name}, plans=(PUT, *DONE))
    assert not done(w)


async def test_a_number_in_the_place_of_a_name_is_put_where_numbers_stand(tmp_path):
    w = await play(tmp_path, f"add the number of Tamsin Oakleyqx, {NUMBER}", BY_NUMBER)
    assert done(w)[-1] == ("contacts.add", {"name": "Tamsin Oakleyqx", "phone": NUMBER})


@pytest.mark.parametrize(("request_", "name", "called"), [
    ("save the raffle printers as a contact, Ticket Fox, fox@fox.example", "Raffle printers", "Ticket Fox"),
    ("save the raffle printers as a contact, fox@fox.example", "Raffle printers", "Raffle printers"),
    ("save Mr Dufourqx, of the Château, fox@fox.example", "Mr Dufourqx", "Mr Dufourqx"),
])  # fmt: skip
async def test_a_card_is_named_by_the_name_behind_a_description(tmp_path, request_, name, called):
    w = await play(tmp_path, request_, {"name": name, "email": "<email:1>"})
    assert done(w)[-1] == ("contacts.add", {"name": called, "email": "fox@fox.example"})


async def test_consent_shows_the_change(tmp_path):
    asks = Asks()
    request = f"{BEA[0].split()[0]} finally has a mobile, {NUMBER}, can you put it into her card?"
    await play(tmp_path, request, BY_NUMBER, consent=asks)
    shown = asks.shown[-1]
    assert (shown.tool, dict(shown.arguments)) == changed(BEA, phone=NUMBER)


async def test_where_no_relations_are_told_it_does_not_show_whether_a_card_lacks_what_is_added(tmp_path):
    rules = replace(default_policy(), relations=RelationsWord.HIDDEN)
    request = f"add {BEA[0]} {NUMBER} to my contacts"
    w = await play(tmp_path, request, {"name": "<person:1>", "phone": "<phone:1>"}, policy=rules)
    assert done(w)[-1][0] == "contacts.add"


async def test_where_the_shape_of_look_ups_stays_nothing_is_looked_up(tmp_path):
    search = '{results: {"$": {locality: handle, shape: hidden}}}'
    hidden = load_policy(
        f"version: 1\ntools:\n  contacts.search: {search}\n  contacts.add: {{confirm: never}}\n"
    )
    request = f"{BEA[0]} finally has a mobile, {NUMBER}, can you put it into her card?"
    w = await play(tmp_path, request, {"name": BEA[0], "phone": NUMBER}, policy=hidden)
    assert [tool for tool, _ in done(w)] == ["contacts.add"]


async def test_homes_that_differ_in_what_stays_are_the_same_on_the_wire(tmp_path):
    sent = []
    for number, (who, mobile) in enumerate([(BEA, NUMBER), (AGNES, "+44 117 496 0377")]):
        (folder := tmp_path / str(number)).mkdir()
        first = who[0].split()[0]
        w = await play(
            folder, f"{first} finally has a mobile, {mobile}, can you put it into her card?", BY_NUMBER
        )
        assert done(w)[-1] == changed(who, phone=mobile)
        sent.append([one.message for one in w.capture.requests])
        kept = b"".join(sent[-1]).decode(errors="replace")
        assert not [word for word in (*who[0].split(), who[1], who[2], mobile) if word in kept]
    assert sent[0] == sent[1]

"""Whoever is looked up is whom the words describe, and not the one name in the description."""

import pytest

from tests.end_to_end.harness import plan, world
from tests.end_to_end.test_session_addressees import AGNES, BEA, DOUG, done, find, letter, made
from tests.end_to_end.test_session_choices import SEND
from umi_edge.policy import default_policy
from umi_edge.tools.builtin import builtin_tools

LOOK = plan("To find the number, use contacts.search.")
DONE = [plan("It is found.", "summarizer"), "It is <email:1>."]
FIRST = BEA[0].split()[0]


async def play(folder, request, *calls, **more):
    tools = builtin_tools(made(folder))
    policy, plans = default_policy(), [LOOK, *DONE]
    async with world(folder, plans=plans, calls=list(calls), tools=tools, policy=policy, **more) as w:
        ending = await w.session.ask(request)
    return w, ending


@pytest.mark.parametrize(("request_", "name"), [
    (f"what is the mail address of {FIRST}'s landlord", f"{FIRST}'s landlord"),
    (f"what's the mail address of our landlord in {FIRST}", f"landlord in {FIRST}"),
    (f"what's the address of the landlord at the {BEA[2]}?", f"landlord at the {BEA[2]}"),
])  # fmt: skip
async def test_a_name_in_a_description_is_not_who_is_described(tmp_path, request_, name):
    taken = "<company:1>" if BEA[2] in request_ else "<person:1>"
    w, ending = await play(tmp_path, request_, find(taken))
    assert done(w) == [("contacts.search", name)]
    assert DOUG[1] in ending.answer


@pytest.mark.parametrize("request_", [
    f"what is {FIRST}'s mail address", f"what's the mail address of {FIRST} in Utrecht",
    f"put lunch with {FIRST}'s landlord in my calendar and tell me the mail address",
    f"what is the mail address of {FIRST}'s",
])  # fmt: skip
async def test_who_is_named_is_looked_up_by_that_name(tmp_path, request_):
    w, ending = await play(tmp_path, request_, find("<person:1>"))
    assert done(w) == [("contacts.search", FIRST)]
    assert BEA[1] in ending.answer


async def test_where_nobody_is_so_described_the_name_is_looked_up_as_it_was(tmp_path):
    request = f"what is the mail address of the quibbling podiatrist of {FIRST}"
    w, ending = await play(tmp_path, request, find("<person:1>"))
    assert [name for _, name in done(w)] == [f"quibbling podiatrist of {FIRST}", FIRST]
    assert BEA[1] in ending.answer


@pytest.mark.parametrize(
    "request_", ["what's the mail address of our landlord?", "the landlord, mail address please"]
)
async def test_somebody_is_looked_up_by_what_they_are_where_a_caller_invents_a_name(tmp_path, request_):
    w, ending = await play(tmp_path, request_, find("Lizzie"))
    assert done(w) == [("contacts.search", "landlord")]
    assert DOUG[1] in ending.answer


async def test_homes_that_differ_in_what_stays_are_the_same_on_the_wire(tmp_path):
    sent = []
    for number, who in enumerate([BEA, AGNES]):
        (folder := tmp_path / str(number)).mkdir()
        first = who[0].split()[0]
        w, _ = await play(folder, f"what is the mail address of {first}'s landlord", find("<person:1>"))
        assert done(w) == [("contacts.search", f"{first}'s landlord")]
        sent.append([one.message for one in w.capture.requests])
        kept = b"".join(sent[-1]).decode(errors="replace")
        assert not [word for word in (*who[0].split(), who[1], who[2], DOUG[1]) if word in kept]
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    "words", ["Tell {}'s landlord that it is cold", "write to {}'s landlord: it is cold"]
)
async def test_a_letter_to_somebody_of_somebodys_goes_to_them(tmp_path, words):
    tools, calls = builtin_tools(made(tmp_path)), [find("<person:1>"), letter()]
    plans = [LOOK, SEND, *DONE]
    async with world(tmp_path, plans=plans, calls=calls, tools=tools, policy=default_policy()) as w:
        await w.session.ask(words.format(FIRST))
    assert done(w) == [("contacts.search", f"{FIRST}'s landlord"), ("mail.send", DOUG[1])]


async def test_what_is_sent_is_nobody_who_is_looked_up(tmp_path):
    tools, calls = builtin_tools(made(tmp_path)), [find("zora")]
    async with world(tmp_path, plans=[LOOK, *DONE], calls=calls, tools=tools, policy=default_policy()) as w:
        await w.session.ask("send the report to zora")
    assert done(w) == [("contacts.search", "zora")]

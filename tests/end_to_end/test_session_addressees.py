"""A letter goes to whom the user's words tell, whoever a plan looks up or writes to."""

import json
from dataclasses import replace

import pytest

from tests.end_to_end.harness import plan, world
from tests.end_to_end.test_session_choices import DONE, LOOK, SEND, home
from umi_edge.policy import default_policy
from umi_edge.session.consent import ConsentRequest, DecidedBy, UnsafeApproveAll
from umi_edge.tools.builtin import builtin_tools

BEA = ("Ottoline Brackenqx", "otto@bracken.example", "Bracken Boats", "boat builder")
DOUG = ("Dunstan Fairlieqx", "dunstan@fairlie.example", "Fairlie Lets", "landlord")
AGNES = ("Agneta Mooreqx", "agneta@moore.example", "Moore Media", "editor")
TEXT = "We take the big room."


def made(folder):
    kept = home(folder)
    for name, address, company, role in (BEA, DOUG, AGNES):
        card = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"FN:{name}",
            f"EMAIL:{address}",
            f"ORG:{company}",
            f"TITLE:{role}",
        ]
        text = "\r\n".join([*card, f"UID:{address}", "END:VCARD", ""])
        (kept.contacts / f"{address}.vcf").write_text(text)
    return replace(kept, more=True)


def find(name: str) -> tuple[str, str]:
    return "contacts.search", json.dumps({"name": name})


def letter(to: object = "<email:1>", **more: str) -> tuple[str, str]:
    return "mail.send", json.dumps({"to": to, "subject": "Thursday", "body": TEXT, **more})


async def play(folder, request, *calls, plans=(LOOK, SEND, *DONE), policy=None, **more):
    tools, rules = builtin_tools(made(folder)), policy or default_policy()
    async with world(folder, plans=list(plans), calls=list(calls), tools=tools, policy=rules, **more) as w:
        for one in [request] if isinstance(request, str) else request:
            await w.session.ask(one)
    return w


def done(w) -> list[tuple[str, object]]:
    """What was done, with whom it was for."""
    given = [(one.tool, one.arguments) for one in w.session.record if one.done]
    return [(tool, arguments.get("name", arguments.get("to"))) for tool, arguments in given]


async def test_who_is_in_the_message_is_looked_up_where_it_tells_how_they_are_reached(tmp_path):
    w = await play(
        tmp_path, f"write to {BEA[0]} how to reach {DOUG[0]}", find("<person:2>"), find("<person:1>")
    )
    assert done(w)[0] == ("contacts.search", DOUG[0])


async def test_whoever_is_looked_up_is_whom_the_words_tell_and_not_who_is_in_the_message(tmp_path):
    request = f"Write please to {BEA[0]} that she must not sit beside {DOUG[0]}"
    w = await play(tmp_path, request, find("<person:2>"), letter())
    assert done(w) == [("contacts.search", BEA[0]), ("mail.send", BEA[1])]


FOUND_BOTH = {"plans": (LOOK, LOOK, SEND, *DONE)}
ILL = f"Tell {BEA[0]} that {DOUG[0]} is ill"
BOTH = (find("<person:1>"), find("<person:2>"))


async def test_a_letter_to_somebody_of_the_message_goes_to_whom_the_words_tell(tmp_path):
    w = await play(tmp_path, ILL, *BOTH, letter("<email:2>", cc="<email:2>"), **FOUND_BOTH)
    assert done(w)[-1] == ("mail.send", BEA[1])
    assert "cc" not in w.session.record[-1].arguments


async def test_whom_the_words_tell_gets_no_copy_of_their_own_letter(tmp_path):
    w = await play(tmp_path, ILL, *BOTH, letter("<email:2>", cc="<email:1>"), **FOUND_BOTH)
    assert "cc" not in w.session.record[-1].arguments


async def test_whoever_is_told_is_looked_up_for_a_letter_to_somebody_of_the_message(tmp_path):
    requests = [f"what is the number of {DOUG[0]}", f"Tell {BEA[0]} that {DOUG[0]} is ill"]
    plans = [plan("It is known.", "summarizer"), "I do not know.", LOOK, SEND, *DONE]
    w = await play(tmp_path, requests, find("<person:1>"), letter(), plans=plans)
    assert done(w) == [("contacts.search", BEA[0]), ("mail.send", BEA[1])]


@pytest.mark.parametrize("request_", [
    f"Thank {DOUG[0]} for the lift and tell {BEA[0]} that I am late",
    f"{DOUG[0]} waits for the plan. Tell {BEA[0]} that I am late",
    f"Tell {BEA[0]} that I am late. {DOUG[0]} should get the mail too",
])  # fmt: skip
async def test_a_letter_to_somebody_for_whom_there_may_be_another_errand_stays(tmp_path, request_):
    doug = "<person:2>" if request_.startswith("Tell") else "<person:1>"
    w = await play(tmp_path, request_, find(doug), letter())
    assert done(w) == [("contacts.search", DOUG[0]), ("mail.send", DOUG[1])]


async def test_a_letter_to_one_of_two_who_are_told_stays(tmp_path):
    request = f"tell {BEA[0]} and {DOUG[0]} that the lift is broken"
    plans = [LOOK, LOOK, SEND, SEND, *DONE]
    w = await play(tmp_path, request, *BOTH, letter("<email:1>"), letter("<email:2>"), plans=plans)
    assert done(w)[2:] == [("mail.send", BEA[1]), ("mail.send", DOUG[1])]


async def test_somebody_is_looked_up_by_what_they_are_where_a_caller_invents_a_name(tmp_path):
    w = await play(
        tmp_path, "Please send our landlord a short message that it is cold", find("Lizzie"), letter()
    )
    assert done(w) == [("contacts.search", "landlord"), ("mail.send", DOUG[1])]


@pytest.mark.parametrize("told", ["Wendel", "my podiatrist", "Ottolina"])
async def test_a_letter_to_somebody_of_the_message_is_not_sent_where_no_one_has_the_name_that_is_told(
    tmp_path, told
):
    doug = "<person:1>" if told != "Wendel" else "<person:2>"
    request = f"Tell {told} that {DOUG[0]} is ill"
    plans = [LOOK, LOOK, SEND, *DONE]
    w = await play(tmp_path, request, find(told), find(doug), letter("<email:1>"), plans=plans)
    assert ("mail.send", DOUG[1]) not in done(w)


@pytest.mark.parametrize("request_", [
    f"Tell {BEA[0]} the number of {DOUG[0]}",
    f"Put lunch with {DOUG[0]} in my calendar and tell {BEA[0]} that I am late",
])  # fmt: skip
async def test_a_look_up_that_is_for_more_than_the_letter_stays(tmp_path, request_):
    doug = "<person:2>" if request_.startswith("Tell") else "<person:1>"
    w = await play(tmp_path, request_, find(doug), plans=[LOOK, *DONE])
    assert done(w) == [("contacts.search", DOUG[0])]


class Asks(UnsafeApproveAll):
    """Approves, and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[ConsentRequest] = []

    async def approve(self, request: ConsentRequest) -> bool:
        self.shown.append(request)
        return True


async def test_consent_shows_who_gets_the_letter_and_that_a_look_up_gave_them(tmp_path):
    asks = Asks()
    await play(tmp_path, ILL, *BOTH, letter("<email:2>"), consent=asks, **FOUND_BOTH)
    shown = asks.shown[-1]
    assert (shown.tool, shown.arguments["to"]) == ("mail.send", BEA[1])
    assert shown.decided_by("to") is DecidedBy.YOUR_DATA


async def test_homes_that_differ_in_what_stays_are_the_same_on_the_wire(tmp_path):
    sent = []
    for number, who in enumerate([(BEA, DOUG), (AGNES, BEA)]):
        (folder := tmp_path / str(number)).mkdir()
        request = f"Tell {who[0][0]} that {who[1][0]} is ill"
        w = await play(folder, request, *BOTH, letter("<email:2>"), **FOUND_BOTH)
        assert done(w)[-1] == ("mail.send", who[0][1])
        sent.append([one.message for one in w.capture.requests])
        kept = b"".join(sent[-1]).decode(errors="replace")
        assert not [word for one in who for word in (*one[0].split(), one[1], one[2]) if word in kept]
    assert sent[0] == sent[1]

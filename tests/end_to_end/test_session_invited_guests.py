"""All whom the user's words invite are guests of an event, and nobody whom they do not."""

import pytest

from tests.end_to_end.harness import plan
from tests.end_to_end.test_session_errand_times import EVENT, asked
from tests.end_to_end.test_session_times import call
from umi_edge.session.invited_guests import invites_all

ALICE, KARIM = "alice.moreau@example.org", "karim.haddad@example.org"
PLANS = [
    plan("To find one, use contacts.search."),
    plan("To find the other, use contacts.search."),
    plan("To put it in, use calendar.create."),
    plan("Done.", "summarizer"),
    "It is in your calendar.",
]


@pytest.mark.parametrize(
    ("request_", "guests"),
    [
        ("review with Alice Moreau and Karim Haddad on Friday at 14:00, and invite both", [ALICE, KARIM]),
        ("review with Alice Moreau and Karim Haddad on Friday at 14:00, invite them both", [ALICE, KARIM]),
        ("review with Alice Moreau and Karim Haddad on Friday at 14:00", [KARIM]),
        ("review on Friday at 14:00, ask Alice Moreau and invite Karim Haddad, both are well", [KARIM]),
        ("review with Alice Moreau and Karim Haddad on Friday at 14:00, don't invite both", [KARIM]),
    ],
)
async def test_all_are_guests_where_the_words_invite_all(tmp_path, request_, guests):
    w, _ = await asked(
        tmp_path,
        request_,
        plans=PLANS,
        written=[
            call("contacts.search", name="<person:1>"),
            call("contacts.search", name="<person:2>"),
            call("calendar.create", **EVENT, guests=["<email:2>"]),
        ],
    )
    assert w.session.record[-1].result == "done"
    assert w.session.record[-1].arguments["guests"] == guests
    assert b"Moreau" not in w.capture.bytes_out
    assert ALICE.encode() not in w.capture.bytes_out


async def test_nobody_is_added_where_a_look_up_found_nobody(tmp_path):
    w, _ = await asked(
        tmp_path,
        "review with Alice Moreau and Zed on Friday at 14:00, and invite both",
        plans=PLANS,
        written=[
            call("contacts.search", name="Zed"),
            call("contacts.search", name="<person:1>"),
            call("calendar.create", **EVENT, guests=["<email:1>"]),
        ],
    )
    assert w.session.record[-1].arguments["guests"] == [ALICE]


@pytest.mark.parametrize(
    "words", ["lade beide ein", "invite les deux", "invita a los dos", "add them both as guests"]
)
def test_all_are_invited_in_four_languages(words):
    assert invites_all(words)

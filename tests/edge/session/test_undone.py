"""What was tried and not done: of which tools the device says so, and how."""

import pytest

from tests.end_to_end.harness import tool_of
from umi_edge.session.events import Action
from umi_edge.session.undone import undone, undone_note
from umi_edge.tools import Catalogue, Hints

CATALOGUE = Catalogue(
    [
        *(
            tool_of(name, lambda _: None, source="builtin")
            for name in ("calendar.create", "calendar.repeat", "mail.send", "mail.reply")
        ),
        tool_of("calendar.search", lambda _: None, source="builtin", hints=Hints(read_only=True)),
        tool_of("issues.move", lambda _: None, source="mcp:issues"),
        tool_of("get_issue", lambda _: None, source="mcp:issues"),
    ]
)


def actions(*calls: str) -> list[Action]:
    """Each as `tool result`."""
    return [
        Action(tool=tool, arguments={}, result=result, detail="wrong: guests.0")
        for tool, result in (call.split() for call in calls)
    ]


def test_a_call_that_was_declined_is_not_said_to_have_had_a_no() -> None:
    """Nobody may have been there to ask."""
    note = undone_note([Action(tool="mail.send", arguments={}, result="declined")], CATALOGUE)
    assert note == "Not done: mail.send, since you did not say yes."


@pytest.mark.parametrize(
    ("record", "tools"),
    [
        (["calendar.create invalid-arguments"], ["calendar.create"]),
        (["calendar.create invalid-arguments", "calendar.create done"], []),
        (["calendar.create done", "calendar.create error"], ["calendar.create"]),
        (["calendar.create error", "calendar.repeat done"], []),
        (["mail.reply not-found", "mail.send done"], []),
        (["calendar.create error", "mail.send done"], ["calendar.create"]),
        (["mail.send denied", "issues.move unavailable"], ["mail.send", "issues.move"]),
        (["calendar.search error", "get_issue error"], []),
        (["gone.tool error"], []),
        ([], []),
    ],
)
def test_what_failed_and_was_not_done_since_is_undone(record, tools):
    assert [one.tool for one in undone(actions(*record), CATALOGUE)] == tools


def test_the_user_is_told_why_in_umis_words():
    told = undone_note(
        actions("calendar.create invalid-arguments", "issues.move error", "mail.send timeout"), CATALOGUE
    )
    assert told.splitlines() == [
        "Not done: calendar.create, since what it was given is not valid (wrong: guests.0).",
        "Not done: issues.move, since it failed.",  # a server's words are not repeated
        "It is not certain that mail.send was done: it did not end in time.",
    ]

"""The policy that ships: private by default, with what planning needs in sight."""

import pytest

from umi_edge.policy import Ask, Denied, LabelledLeaf, check_call, default_policy
from umi_edge.tools.tool import Hints
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Label, Locality

RESULTS = {
    "contacts.search": {
        "matches": [{"name": "n", "email": "e", "phone": None, "company": "c"}],
        "skipped": 1,
    },
    "contacts.list": [{"name": "n", "email": "e", "phone": "p", "company": "c"}],
    "calendar.list": {
        "events": [{"id": "i", "title": "t", "start": "s", "end": "e", "location": None, "attendees": ["a"]}]
    },
    "calendar.create": {"id": "i"},
    "mail.search": {"messages": [{"id": "i", "from": "f", "subject": "s", "date": "d"}], "skipped": 2},
    "mail.read": {"id": "i", "from": "f", "to": "t", "subject": "s", "date": "d", "body": "b"},
    "notes.search": {"notes": [{"id": "i", "title": "t", "text": "x"}]},
    "files.search": {"files": [{"path": "p"}]},
    "files.read": {"path": "p", "text": "t"},
    "search.everywhere": {"hits": [{"kind": "mail", "id": "i", "title": "t", "snippet": "s"}]},
}


@pytest.mark.parametrize(
    ("tool", "location", "clearance", "kind"),
    [
        ("contacts.search", ("matches", 0, "name"), "handle", "person"),
        ("contacts.search", ("matches", 0, "email"), "handle", "email"),
        ("contacts.search", ("matches", 0, "company"), "handle", "company"),
        ("contacts.search", ("skipped",), "cloud", "value"),
        ("contacts.list", (0, "phone"), "handle", "phone"),
        ("calendar.list", ("events", 0, "id"), "handle", "event"),
        ("calendar.list", ("events", 0, "title"), "scan", "value"),
        ("calendar.list", ("events", 0, "start"), "cloud", "value"),
        ("calendar.list", ("events", 0, "attendees", 0), "handle", "person"),
        ("mail.search", ("messages", 0, "subject"), "handle", "text"),
        ("mail.search", ("messages", 0, "date"), "cloud", "value"),
        ("mail.read", ("body",), "handle", "text"),
        ("notes.search", ("notes", 0, "title"), "scan", "value"),
        ("notes.search", ("notes", 0, "text"), "handle", "text"),
        ("files.read", ("path",), "handle", "file"),
        ("search.everywhere", ("hits", 0, "id"), "handle", "mail"),
        ("search.everywhere", ("hits", 0, "snippet"), "handle", "text"),
        ("anything.else", ("x",), "handle", "value"),
    ],
)
def test_what_stays_and_what_leaves(
    tool: str, location: tuple[str | int, ...], clearance: str, kind: str
) -> None:
    found = default_policy().results(tool, RESULTS.get(tool, {})).at(location)
    assert (str(found.clearance), found.type) == (clearance, kind)


def test_mail_goes_to_trusted_addresses_only_even_over_smtp() -> None:
    def leaf(integrity: Integrity, kind: str = "email") -> LabelledLeaf:
        label = Label.at(Locality.HANDLE, integrity)
        return LabelledLeaf(label=label, type=kind, handles=(Handle(kind, 1),))

    smtp = Hints(destructive=True, open_world=True)
    body = {("body",): leaf(Integrity.UNTRUSTED, "text")}
    send = {("to",): leaf(Integrity.TRUSTED), **body}
    assert isinstance(check_call(default_policy(), "mail.send", send, smtp), Ask)
    stranger = {("to",): leaf(Integrity.UNTRUSTED), **body}
    assert isinstance(check_call(default_policy(), "mail.send", stranger, smtp), Denied)


def test_strangers_words_are_untrusted() -> None:
    policy = default_policy()
    trusted = {tool: policy.tool(tool).integrity.value for tool in RESULTS}
    assert {tool for tool, integrity in trusted.items() if integrity == "untrusted"} == {
        "mail.search",
        "mail.read",
        "search.everywhere",
    }


@pytest.mark.parametrize("tool", sorted(RESULTS))
def test_a_server_that_is_called_like_a_builtin_is_still_a_third_party(tool: str) -> None:
    found = default_policy().tool(tool, source=f"mcp:{tool.partition('.')[0]}")
    assert (found.runs.value, found.integrity.value) == ("third-party", "untrusted")
    assert not default_policy().tool(f"{tool}_more", source="mcp:x").listed

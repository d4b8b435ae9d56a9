"""Whom the user knows does not change what the cloud is told of umi's own tools (I3)."""

from pathlib import Path

import pytest

from tests.end_to_end.harness import TODAY, World, plan, world
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

# A word of every name and description that a person could be called, too.
CONTACTS = (
    "Mail",
    "Search",
    "Contacts",
    "Notes",
    "Everywhere",
    "Calendar Create",
    "Files Read",
    "Query",
    "Send User",
)
DETECT = (
    'detect: [{type: person, values_from: {tool: contacts.list, path: "$[*].name"}, parts: true}]\n'
    "defaults: {instruction: scan}\n"
)
PLANS = [
    plan("To find the note about boiler, use notes.search."),
    plan("It is found.", "summarizer"),
    "Found it.",
]


async def run(folder: Path, contacts: tuple[str, ...], guard: type[EgressGuard], ask: str) -> World:
    """A session on a laptop that knows these contacts beside the sample's."""
    home = make_sample_home(folder / "home", TODAY)
    for number, name in enumerate(contacts):
        card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nEND:VCARD\r\n"
        (home.contacts / f"more-{number}.vcf").write_text(card)
    tools = builtin_tools(home)
    async with world(
        folder,
        plans=PLANS,
        calls=[("notes.search", '{"query": "boiler"}')],
        tools=tools,
        policy=DETECT,
        guard=guard,
    ) as w:
        assert w.session.told.withheld == ()
        await w.session.ask(ask)
    return w


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
async def test_a_contact_called_like_a_tool_changes_no_byte(tmp_path, guard):
    without = await run(tmp_path / "one", (), guard, "Find the boiler.")
    known = await run(tmp_path / "two", CONTACTS, guard, "Find the boiler.")
    assert [sent.message for sent in without.capture.requests] == [
        sent.message for sent in known.capture.requests
    ]
    assert without.results == known.results == ["done"]


async def test_such_a_contact_in_the_instruction_is_kept_and_the_session_goes_on(tmp_path):
    """The vault holds "Search" then, and the guard knows that tools are called so, too."""
    w = await run(tmp_path, CONTACTS, EgressGuard, "Write to Search about the boiler.")
    assert w.results == ["done"]
    assert next(kept.value for kept in w.vault) == "Search"
    assert "Write to <person:1> about the boiler." in w.prompts[0]

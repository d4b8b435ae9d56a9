"""A name that is added to a list in the midst of a session stays from then on, in what was said before, too."""

import json
from functools import partial

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import load_policy
from umi_edge.session.saved import restore, saved
from umi_edge.tools import Hints
from umi_shared.errors import PrivacyError

NAME = "Kestrelwood"
POLICY = """
detect_also: [{type: client, values_file: clients.txt}]
never: NEVER
defaults: {instruction: INSTRUCTION}
tools:
  "*": {runs: device, confirm: never, stored_as: nowhere, arguments: {"$": cloud}}
  data.get: {results: {"$": RESULT}}
  data.learn: {results: {"$": cloud}}
"""
TEXT = {"type": "object", "properties": {"q": {"type": "string"}}}
DONE = [plan("Done.", "summarizer"), "It is done."]


class Home:
    """A policy with a list of clients beside it, and tools that read and write."""

    def __init__(self, tmp_path, *, never=True, instruction="cloud", result="cloud", more=""):
        self.file = tmp_path / "clients.txt"
        self.file.write_text("Nobody Else\n")
        words = {"NEVER": "[{type: client}]" if never else "[{type: email}]"}
        words |= {"INSTRUCTION": instruction, "RESULT": result}
        text = more or POLICY
        for word, said in words.items():
            text = text.replace(word, said)
        self.policy = load_policy(f"version: 1\n{text}", str(tmp_path / "policy.yaml"))
        self.tools = [
            tool_of("data.get", lambda _: f"a note on {NAME}, and more", hints=Hints(read_only=True)),
            tool_of("data.learn", lambda _: self.learn() or "learnt", schema=TEXT),
        ]

    def learn(self, name=NAME):
        self.file.write_text(f"Nobody Else\n{name}\n")

    def world(self, tmp_path, plans, calls=(), **more):
        more = {"guard": UnsafeNoGuard} | more
        return world(tmp_path, plans=plans, calls=calls, tools=self.tools, policy=self.policy, **more)


def refreshed(w):
    w.session.read_gazetteers = partial(load_gazetteers, w.session.labeller.policy, w.session.catalogue)
    return w.session


GET = [plan(f"To look for {NAME}, use data.get."), *DONE]


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
@pytest.mark.parametrize("never", [True, False])
async def test_it_is_in_no_later_message_wherever_it_stood(tmp_path, never, guard):
    """In the instruction, in a result, in what the planner wrote, and in the answer."""
    scanned = "cloud" if never else "scan"
    home = Home(tmp_path, never=never, instruction=scanned, result=scanned)
    plans = [*GET[:-1], f"{NAME} it is.", *DONE]
    async with home.world(tmp_path, plans, [("data.get", "{}")], guard=guard) as w:
        session = refreshed(w)
        await session.ask(f"What of {NAME} and more?")
        assert NAME.encode() in w.capture.bytes_out, "before that, it left"
        before = len(w.capture.requests)
        home.learn()
        await session.ask("And now?")
        later = b"".join(sent.message for sent in w.capture.requests[before:])
    assert b"and more" in later
    assert NAME.lower().encode() not in later.lower()
    assert "What of <client:1> and more?" in w.prompts[-1]
    assert "a note on <client:2>, and more" in w.prompts[-1].replace("\\", "")
    assert "To look for <client:1>, use data.get." in w.prompts[-1]


async def test_within_one_instruction_the_next_message_does_without_it(tmp_path):
    home = Home(tmp_path)
    plans = [plan("Use data.learn."), *DONE]
    async with home.world(tmp_path, plans, [("data.learn", json.dumps({"q": NAME}))]) as w:
        session = refreshed(w)
        await session.ask(f"Learn of {NAME}.")
        first, *later = w.capture.requests
    assert NAME.encode() in first.message
    assert later
    assert not any(NAME.encode() in one.message for one in later)


async def test_what_a_planner_only_guessed_does_not_become_a_handle(tmp_path):
    """Else it would learn which of its guesses are in the list."""
    home = Home(tmp_path)
    async with home.world(tmp_path, [plan(f"It may be {NAME}.", "summarizer"), "Yes.", *DONE]) as w:
        session = refreshed(w)
        await session.ask("Who is it?")
        home.learn()
        await session.ask("And now?")
    assert f"It may be {NAME}." in w.prompts[-1]


@pytest.mark.parametrize(("result", "stays"), [("cloud", False), ("planner", False), ("scan", True)])
async def test_a_text_that_a_rule_lets_out_unscanned_is_let_out_before_and_after(tmp_path, result, stays):
    home = Home(tmp_path, never=False, instruction="scan", result=result)
    async with home.world(tmp_path, [plan("Use data.get."), *DONE, *DONE], [("data.get", "{}")]) as w:
        session = refreshed(w)
        await session.ask("Look.")
        home.learn()
        await session.ask("And now?")
        last = next(sent.message for sent in w.capture.requests if b"And now" in sent.message)
    assert (NAME.encode() not in last) is stays


async def test_a_name_that_json_spells_otherwise_takes_its_text_with_it(tmp_path):
    home = Home(tmp_path)
    home.tools[0] = tool_of(
        "data.get", lambda _: 'the "Kestrel" house, and more', hints=Hints(read_only=True)
    )
    async with home.world(tmp_path, [plan("Use data.get."), *DONE, *DONE], [("data.get", "{}")]) as w:
        session = refreshed(w)
        await session.ask("Look.")
        home.learn('the "Kestrel" house')
        before = len(w.capture.requests)
        await session.ask("And now?")
        later = b"".join(sent.message for sent in w.capture.requests[before:])
    assert b"Kestrel" not in later


async def test_a_foreign_tools_card_does_without_it_from_then_on(tmp_path):
    home = Home(tmp_path)
    home.tools.append(tool_of("crm.find", lambda _: "", description=f"Knows {NAME}."))
    home.tools.append(tool_of(f"crm.{NAME.lower()}", lambda _: "", description="Another."))
    async with home.world(tmp_path, [*DONE, *DONE]) as w:
        session = refreshed(w)
        await session.ask("Look.")
        assert f"Knows {NAME}." in w.prompts[0]
        home.learn()
        await session.ask("And now?")
    assert "Knows <client:1>." in w.prompts[-1]
    assert NAME.lower() not in w.prompts[-1].lower()


async def test_where_a_tool_of_that_name_was_used_the_session_stops(tmp_path):
    home, name = Home(tmp_path), f"crm.{NAME.lower()}"
    home.tools.append(tool_of(name, lambda _: "", description="Another."))
    async with home.world(tmp_path, [plan(f"Use {name}."), *DONE], [(name, "{}")]) as w:
        session = refreshed(w)
        await session.ask("Look.")
        home.learn()
        sent = len(w.capture.requests)
        for _ in range(2):  # asked again, it is as it was
            with pytest.raises(PrivacyError, match="must not be told of any more") as caught:
                await session.ask("And now?")
        assert len(w.capture.requests) == sent
    assert NAME.lower() not in str(caught.value).lower()


async def test_a_saved_session_that_is_resumed_does_without_it(tmp_path):
    home = Home(tmp_path)
    async with home.world(tmp_path / "one", DONE) as w:
        await w.session.ask(f"What of {NAME}?")
        content = saved(w.session, "same")
    home.learn()
    async with home.world(tmp_path / "two", DONE) as w:
        restore(w.session, content, "same")
        await w.session.ask("And now?")
    assert NAME.encode() not in w.capture.bytes_out
    assert "What of <client:1>?" in w.prompts[0]


async def later_of(home, tmp_path, plans, calls=(), *, ask="Look.", name=NAME, guard=UnsafeNoGuard):
    """What is sent once a name is added, after one instruction."""
    async with home.world(tmp_path, [*plans, *DONE], calls, guard=guard) as w:
        session = refreshed(w)
        await session.ask(ask)
        before = len(w.capture.requests)
        home.learn(name)
        await session.ask("And now?")
        return b"".join(sent.message for sent in w.capture.requests[before:]), w.prompts[-1]


async def test_a_name_that_stands_beside_a_handle_is_a_part_of_a_name(tmp_path):
    """In the instruction, and where the planner repeats it."""
    home = Home(
        tmp_path,
        instruction="scan",
        more=POLICY.replace(
            "[{type: client, values_file", "[{type: place, values: [Wharf]}, {type: client, values_file"
        ),
    )
    plans = [plan(f"Look for {NAME}.", "summarizer"), "Yes."]
    later, prompt = await later_of(home, tmp_path, plans, ask=f"What of {NAME} Wharf?", name=f"{NAME} Wharf")
    assert NAME.encode() not in later
    assert "What of <client:1> <place:1>?" in prompt
    assert "Look for <client:1>." in prompt


async def test_what_a_card_told_is_taken_out_of_what_the_planner_wrote(tmp_path):
    home = Home(tmp_path)
    home.tools.append(tool_of("crm.find", lambda _: "", description=f"Knows {NAME}."))
    later, _ = await later_of(home, tmp_path, [plan(f"Ask {NAME}.", "summarizer"), "Yes."])
    assert NAME.encode() not in later


async def test_the_member_names_of_a_foreign_tool_do_without_it(tmp_path):
    """In a call, where the schema has told it, and in a result, where the schema of results or a rule spells it."""
    home = Home(tmp_path, more=f'{POLICY}  data.spelt: {{results: {{"$.{NAME}": cloud}}}}')
    schema = {"type": "object", "properties": {NAME: {"type": "string"}}}
    home.tools += [
        tool_of("data.spelt", lambda _: {NAME: "x"}, schema=schema, hints=Hints(read_only=True)),
    ]
    plans = [plan("Use data.spelt."), *DONE]
    later, _ = await later_of(home, tmp_path, plans, [("data.spelt", json.dumps({NAME: "x"}))])
    assert NAME.encode() not in later


async def test_a_fact_of_it_is_shown_no_more(tmp_path):
    home = Home(
        tmp_path,
        more=f'{POLICY}  data.mail: {{results: {{"$": {{locality: handle, type: email, show: domain}}}}}}',
    )
    home.tools += [
        tool_of("data.mail", lambda _: "ann@kestrelwood.example", hints=Hints(read_only=True)),
    ]
    plans = [plan("Use data.mail."), *DONE]
    later, prompt = await later_of(home, tmp_path, plans, [("data.mail", "{}")], name="kestrelwood.example")
    assert b"kestrelwood" not in later
    assert "<email:1>" in prompt


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
async def test_a_longer_word_of_the_planners_that_holds_it_goes_too(tmp_path, guard):
    home = Home(tmp_path)
    plans = [plan(f"The {NAME}s are many.", "summarizer"), "Yes."]
    later, prompt = await later_of(home, tmp_path, plans, ask=f"What of {NAME}?", guard=guard)
    assert NAME.encode() not in later
    assert "The <client:2> are many." in prompt

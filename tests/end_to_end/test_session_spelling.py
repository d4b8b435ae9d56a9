"""Mistyped words in a session: models read what was meant, the user is told, and what is private stays as typed."""

import json

import pytest

from tests.end_to_end.harness import chat_plan, chat_question, plan, tool_of, world
from tests.end_to_end.test_session_questions import Says
from umi_edge.egress.guard import EgressGuard
from umi_edge.session.events import Answered

CANARY = "Teh Qxcanary"
POLICY = """
detect:
  - {type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}
tools:
  people.names: {runs: device, card: hidden}
  note.write: {runs: device, confirm: always, arguments: {text: handle}}
"""
DONE = [plan("Enough.", "summarizer"), "Done."]
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}


def session(tmp_path, *plans, name=CANARY, written=None, **more):
    def write(arguments):
        more_written.append(arguments["text"])
        return {"written": True}

    more_written = [] if written is None else written
    tools = [tool_of("people.names", lambda _: [name]), tool_of("note.write", write, schema=TEXT)]
    return world(tmp_path, plans=plans, tools=tools, policy=POLICY, guard=EgressGuard, **more)


async def test_the_planner_reads_what_was_meant_and_the_user_is_told(tmp_path):
    async with session(tmp_path, *DONE) as w:
        ending = await w.session.ask("cancle it on mnoday, and again on mnoday")
    assert ending == Answered('Done.\nI read "cancle" as "cancel".\nI read "mnoday" as "monday".')
    assert "cancel it on monday, and again on monday" in w.prompts[0]
    assert "cancle" not in w.prompts[0]


async def test_a_second_instruction_tells_its_own_words_only(tmp_path):
    async with session(tmp_path, *DONE, *DONE) as w:
        await w.session.ask("cancle it")
        assert await w.session.ask("and that") == Answered("Done.")


async def test_a_text_that_is_written_has_the_word_that_was_meant(tmp_path):
    written = []
    call = ("note.write", json.dumps({"text": "buy bread tomorrow"}))
    step = plan("To note it, use note.write.")
    async with session(tmp_path, step, *DONE, calls=[call], written=written) as w:
        await w.session.ask("note buy bread tomorow")
    assert written == ["buy bread tomorrow"]
    assert "note buy bread tomorrow" in w.prompts[0]


async def test_a_reply_is_mended_as_an_instruction_is(tmp_path):
    plans = [chat_question("When?"), chat_plan("That is known."), "Right."]
    async with session(tmp_path, *plans, dialect="chat", replies=Says("move it to mnoday")) as w:
        ending = await w.session.ask("Move it.")
    assert ending == Answered('Right.\nI read "mnoday" as "monday".')
    assert "Request: move it to monday" in w.prompts[1]


async def test_nothing_is_mended_where_the_configuration_says_off(tmp_path):
    async with session(tmp_path, *DONE) as w:
        w.session.labeller.mends_words = False
        assert await w.session.ask("cancle it") == Answered("Done.")
    assert "cancle it" in w.prompts[0]


@pytest.mark.parametrize("typed", ["teh qxcanary", "Teh Qxcanary", "teh"])
async def test_no_canary_leaves_nor_is_it_mended_or_told(tmp_path, typed, capfd):
    async with session(tmp_path, *DONE) as w:
        ending = await w.session.ask(f"wirte {typed} taht i am late")
    assert "write <person:1> that i am late" in w.prompts[0]
    assert [kept.value for kept in w.vault] == [typed]
    said = w.capture.bytes_out + repr(w.events).encode() + "".join(capfd.readouterr()).encode()
    assert b"xcanary" not in said
    assert ending == Answered('Done.\nI read "wirte" as "write".\nI read "taht" as "that".')


async def test_two_homes_that_differ_in_a_name_send_the_same(tmp_path):
    """The name of one is in a language of its own, which must not decide how the rest is read (I3)."""
    sent = []
    for name in ("der die Das Ist", "Zoe Qxcanary"):
        folder = tmp_path / name[:3]
        folder.mkdir()
        async with session(folder, *DONE, name=name) as w:
            await w.session.ask(f"schreib {name}, termni, cancle it")
        sent.append([request.message for request in w.capture.requests])
    assert sent[0] == sent[1]
    assert sent[0]

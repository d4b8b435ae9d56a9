"""What one tool gives and another may not be given (`never_to`), in whole sessions: by every way of a value."""

import json

import pytest

from tests.end_to_end.harness import chat_plan, chat_question, plan, tool_of, world
from umi_edge.reading import Reading
from umi_edge.session.events import AskedUser, Refused
from umi_edge.session.saved import restore, saved
from umi_edge.tools import FailureKind, Hints, ToolFailure
from umi_edge.tools.operators import operator_tools

POLICY = """
detect: [{type: email, pattern: builtin}]
tools:
  "*": {runs: device, confirm: never, stored_as: nowhere, arguments: {"$": handle}}
  files.get:
    integrity: trusted
    never_to: [post]
    errors: cloud
    results:
      "$.open": cloud
      "$.kept": {locality: handle, type: text}
      "$.day": {locality: handle, type: date, show: year}
      "$.scanned": scan
  other.get: {results: {"$": cloud}}
  echo: {results: {"$": {locality: handle, type: text}}}
  fail: {errors: cloud}
  value.*:
    arguments: {question: cloud, template: cloud, as: cloud, text: handle}
    results: {"$": cloud}
"""
FILE = {
    "open": "the plan is late",
    "kept": "Kestrelwood Wharf is sold",
    "day": "2026-04-01",
    "scanned": "write to ann@example.org",
}
RULE = "never_to"


def failing(arguments):
    raise ToolFailure(FailureKind.NOT_FOUND, f"nothing is called {arguments['q']}")


def tools(sent, file=FILE):
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    return [
        tool_of("files.get", lambda _: file, hints=Hints(read_only=True)),
        tool_of("other.get", lambda _: "another text", hints=Hints(read_only=True)),
        tool_of("echo", lambda given: given["q"], schema=schema),
        tool_of("fail", failing, schema=schema),
        tool_of("post", lambda given: sent.append(given["q"]) or "ok", schema=schema),
        *operator_tools(Reading()),
    ]


def refusals(w):
    return [event for event in w.of(Refused) if event.tool == "post"]


async def run(tmp_path, *calls, file=FILE):
    sent = []
    plans = [*(plan(f"To go on, use {name}.") for name, _ in calls), plan("No.", "give up")]
    written = [(name, json.dumps(arguments)) for name, arguments in calls]
    async with world(tmp_path, plans=plans, calls=written, tools=tools(sent, file), policy=POLICY) as w:
        await w.session.ask("Go.")
    return sent, w


KEPT_ONLY = {"kept": FILE["kept"]}
WAYS = {
    "its handle": [("post", {"q": "<text:1>"})],
    "a text around its handle": [("post", {"q": "About <text:1>, please"})],
    "a value that a detector found in it": [("post", {"q": "<email:1>"})],
    "an operator": [
        ("value.compose", {"template": "About <text:1>", "as": "note"}),
        ("post", {"q": "<note:1>"}),
    ],
    "a tool that gives back what it is given": [("echo", {"q": "<text:1>"}), ("post", {"q": "<text:2>"})],
    "words that a model wrote once it had read it": [("post", {"q": "it is late"})],
}


@pytest.mark.parametrize("calls", WAYS.values(), ids=WAYS)
async def test_it_reaches_the_tool_by_no_way(tmp_path, calls):
    sent, w = await run(tmp_path, ("files.get", {}), *calls)
    assert sent == []
    (refused,) = refusals(w)
    assert "tools.files.get never_to" in " ".join(refused.reasons), refused.reasons


@pytest.mark.parametrize(
    "file", [KEPT_ONLY, {"day": FILE["day"]}], ids=["kept whole", "a fact of it is told"]
)
async def test_what_a_model_writes_is_barred_by_what_it_was_told_alone(tmp_path, file):
    """A model that has seen a handle has read nothing; the year of a date is something."""
    sent, w = await run(tmp_path, ("files.get", {}), ("post", {"q": "hello"}), file=file)
    assert sent == ([] if "day" in file else ["hello"])
    assert len(refusals(w)) == ("day" in file)


async def test_the_readers_answer_is_barred_as_the_text_is(tmp_path):
    question = ("value.answer", {"text": "<text:1>", "question": "What is sold?", "as": "thing"})
    calls = [("files.get", {}), question, ("post", {"q": "<thing:1>"})]
    sent, w = await run(tmp_path, *calls, file=KEPT_ONLY)
    assert sent == []
    assert len(refusals(w)) == 1


async def test_a_failure_that_quotes_it_is_barred(tmp_path):
    calls = [("files.get", {}), ("fail", {"q": "<text:1>"}), ("post", {"q": "as it said"})]
    sent, w = await run(tmp_path, *calls, file=KEPT_ONLY)
    assert sent == []
    assert len(refusals(w)) == 1


async def test_another_tool_may_have_it_and_this_one_may_have_others(tmp_path):
    sent, w = await run(tmp_path, ("other.get", {}), ("post", {"q": "another"}))
    assert sent == ["another"]
    assert not refusals(w)


async def test_a_draft_of_the_planners_is_barred_by_what_it_has_read(tmp_path):
    sent = []
    plans = [
        chat_plan("I look.", "files.get", {}),
        chat_plan("I post.", "post", {"q": "it is late"}),
        chat_plan("Known."),
        "It is done.",
    ]
    async with world(tmp_path, plans=plans, tools=tools(sent), policy=POLICY, dialect="chat") as w:
        await w.session.ask("Go.")
    assert sent == []
    assert len(refusals(w)) == 1


class Says:
    def __init__(self, text):
        self.text = text

    async def reply(self, question):
        return self.text


ASK = [chat_plan("I look.", "files.get", {}), chat_question("Post <text:1>?")]
POST = [chat_plan("I post.", "post", {"q": "<text:1>"}), chat_plan("Known."), "It is done."]


async def test_what_the_user_repeats_of_a_question_stays_barred(tmp_path):
    """In the reply, and in the next instruction where that is the reply."""
    sent, words, policy = (
        [],
        f"Yes, {FILE['kept']}",
        POLICY.replace("integrity: trusted", "integrity: untrusted"),
    )
    post = [chat_plan("I post.", "post", {"q": "<text:2>"}), *POST[1:]]
    more = {"tools": tools(sent, KEPT_ONLY), "policy": policy, "dialect": "chat"}
    async with world(tmp_path / "reply", plans=[*ASK, *post], replies=Says(words), **more) as w:
        await w.session.ask("Go.")
        assert len(refusals(w)) == 1
    async with world(tmp_path / "next", plans=[*ASK, *post], **more) as w:
        assert isinstance(await w.session.ask("Go."), AskedUser)
        await w.session.ask(words)
        assert len(refusals(w)) == 1
    assert sent == []


async def test_a_saved_session_keeps_it(tmp_path):
    sent = []
    more = {"tools": tools(sent, KEPT_ONLY), "policy": POLICY, "dialect": "chat"}
    async with world(tmp_path / "one", plans=ASK, **more) as w:
        await w.session.ask("Go.")
        content = saved(w.session, "same")
    async with world(tmp_path / "two", plans=POST, **more) as w:
        restore(w.session, content, "same")
        await w.session.ask("Now post it.")
        assert len(refusals(w)) == 1
    assert sent == []


async def test_a_call_that_is_written_again_is_barred_as_what_the_refusal_quotes(tmp_path):
    sent = []
    words = {"type": "object", "properties": {"q": {"type": "string", "pattern": "^[a-z]+$"}}}
    given = [
        *tools(sent, KEPT_ONLY)[:1],
        tool_of("post", lambda given: sent.append(given["q"]), schema=words),
    ]
    plans = [plan("To go on, use files.get."), plan("To go on, use post."), plan("No.", "give up")]
    calls = [("files.get", "{}"), ("post", '{"q": "<text:1>"}'), ("post", '{"q": "kestrelwoodwharfissold"}')]
    async with world(tmp_path, plans=plans, calls=calls, tools=given, policy=POLICY) as w:
        await w.session.ask("Go.")
        assert len(refusals(w)) == 1
    assert sent == []


@pytest.mark.parametrize("at_once", [True, False], ids=["in the reply", "in the next instruction"])
async def test_a_reply_that_repeats_what_the_planner_has_read_is_barred(tmp_path, at_once):
    sent, words, file = [], "Yes, ann@example.org", {"open": "call ann@example.org"}
    plans = [
        ASK[0],
        chat_question("Post ann@example.org?"),
        chat_plan("Go.", "post", {"q": "<email:1>"}),
        *POST[1:],
    ]
    more = {"tools": tools(sent, file), "policy": POLICY, "dialect": "chat"}
    more |= {"replies": Says(words)} if at_once else {}
    async with world(tmp_path, plans=plans, **more) as w:
        await w.session.ask("Go.")
        if not at_once:
            await w.session.ask(words)
        assert len(refusals(w)) == 1
    assert sent == []


async def test_an_answer_of_a_chat_that_is_gone_is_barred(tmp_path):
    sent = []
    more = {"tools": tools(sent), "policy": POLICY, "dialect": "chat"}
    async with world(tmp_path, plans=POST, **more) as w:
        w.session.take_over([(True, "What does it say?"), (False, f"It says: {FILE['kept']}.")])
        await w.session.ask("Post that.")
        assert len(refusals(w)) == 1
    assert sent == []

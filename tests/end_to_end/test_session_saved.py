"""A session that is saved and gone on with: as if it had never stopped."""

import json

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.session.events import Answered
from umi_edge.session.saved import SavedChat, restore, saved
from umi_edge.session.sealed_store import Passphrase, SealedError
from umi_shared.errors import ConfigError

POLICY = """
tools:
  people.get:
    runs: device
    integrity: trusted
    results:
      "$.name": {locality: planner, type: person}
      "$.email": {locality: handle, type: email, show: domain}
      "$.token": {locality: handle, link: false}
      "$.diary": hidden
      "$.health": {locality: handle, shape: hidden}
      "$.city": cloud
      "$.note": scan
  people.fail: {runs: device}
  people.send: {runs: device, arguments: {to: {type: email, requires: trusted}}}
"""
ANN = {
    "name": "Ann Zweig",
    "email": "ann@example.org",
    "token": "7a7a7a",
    "diary": "Dear diary",
    "health": [1],
    "city": "Lyon",
    "note": "Ring bob@example.net, or ann@example.org.",
}
FIRST = [
    plan("To look, use people.get."),
    plan("To fail, use people.fail."),
    plan("Done.", "summarizer"),
    "It is <email:2>.",
]
SECOND = [
    plan("To look, use people.get."),
    plan("To send, use people.send."),
    plan("Done.", "summarizer"),
    "Sent to <email:2>.",
]
CALLS_1 = [("people.get", "{}"), ("people.fail", "{}")]
CALLS_2 = [("people.get", "{}"), ("people.send", '{"to":"<email:2>"}')]


def tools():
    sent = []

    def fail(_):
        raise ValueError("no")

    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    return [
        tool_of("people.get", lambda _: ANN, description="For Ann of cara@example.com."),
        tool_of("people.fail", fail),
        tool_of("people.send", lambda arguments: sent.append(arguments) or 1, schema=schema),
    ]


async def whole(folder):
    folder.mkdir()
    async with world(
        folder,
        plans=FIRST + SECOND,
        calls=CALLS_1 + CALLS_2,
        tools=tools(),
        policy=POLICY,
        guard=EgressGuard,
    ) as w:
        await w.session.ask("Who is it?")
        ending = await w.session.ask("Write to ann@example.org, not of the Dear Diary.")
        return ending, [sent.message for sent in w.capture.requests], w.session


async def first_half(folder):
    folder.mkdir()
    async with world(folder, plans=FIRST, calls=CALLS_1, tools=tools(), policy=POLICY) as w:
        await w.session.ask("Who is it?")
        return saved(w.session, "this"), [sent.message for sent in w.capture.requests]


async def test_a_resumed_session_sends_what_it_would_have_sent_byte_for_byte(tmp_path):
    ending, messages, session = await whole(tmp_path / "whole")
    assert ending == Answered("Sent to ann@example.org.")
    content, before = await first_half(tmp_path / "first")
    (tmp_path / "second").mkdir()
    async with world(
        tmp_path / "second", plans=SECOND, calls=CALLS_2, tools=tools(), policy=POLICY, guard=EgressGuard
    ) as w:
        restore(w.session, content, "this")
        for _ in before:
            w.session.new_id()  # ids count up in these tests, so that runs compare
        resumed = await w.session.ask("Write to ann@example.org, not of the Dear Diary.")
        after = [sent.message for sent in w.capture.requests]
    assert resumed == ending
    assert before + after == messages
    assert list(w.vault) == list(session.labeller.vault)
    assert w.session.labeller.keeper.declassified.charged == session.labeller.keeper.declassified.charged
    assert (
        w.session.labeller.keeper.declassified.spent_bits
        == session.labeller.keeper.declassified.spent_bits
        > 0
    )
    assert w.results == [action.result for action in session.record]


async def test_a_session_resumes_only_under_what_labelled_it(tmp_path):
    content, _ = await first_half(tmp_path / "first")
    async with world(tmp_path, tools=tools(), policy=POLICY) as w:
        with pytest.raises(ConfigError, match="another policy"):
            restore(w.session, content, "that")


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(version=99),
        lambda state: state.pop("vault"),
        lambda state: state["vault"].reverse(),
        lambda state: state["vault"][0].__setitem__(0, "Alice"),
        lambda state: state["entries"][0].__setitem__("template", ["Alice"]),
        lambda state: state.update(entries=7),
        lambda state: state["entries"][0]["text"][0]["label"].__setitem__(2, "Alice"),
    ],
)
async def test_what_cannot_be_read_is_an_error_that_quotes_nothing(tmp_path, change):
    content, _ = await first_half(tmp_path / "first")
    state = json.loads(content)
    change(state)
    async with world(tmp_path, tools=tools(), policy=POLICY) as w:
        with pytest.raises(ConfigError, match=r"version of umi|another policy") as refused:
            restore(w.session, json.dumps(state).encode(), "this")
    assert "Alice" not in str(refused.value)
    assert refused.value.__context__ is None


async def test_a_chat_is_saved_sealed_and_found_again_by_its_name(tmp_path):
    key = Passphrase("secret", log2_cost=10)
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    async with world(tmp_path / "1", plans=FIRST, calls=CALLS_1, tools=tools()) as w:
        chat = SavedChat.open("work", tmp_path / "sessions", "policy", lambda: key, resume=False)
        chat.restore(w.session)
        await w.session.ask("Who is it?")
        chat.keep(w.session)
    (file,) = (tmp_path / "sessions").iterdir()
    assert b"Zweig" not in file.read_bytes()
    assert "Zweig" not in repr(chat)
    async with world(tmp_path / "2", plans=["x"], tools=tools()) as w:
        chat = SavedChat.open("work", tmp_path / "sessions", "policy", lambda: key, resume=True)
        chat.restore(w.session)
        assert w.results == ["done", "error"]
    with pytest.raises(ConfigError, match="called work already"):
        SavedChat.open("work", tmp_path / "sessions", "policy", lambda: key, resume=False)
    with pytest.raises(SealedError, match="no such session"):
        SavedChat.open("home", tmp_path / "sessions", "policy", lambda: key, resume=True)
    with pytest.raises(SealedError, match="key is wrong"):
        SavedChat.open(
            "work", tmp_path / "sessions", "policy", lambda: Passphrase("other", log2_cost=10), resume=True
        )


def test_a_chat_without_a_name_asks_for_no_key_and_writes_nothing(tmp_path):
    def never():
        raise AssertionError

    chat = SavedChat.open("", tmp_path / "sessions", "policy", never, resume=False)
    assert chat == SavedChat()
    assert not list(tmp_path.iterdir())

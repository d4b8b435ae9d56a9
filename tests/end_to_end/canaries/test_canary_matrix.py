"""Canaries in every place where private data may stand: none leaves, in no field and no encoding."""

import base64
import json
import unicodedata
from dataclasses import replace

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from tests.end_to_end.canaries.fields import CLASSIFIED, REQUESTS, fields_of, leaf_fields, values_in
from tests.end_to_end.harness import plan, tool_of, world
from tests.end_to_end.test_session_questions import Says
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.reading import Reading
from umi_edge.records import Records, SealedLog
from umi_edge.session.consent import DeclineAll, UnsafeApproveAll
from umi_edge.tools import FailureKind, ToolFailure
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.builtin.home import HomeConfig
from umi_edge.tools.operators import operator_tools
from umi_lab.attack.encoded import NUMBERS, TEXTS, needles, number_needles
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import UmiError

NAME, MAIL, PHONE, MARKS, WIDE, IBAN = TEXTS
POLICY = """
limits: {steps: 20}
detect:
  - {type: email, pattern: builtin}
  - {type: phone, pattern: builtin}
  - {type: iban, pattern: builtin}
  - {type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}
tools:
  people.names: {runs: device, card: hidden}
  data.get:
    runs: device
    confirm: never
    integrity: trusted
    results:
      "$.public": cloud
      "$.text": scan
      "$..deep": hidden
      "$.shapeless": {locality: handle, shape: hidden}
      "$.mail": {locality: handle, type: email}
  data.fail: {runs: device, errors: handle}
  search.answer: {results: {"$.answers[*].title": scan, "$.answers[*].kind": cloud}}
  data.values: {runs: device, caller: values}
  data.send:
    runs: device
    arguments:
      to: {type: email, requires: trusted}
      body: hidden
      note: handle
  data.post:
    runs: third-party
    arguments: {text: {accepts: cloud, on_violation: redact}}
"""

DATA = {
    "public": "seen by all",
    "text": f"{NAME} wrote from {MAIL.upper()}, call {PHONE} or pay {IBAN}; {MARKS}!",
    "mail": MAIL,
    "deep": [{"deep": NAME}, {NAME: [NUMBERS[0]]}],
    "shapeless": {WIDE: [MARKS, list(NUMBERS)]},
    NAME: {WIDE: MARKS},
    MAIL: list(NUMBERS),
    "list": [NAME, [MAIL, [PHONE, [MARKS, [WIDE, [IBAN]]]]]],
    "marks": MARKS,
}


def fail(_):
    raise ToolFailure(FailureKind.NOT_FOUND, " ".join(TEXTS))


def crash(_):
    raise KeyError(*TEXTS)


def answers(folder):
    """Searches over a home of canaries: a note, somebody's card, and a letter of theirs."""
    home = replace(HomeConfig.under(folder / "home"), more=True)
    home.notes.mkdir(parents=True)
    (home.notes / "door.md").write_text(f"# The door, says {NAME}\n\nThe code is {PHONE}. {MARKS} {MAIL}\n")
    home.contacts.mkdir()
    (home.contacts / "mum.vcf").write_text(
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{NAME}\r\nNOTE:mum {MARKS}\r\nEMAIL:{MAIL}\r\nEND:VCARD\r\n"
    )
    home.mail.mkdir()
    (home.mail / "one.eml").write_text(f"From: {MAIL}\nSubject: {PHONE}\n\n{MARKS}\n")
    home.calendar.mkdir()
    (home.calendar / "one.ics").write_text(
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:u\r\nSUMMARY:{NAME} {MARKS}\r\n"
        f"DTSTART:20200101T100000Z\r\nRRULE:FREQ=DAILY\r\nLOCATION:{MAIL}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    return [
        one for one in builtin_tools(home) if one.name in ("search.answer", "mail.search", "calendar.list")
    ]


def tools():
    text = {"type": "string"}
    send = {"type": "object", "properties": {"to": text, "body": text, "note": text}}
    about = {
        "type": "object",
        "description": f"Made by {NAME}",
        "properties": {
            "text": {"type": "string", "default": MAIL, "examples": [PHONE]},
            "kind": {"enum": [IBAN, NAME], "const": IBAN, "description": f"Of {MAIL}"},
        },
    }
    return [
        tool_of("people.names", lambda _: [NAME, WIDE]),
        tool_of("data.get", lambda _: DATA, description=f"Reads the data of {NAME} <{MAIL}>."),
        tool_of("data.fail", fail),
        tool_of("data.crash", crash),
        tool_of("data.bulk", lambda _: [*TEXTS] * (1 << 20)),
        tool_of("data.values", lambda _: TEXTS),
        tool_of("data.send", lambda _: {"sent": MAIL}, schema=send),
        tool_of("data.post", lambda _: {"posted": NAME}, schema=about),
        *operator_tools(Reading()),
    ]


def told(view):
    """What a caller that is shown values makes of them."""
    shown = str(view.texts())
    return "data.values", json.dumps({NAME: MARKS, "n": NUMBERS[0], "seen": shown[-200:]}, ensure_ascii=False)


STEPS = [
    ("data.get", ("data.get", "{}")),
    ("data.fail", ("data.fail", "{}")),
    ("data.crash", ("data.crash", "{}")),
    ("data.bulk", ("data.bulk", "{}")),
    ("data.send", ("data.send", '{"to":"<email:2>","body":"Dear <person:1>","note":"of <email:1>"}')),
    ("data.send", ("data.send", '{"to":"<person:1>","body":"wrong type","note":""}')),
    ("data.post", ("data.post", '{"text":"for <person:1> at <email:1>"}')),
    ("data.values", told),
    ("value.answer", ("value.answer", '{"text":"<text:1>","question":"what is the number?"}')),
    ("value.answer", ("value.answer", '{"text":"<text:1>","question":"who wrote?","as":"email"}')),
    ("value.pick", ("value.pick", '{"list":["<text:1>","<email:1>"],"what":"the address","as":"email"}')),
    ("value.select", ("value.select", '{"list":["<text:1>","<email:1>"],"where":"name == <email:1>"}')),
    ("value.compute", ("value.compute", '{"expression":"max(<number:1>, 2)"}')),
    ("value.compose", ("value.compose", '{"template":"<person:1> <email:1>"}')),
    ("search.answer", ("search.answer", '{"question":"what is the code of the door, <person:1>?"}')),
    ("mail.search", ("mail.search", '{"sender":"mum"}')),
    ("calendar.list", ("calendar.list", '{"date":"2022-01-01"}')),
    ("data.get", ("data.get", '{"unknown":"<email:99>"}')),
]


def unclassified(*requests):
    """The fields of these messages of which nobody has said what they carry."""
    return {name_of(path) for request in requests for path in fields_of(request)} ^ set(CLASSIFIED)


def name_of(path):
    return f"{path[-1].containing_type.name}.{path[-1].name}"


def test_every_field_that_can_carry_a_value_is_classified():
    """A new field fails here until somebody says what it carries."""
    assert unclassified(*(request.DESCRIPTOR for request in REQUESTS)) == set()


NEW = FieldDescriptorProto
FIELDS = {
    "a text": NEW(type=NEW.TYPE_STRING, label=NEW.LABEL_REPEATED),
    "bytes": NEW(type=NEW.TYPE_BYTES, label=NEW.LABEL_OPTIONAL),
    "a number": NEW(type=NEW.TYPE_UINT64, label=NEW.LABEL_OPTIONAL),
    "a float": NEW(type=NEW.TYPE_DOUBLE, label=NEW.LABEL_OPTIONAL),
    "a flag": NEW(type=NEW.TYPE_BOOL, label=NEW.LABEL_OPTIONAL),
    "a choice": NEW(type=NEW.TYPE_ENUM, type_name=".umi_proto.v1.Next", label=NEW.LABEL_OPTIONAL),
    "a map": NEW(type=NEW.TYPE_MESSAGE, type_name=".umi_proto.v1.View.E", label=NEW.LABEL_REPEATED),
    "a message": NEW(type=NEW.TYPE_MESSAGE, type_name=".umi_proto.v1.View.M", label=NEW.LABEL_OPTIONAL),
}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_a_field_of_any_type_that_is_added_is_found(field):
    """The schema as it is, with one field more in the view of every request."""
    file = FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    (view,) = (message for message in file.message_type if message.name == "View")
    number = FieldDescriptorProto(name="value", number=2, type=NEW.TYPE_INT32, label=NEW.LABEL_OPTIONAL)
    key = FieldDescriptorProto(name="key", number=1, type=NEW.TYPE_STRING, label=NEW.LABEL_OPTIONAL)
    view.nested_type.add(name="E", field=[key, number]).options.map_entry = True
    view.nested_type.add(name="M", field=[number])
    view.field.add(name="e", number=99).MergeFrom(field)
    pool = DescriptorPool()
    pool.Add(file)
    found = unclassified(*(pool.FindMessageTypeByName(request.DESCRIPTOR.full_name) for request in REQUESTS))
    assert found in ({"View.e"}, {"M.value"})


class DeclineOneSend(UnsafeApproveAll):
    """No to the first call that takes values: a second no would end the session."""

    def __init__(self):
        self.asked = 0

    async def approve(self, request):
        self.asked += request.tool == "data.send"
        return (request.tool, self.asked) != ("data.send", 1) and await super().approve(request)


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
@pytest.mark.parametrize("declines", [False, True])
async def test_no_canary_leaves_in_any_field_or_encoding(tmp_path, guard, declines, caplog, capfd):
    caplog.set_level(0)
    plans = [plan(f"To go on with <person:1> and <email:1>, use {tool}.") for tool, _ in STEPS]
    plans += [plan("Done.", "summarizer"), "See <person:1>, <email:1>, <key:1>."]
    plans += [plan(f"I cannot reach {n}.", "give up") for n in ("<person:1>", "<phone:1>")]
    async with world(
        tmp_path,
        plans=plans,
        calls=[call for _, call in STEPS],
        tools=[*tools(), *answers(tmp_path)],
        policy=POLICY,
        guard=guard,
        consent=DeclineOneSend() if declines else None,
        records=Records.of_device(SealedLog(tmp_path / "records.log", bytes(32))),
    ) as w:
        answered = await w.session.ask(f"Tell {NAME} ({MAIL}) taht {IBAN} is nto right, or ring {PHONE}.")
        given_up = await w.session.ask(f"And now {NAME.upper()} alone, with {MARKS}?")
    assert NAME in answered.answer
    assert MAIL in answered.answer
    assert NAME in given_up.reason
    assert w.results.count("done") == 9 - declines
    kinds = {name for sent in w.plan_requests() for name, _ in values_in(sent)}
    assert kinds == {name_of(path) for path in leaf_fields(pb.PlanRequest.DESCRIPTOR)}
    messages = [base64.b64decode(entry["message"]) for entry in w.recorded]
    assert messages == [sent.message for sent in w.capture.requests]
    haystacks = [("the socket", w.capture.bytes_out)]
    haystacks += [(str(sent.headers), str(sent.headers).encode()) for sent in w.capture.requests]
    haystacks += [(name, text) for sent in w.plan_requests() for name, text in values_in(sent)]
    haystacks += [("logs", "\n".join(record.getMessage() for record in caplog.records).encode())]
    haystacks += [("output", "".join(capfd.readouterr()).encode())]
    written = [one.read_bytes() for one in tmp_path.glob("records.log*")]
    assert max(map(len, written)) > 500
    haystacks += [("what is kept of what was written", b"".join(written))]
    haystacks += [("events", repr(w.events).encode()), ("the record", repr(w.session.record).encode())]
    leaks = [
        (where, encoding, needle)
        for where, haystack in haystacks
        for encoding, needle in everything()
        if needle in haystack or needle.lower() in haystack.lower()
    ]
    assert leaks == []


def everything():
    for text in TEXTS:
        yield from needles(text)
    for number in NUMBERS:
        yield from number_needles(number)


async def test_the_matrix_finds_a_leak_when_there_is_one(tmp_path):
    policy = POLICY.replace('"$.mail": {locality: handle, type: email}', '"$.list": cloud')
    plans = [plan("To see, use data.get."), plan("Done.", "give up")]
    async with world(tmp_path, plans=plans, calls=[("data.get", "{}")], tools=tools(), policy=policy) as w:
        await w.session.ask("Look.")
    found = {encoding for encoding, needle in everything() if needle in w.capture.bytes_out}
    assert {"plain", "first half", "second half", "one word"} <= found


async def test_a_value_that_two_rules_disagree_on_stops_at_the_guard_only_where_no_rule_clears_it(tmp_path):
    """`$.list` is clear by an explicit rule, so the same values, kept elsewhere, are public: no false alarm."""
    policy = POLICY.replace('"$.public": cloud', '"$.list": cloud')
    plans = [plan("To see, use data.get."), plan("Done.", "give up")]
    async with world(
        tmp_path, plans=plans, calls=[("data.get", "{}")], tools=tools(), policy=policy, guard=EgressGuard
    ) as w:
        try:
            await w.session.ask("Look.")
        except UmiError as error:
            pytest.fail(str(error))


CHOICE = """
limits: {steps: 5}
relations: told
detect:
  - {type: email, pattern: builtin}
  - {type: phone, pattern: builtin}
  - {type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}
tools:
  people.names: {runs: device, card: hidden}
  people.find: {runs: device, confirm: never, integrity: trusted, results: {"$[*].email": {type: email}}}
  data.send: {runs: device, arguments: {to: {type: email, requires: trusted}}}
"""


@pytest.mark.parametrize("reply", [f"{WIDE} of course", "the second", ""])
async def test_no_canary_leaves_by_a_question_which_of_two_is_meant(tmp_path, reply, caplog, capfd):
    caplog.set_level(0)
    both = [{"name": NAME, "email": MAIL, "role": MARKS}, {"name": WIDE, "email": f"x{MAIL}", "role": PHONE}]
    given = {"people.names": [NAME, WIDE], "people.find": both}
    some = [tool_of(name, lambda _, name=name: given[name]) for name in given]
    some += [one for one in tools() if one.name == "data.send"]
    says = Says(reply)
    plans = [plan(f"To go on, use {tool}.") for tool in ("people.find", "data.send")]
    plans += [plan("Done.", "summarizer"), "See <email:1>."] * 2
    calls = [("people.find", "{}"), ("data.send", '{"to":"<email:1>","body":"","note":""}')]
    async with world(tmp_path, plans=plans, calls=calls, tools=some, policy=CHOICE, replies=says) as w:
        await w.session.ask("Write to them.")
    [question] = says.asked
    assert NAME in question
    assert unicodedata.normalize("NFKC", WIDE) in unicodedata.normalize("NFKC", question)
    seen = [w.capture.bytes_out, repr(w.events).encode(), "".join(capfd.readouterr()).encode()]
    seen += ["\n".join(record.getMessage() for record in caplog.records).encode()]
    found = {name for name, needle in everything() for one in seen if needle in one}
    assert found == set()


STORE = """
  data.keep:
    runs: device
    confirm: never
    stored_as: {"$": {tool: data.kept, path: "$"}}
  data.kept: {runs: device, confirm: never, results: {"$": cloud}}
"""
KEEP = ["<person:1> zz", "<email:1>", "<iban:1>", "<number:1>", "<text:1>", "<data:1>", "<email:1><key:1>"]


def shelf():
    """A tool that keeps all it is given, and one that gives it back, in this session or the next."""
    kept = []

    def keep(arguments):
        kept.append(arguments)
        return "kept"

    text = {"type": "object", "properties": {"a": {}, "b": {}}}
    return [*tools(), tool_of("data.keep", keep, schema=text), tool_of("data.kept", lambda _: kept)]


async def both_sessions(folder, consent, wish):
    """What became of storing it, and the spellings that leave in that session and in the one that reads."""
    both, sent, results = shelf(), b"", []
    calls = [("data.get", "{}"), ("data.keep", json.dumps({"a": wish, "b": [wish]}))], [("data.kept", "{}")]
    for number, session in enumerate(calls):
        plans = [plan(f"To go on, use {tool}.") for tool, _ in session] + [plan("Done.", "give up")]
        (folder / str(number)).mkdir()
        async with world(
            folder / str(number),
            plans=plans,
            calls=session,
            tools=both,
            policy=POLICY + STORE,
            consent=consent,
        ) as w:
            await w.session.ask(f"Tell {NAME} ({MAIL}) of {IBAN}.")
            sent += w.capture.bytes_out
            results = w.results if number == 0 else results
    return results[-1], {encoding for encoding, needle in everything() if needle in sent}


@pytest.mark.parametrize("wish", KEEP)
async def test_no_canary_leaves_by_what_is_stored_and_read_back_in_the_next_session(tmp_path, wish):
    assert await both_sessions(tmp_path, DeclineAll(), wish) == ("declined", set())


async def test_the_matrix_finds_what_the_user_lets_into_a_store(tmp_path):
    result, found = await both_sessions(tmp_path, UnsafeApproveAll(), "<person:1> zz")
    assert result == "done"
    assert {"plain", "one word"} <= found

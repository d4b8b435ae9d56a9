"""What a planner can tell of who is who: equal things have one handle, and a full name is linked to the first name."""

import pytest

from tests.end_to_end.harness import chat_plan, plan, tool_of, world
from umi_edge.session.saved import restore, saved
from umi_shared.transcript import Observation, Relation

RULES = """
detect: [{type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}]
tools:
  people.names: {runs: device, card: hidden}
  people.get:
    {runs: device, confirm: never, integrity: trusted, results: {"$[*].name": {locality: handle, type: person}}}
"""
TOLD = "relations: told" + RULES
ANN, MANY = "Ann Qxbrand", [f"Ann{number} Other" for number in range(80)]
LOOK = chat_plan("I look.", "people.get", {})
DONE = [chat_plan("Done."), "Done."]


def session(folder, names=(ANN, "Bob Zwolle"), *, policy=TOLD, plans=(LOOK, *DONE), dialect="chat", **more):
    tools = [
        tool_of("people.names", lambda _: list(names)),
        tool_of("people.get", lambda _: [{"name": name} for name in names]),
    ]
    return world(folder, plans=plans, tools=tools, policy=policy, dialect=dialect, **more)


def told(w):
    return [
        relation
        for entry in w.session.snapshot().entries
        if isinstance(entry.template, Observation)
        for relation in entry.template.relations
    ]


async def test_a_full_name_is_told_to_be_a_longer_form_of_the_one_that_was_typed(tmp_path):
    async with session(tmp_path) as w:
        await w.session.ask("Write to Ann.")
    [relation] = told(w)
    assert "Write to <person:1>." in w.prompts[1]
    assert f"{relation.whole} is a longer form of <person:1>." in w.prompts[1]
    assert w.vault[relation.whole].value == ANN
    assert b"Qxbrand" not in w.capture.bytes_out


async def test_each_pair_is_a_bit_whether_it_is_so_or_not(tmp_path):
    async with session(tmp_path) as w:
        await w.session.ask("Write to Ann.")
    assert w.session.labeller.shapes.charged["relations of names", "people.get"] == 2


@pytest.mark.parametrize(
    "rule", ["{locality: handle, type: person, link: false}", "{locality: handle, shape: hidden}"]
)
async def test_a_name_whose_rule_hides_equality_is_linked_to_none(tmp_path, rule):
    policy = TOLD.replace("{locality: handle, type: person}", rule)
    async with session(tmp_path, policy=policy) as w:
        await w.session.ask("Write to Ann.")
    assert told(w) == []


async def test_a_policy_that_does_not_tell_them_tells_none(tmp_path):
    async with session(tmp_path, policy=RULES) as w:
        await w.session.ask("Write to Ann.")
    assert told(w) == []
    assert not any("relations" in what for what, _ in w.session.labeller.shapes.charged)


async def test_of_a_long_list_nothing_is_told(tmp_path):
    async with session(tmp_path, [ANN, *MANY]) as w:
        await w.session.ask("Write to Ann.")
    assert told(w) == []


async def test_where_the_bits_are_spent_nothing_more_is_told(tmp_path):
    rules = (
        TOLD.replace("type: person}}}", "type: person}, '$': {shape: open}}}") + "limits: {shape_bits: 40}"
    )
    async with session(tmp_path, policy=rules) as w:
        w.session.labeller.shapes.charged["before", "test"] = 39.0
        assert w.session.labeller.shapes.related("people.get", 2) is False
        assert w.session.labeller.shapes.related("people.get", 1) is True


@pytest.mark.parametrize("policy", [RULES, TOLD])
async def test_two_devices_that_differ_in_names_send_the_same_but_for_what_is_told(tmp_path, policy):
    sent = []
    for number, names in enumerate([(ANN, "Bob Zwolle"), (ANN, "Ann Zwolle")]):
        (tmp_path / str(number)).mkdir()
        async with session(tmp_path / str(number), names, policy=policy) as w:
            await w.session.ask("Write to Ann.")
        assert len(told(w)) == (policy == TOLD) * (number + 1)
        requests = w.plan_requests()
        for entry in (one for request in requests for one in request.view.entries):
            entry.observation.ClearField("relations") if entry.HasField("observation") else None
        sent.append([(request.view, request.request_id) for request in requests])
    assert sent[0] == sent[1]


async def test_the_small_planner_reads_what_it_was_trained_on(tmp_path):
    plans = [plan("To look, use people.get."), plan("Done.", "summarizer"), "Done."]
    async with session(tmp_path, plans=plans, dialect="umi", calls=[("people.get", "{}")]) as w:
        await w.session.ask("Write to Ann.")
    assert len(told(w)) == 1
    assert "longer form" not in w.prompts[1]


async def test_a_saved_session_keeps_what_was_told(tmp_path):
    async with session(tmp_path) as w:
        await w.session.ask("Write to Ann.")
        content, before = saved(w.session, "same"), told(w)
    (tmp_path / "again").mkdir()
    async with session(tmp_path / "again", plans=DONE) as again:
        restore(again.session, content, "same")
        assert told(again) == before
        assert all(isinstance(one, Relation) for one in before)


@pytest.mark.parametrize(
    ("request_", "steps", "same"),
    [
        ("Who works at Nordlys Énergie?", [("contacts.search", {"name": "Paul"})], "<company:1>"),
        ("wifi?", [("notes.search", {"query": "wifi"}), ("notes.read", {"id": "<note:1>"})], "<note:1>"),
        ("the draft?", [("mail.search", {"query": "draft"}), ("mail.read", {"id": "<mail:1>"})], "<mail:1>"),
    ],
)
async def test_one_thing_has_one_handle_in_request_search_and_reading(tmp_path, request_, steps, same):
    plans = [*(chat_plan("I look.", tool, given) for tool, given in steps), *DONE]
    async with world(tmp_path, plans=plans, dialect="chat") as w:
        await w.session.ask(request_)
    last = w.prompts[-1].partition("Request: ")[2]
    handles = {part for part in last.replace('"', " ").replace("?", " ").split() if part.startswith(same[:5])}
    assert handles == {same}
    assert last.count(same) >= 2

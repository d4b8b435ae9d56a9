"""Two laptops that differ only in what stays give a program the same frames, byte for byte."""

from typing import Any

import pytest

from tests.end_to_end.gateway_client import told
from tests.end_to_end.gateway_door import gateway_door
from tests.end_to_end.harness import tool_of
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.tools import FailureKind, Hints, ToolFailure

POLICY = """
detect:
  - {type: email, pattern: builtin}
  - {type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}
tools:
  people.names: {runs: device, card: hidden}
  people.get:
    runs: device
    confirm: never
    results: {"$.city": cloud, "$.bio": scan, "$.diary": hidden, "$.health": {locality: handle, shape: hidden}}
  people.secret: {runs: device, confirm: never, results: {"$": {locality: handle, shape: hidden}}}
  people.say: {runs: device, confirm: never, stored_as: nowhere}
"""
READS = Hints(read_only=True)
ONE = {"name": "Zora Quill", "mail": "zora@example.org", "health": [1, 2, 3], "age": 41, "fails": False}
OTHER = {"name": "Mads Ek", "mail": "ek.mads@example.com", "health": {"none": True}, "age": 7, "fails": True}


def people(one: dict[str, Any]) -> list[Any]:
    """Tools that read one person's data."""

    def secret(_: object) -> Any:
        if one["fails"]:
            raise ToolFailure(FailureKind.TIMEOUT, one["name"])
        return one

    def got(_: object) -> Any:
        bio = f"{one['name']} writes from {one['mail']}."
        return {
            **{key: one[key] for key in ("name", "mail", "health", "age")},
            "city": "Bern",
            "bio": bio,
            "diary": f"Dear diary, {one['name']} is well.",
        }

    text = {"type": "object", "properties": {"text": {"type": "string"}, "n": {"type": "string"}}}
    return [
        tool_of("people.names", lambda _: [one["name"]]),
        tool_of("people.get", got, description=f"Asks {one['name']}.", schema=text, hints=READS),
        tool_of("people.secret", secret, hints=READS),
        tool_of("people.say", lambda given: f"said {given}", schema=text),
    ]


async def frames_of(folder: Any, one: dict[str, Any], *, modern: bool) -> list[bytes]:
    """All that a program is sent in one conversation."""
    folder.mkdir()
    async with told(folder, people(one), POLICY, modern=modern, consent=UnsafeApproveAll()) as t:
        await t.client.list_tools()
        got = await t.call("people_get")
        word = (got.structured_content or {}).get("umi_session", "")
        session = {"umi_session": word} if modern else {}
        for name, arguments in (
            ("people_secret", {}),
            ("people_say", {"text": "to <email:1>", "n": "<number:1>"}),
            ("people_say", {"text": ["<person:1>"]}),
            ("people_say", {"text": "<person:77>"}),
            ("people_get", {"text": "<text:1>"}),
            ("umi_reveal", {"handles": ["<person:1>"]}),
        ):
            await t.call(name, **arguments, **session)
        # The random word of the session is the one thing that differs from run to run.
        shown = word or t.gateway.sessions.recent()[0][0]
        return [frame.replace(shown.encode(), b"WORD") for frame in t.frames]


@pytest.mark.parametrize("modern", [False, True])
async def test_what_stays_has_no_part_in_a_frame(tmp_path, modern):
    one = await frames_of(tmp_path / "one", ONE, modern=modern)
    other = await frames_of(tmp_path / "other", OTHER, modern=modern)
    assert one == other
    assert any(b"Bern" in frame for frame in one)


async def test_what_leaves_has_one(tmp_path):
    """The comparison sees a difference where there is one."""
    one = await frames_of(tmp_path / "one", ONE, modern=False)
    longer = {**ONE, "age": "a text, whose type shows"}
    assert one != await frames_of(tmp_path / "other", longer, modern=False)


async def guessed(folder: Any, one: dict[str, Any]) -> list[bytes]:
    """What a program is sent that guesses at names where the schema refuses them, and that then reads a result."""
    folder.mkdir()
    strict = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    tools = [*people(one), tool_of("people.count", lambda _: 1, schema=strict)]
    async with told(folder, tools, POLICY + "  people.count: {confirm: never}\n") as t:
        for arguments in ({ONE["name"]: 1}, {"n": ONE["name"]}, {"n": f"{ONE['name']} {ONE['mail']}"}):
            await t.call("people_count", **arguments)
        await t.call("people_get")
        return t.frames


async def test_a_refusal_of_arguments_tells_nobody_who_is_known(tmp_path):
    one = await guessed(tmp_path / "one", ONE)
    other = await guessed(tmp_path / "other", OTHER | {"mail": ONE["mail"]})
    assert one == other
    assert not any(b"Quill" in frame for frame in one)


async def answers_of(folder: Any, one: dict[str, Any], way: str) -> bytes:
    """All that the daemon answers a program in one conversation."""
    calls = (
        ("people_get", {}),
        ("people_secret", {}),
        ("people_say", {"text": "to <email:1>", "n": "<number:1>"}),
        ("people_say", {"text": "<person:77>"}),
        ("umi_reveal", {"handles": ["<person:1>"]}),
    )
    async with gateway_door(folder, people(one), f"version: 1\n{POLICY}") as door:
        with door.line.approvals.answerer("page", "on the page"):
            if way == "pipe":
                async with door.pipe() as pipe:
                    await pipe.ask("tools/list")
                    for name, arguments in calls:
                        await pipe.call(name, **arguments)
            else:
                async with door.program(way) as client:
                    await client.list_tools()
                    word: dict[str, str] = {}
                    for name, arguments in calls:
                        got = await client.call_tool(name, arguments | word)
                        if way != "legacy" and not word:
                            word = {"umi_session": (got.structured_content or {})["umi_session"]}
        return door.words()


@pytest.mark.parametrize("way", ["legacy", "2026-07-28", "pipe"])
async def test_what_stays_has_no_part_in_what_the_daemon_answers_a_program(tmp_path, way):
    one = await answers_of(tmp_path / "one", ONE, way)
    assert one == await answers_of(tmp_path / "other", OTHER, way)
    assert b"Bern" in one

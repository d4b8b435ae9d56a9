"""Where the built-in tools' arguments are read back is what they declare: found out by writing, and reading it all.

Two homes differ in one argument of one call. Wherever any tool's result then differs, the argument is read back; two
homes that do not differ at all show what differs anyway, as random ids do.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umi_edge.policy.paths import path_of
from umi_edge.policy.stored_as import StoredAs, read_back_at
from umi_edge.tools import Catalogue, RunLimits, Succeeded, run_tool
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.values.json_walk import walk

WRITTEN: Mapping[str, Mapping[str, Any]] = {
    "contacts.add": {"name": "zq Ann", "email": "zq@a.example", "phone": "zq 1", "company": "zq Ltd"},
    "calendar.create": {
        "title": "zq tea",
        "date": "2031-03-07",
        "time": "10:00",
        "duration_minutes": 60,
        "guests": ["zq@g.example"],
        "location": "zq room",
    },
    "mail.send": {"to": "zq@t.example", "cc": "zq@c.example", "subject": "zq subject", "body": "zq body"},
    "notes.create": {"title": "zq title", "text": "zq text"},
    "contacts.change": {
        "id": "",
        "name": "zq Bo",
        "email": "zq@a.example",
        "phone": "zq 1",
        "company": "zq Ltd",
        "role": "zq cook",
    },
    "calendar.update": {
        "id": "",
        "title": "zq tea",
        "date": "2031-03-07",
        "time": "10:00",
        "duration_minutes": 60,
        "guests": ["zq@g.example"],
        "location": "zq room",
    },
    "calendar.repeat": {
        "title": "zq choir",
        "date": "2031-03-07",
        "often": "weekly",
        "time": "10:00",
        "duration_minutes": 60,
        "until": "2031-03-20",
        "location": "zq hall",
    },
    "calendar.add_todo": {"title": "zq call", "date": "2031-03-07", "time": "10:00"},
    "mail.reply": {"id": "", "to": "zq@s.example", "body": "zq body"},
    "mail.forward": {
        "id": "",
        "subject": "zq old subject",
        "to": "zq@t.example",
        "cc": "zq@c.example",
        "body": "zq body",
    },
    "notes.append": {"title": "zq old note", "text": "zq text"},
    "notes.edit": {"title": "zq old note", "old": "zq old text", "new": "zq text"},
}
"""Every writing tool with all of its arguments; each text has the word that is searched for."""
OTHERWISE: Mapping[str, Any] = {
    "email": "zq@b.example",
    "date": "2031-03-08",
    "time": "11:30",
    "duration_minutes": 61,
    "guests": ["zq@h.example"],
    "to": "zq@u.example",
    "cc": "zq@d.example",
    "often": "daily",
    "until": "2031-03-28",
    "phone": "zq 2",
}
"""Another value of those that are not free text."""
CHOOSES = {
    "id",
    ("notes.append", "title"),
    ("notes.edit", "title"),
    ("notes.edit", "old"),
    ("mail.reply", "to"),
    ("mail.forward", "subject"),
}
"""What chooses a thing that is there, or must be what is there."""
NASTY = (
    "# heading",
    "a\nSUMMARY:b",
    "\\n,;:",
    '"x";CN=y',
    "=?utf-8?q?x?=",
    "mailto:a@b.example",
    "BEGIN:VEVENT",
    "\u2028x",
    "日本 é",
    "..",
    "a/b",
)


def home_in(root: Path) -> HomeConfig:
    """A home whose folders overlap as far as they can: sent mail is in the mailbox, and everything may be read."""
    home = HomeConfig.under(root)
    outbox = home.mail / ".Outbox"
    return HomeConfig(
        contacts=home.contacts,
        calendar=home.calendar,
        mail=home.mail,
        outbox=outbox,
        notes=home.notes,
        files=(root,),
        more=True,
        now=lambda: datetime(2031, 3, 1, 9, tzinfo=ZoneInfo("Europe/Paris")),
        zone=ZoneInfo("Europe/Paris"),
    )


async def called(tools: Catalogue, tool: str, /, **arguments: Any) -> Any:
    outcome = await run_tool(tools[tool], arguments, RunLimits(call_seconds=20))
    return outcome.value if isinstance(outcome, Succeeded) else None


async def chosen(home: HomeConfig, tools: Catalogue, tool: str) -> Mapping[str, Any]:
    """What a tool that changes what is there needs, put there, and what chooses it."""
    match tool:
        case "contacts.change":
            await called(tools, "contacts.add", name="zq Old", email="zq@o.example")
            (match,) = (await called(tools, "contacts.search", name="zq Old"))["matches"]
            return {"id": match["id"]}
        case "calendar.update":
            return await called(tools, "calendar.create", title="zq old", date="2031-03-07", time="08:00")
        case "mail.reply" | "mail.forward":
            home.mail.mkdir(parents=True, exist_ok=True)
            head = "From: zq@s.example\nTo: me@example.org\nSubject: zq old subject\nMessage-ID: <a@x>"
            (home.mail / "a.eml").write_text(
                f"{head}\nDate: Tue, 03 Mar 2020 10:00:00 +0000\n\nzq old text\n"
            )
            return {"id": "a.eml"}
        case "notes.append" | "notes.edit":
            await called(tools, "notes.create", title="zq old note", text="zq old text")
    return {}


async def all_results(tools: Catalogue, day: str) -> dict[str, list[Any]]:
    """The results of every tool that reads, each with what can be asked of it."""
    found: dict[str, list[Any]] = {
        "contacts.list": [await called(tools, "contacts.list")],
        "contacts.search": [await called(tools, "contacts.search", name="zq")],
        "calendar.list": [await called(tools, "calendar.list", date=day)],
        "calendar.search": [
            await called(tools, "calendar.search", query="zq"),
            await called(tools, "calendar.search", when="2031-03-01/2031-03-31"),
        ],
        "calendar.todos": [await called(tools, "calendar.todos")],
        "calendar.free": [await called(tools, "calendar.free", date="2031-03-07")],
    }
    for name in ("mail.search", "notes.search", "files.search", "search.everywhere"):
        found[name] = [await called(tools, name, query="zq")]
    found["search.answer"] = [_without_what_is_told(await called(tools, "search.answer", question="zq"))]
    for name, listed, key in (
        ("mail", "messages", "id"),
        ("notes", "notes", "id"),
        ("files", "files", "path"),
    ):
        (hits,) = found[f"{name}.search"]
        ids = [one[key] for one in hits[listed]]
        found[f"{name}.read"] = [await called(tools, f"{name}.read", **{key: one}) for one in ids]
    return found


def _without_what_is_told(answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answers without their kind and whether they are sure: these depend on every text, as does how many hits are."""
    return {"answers": [{name: one[name] for name in ("id", "title", "text")} for one in answers["answers"]]}


def run(root: Path, tool: str, arguments: Mapping[str, Any]) -> dict[tuple[str, Any], Any]:
    """Every leaf that any tool gives back once this call was made, by tool and place; none where the call failed."""

    async def session() -> dict[tuple[str, Any], Any]:
        home = home_in(root)
        tools = Catalogue(builtin_tools(home))
        written = await called(tools, tool, **{**arguments, **await chosen(home, tools, tool)})
        if written is None:
            return {}
        found = {tool: [written], **await all_results(tools, str(arguments.get("date", "2031-03-07")))}
        return {
            (name, (number, *step.location)): step.value
            for name, results in found.items()
            for number, result in enumerate(results)
            for step in walk(result)
            if not step.punctuation
        }

    return asyncio.run(session())


def differing(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> set[Any]:
    return {place for place in one.keys() | other.keys() if one.get(place) != other.get(place)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """For each tool what comes back of its plain call, and where that differs from one time to the next."""
    found = {}
    for tool, arguments in WRITTEN.items():
        same, again = (run(tmp_path_factory.mktemp("home"), tool, arguments) for _ in range(2))
        found[tool] = same, differing(same, again) | {place for place in same if place[1][-1] == "date"}
    return found


def undeclared(
    root: Path, plain: Mapping[str, Any], tool: str, argument: str, value: Any, said: StoredAs
) -> list[str]:
    """Places where an argument is read back, and which the tool does not declare."""
    same, by_chance = plain[tool]
    other = run(root, tool, {**WRITTEN[tool], argument: value})
    if not other:  # it was refused
        return []
    places = read_back_at(said, (argument,))
    assert places is not None, f"{tool} says nothing of {argument}"
    found = []
    for name, location in differing(same, other) - by_chance:
        ways = [location[1:depth] for depth in range(1, len(location) + 1)]
        if not any(place.tool == name and any(map(place.path.selects, ways)) for place in places):
            found.append(f"{tool} {argument} -> {name} {path_of(location[1:])}")
    return found


ARGUMENTS = [
    (tool, argument)
    for tool, arguments in WRITTEN.items()
    for argument in arguments
    if not {argument, (tool, argument)} & CHOOSES
]


def declared(tool: str, root: Path) -> StoredAs:
    return next(one for one in builtin_tools(home_in(root)) if one.name == tool).stored_as


def test_every_tool_that_writes_is_here_with_every_argument(tmp_path: Path) -> None:
    writers = {one.name: one for one in builtin_tools(home_in(tmp_path)) if not one.hints.read_only}
    choosing = {
        "calendar.cancel",
        "calendar.finish_todo",
    }  # they choose, and write nothing that they are given
    assert set(writers) == {*WRITTEN, *choosing}
    for name, arguments in WRITTEN.items():
        assert set(arguments) == set(writers[name].input_schema["properties"])
    for name in choosing:
        assert read_back_at(writers[name].stored_as, ("id",)) == ()


@pytest.mark.parametrize(("tool", "argument"), ARGUMENTS)
def test_an_argument_is_read_back_where_its_tool_declares(
    tmp_path: Path, plain: Mapping[str, Any], tool: str, argument: str
) -> None:
    value = OTHERWISE.get(argument, f"{WRITTEN[tool][argument]} other")
    said = declared(tool, tmp_path)
    assert undeclared(tmp_path / "x", plain, tool, argument, value, said) == []
    # The judge can fail: without its declaration, each argument is found to be read back somewhere.
    emptied = tuple(replace(one, places=()) for one in said)
    assert undeclared(tmp_path / "y", plain, tool, argument, value, emptied)


TEXTS = [
    place
    for place in ARGUMENTS
    if place[1] in ("name", "company", "title", "text", "location", "subject", "body", "role", "new")
]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(TEXTS),
    text=st.one_of(st.sampled_from(NASTY), st.text(max_size=20)),
    first=st.booleans(),
)
def test_no_text_gets_out_of_its_place(
    tmp_path_factory: pytest.TempPathFactory,
    plain: Mapping[str, Any],
    place: tuple[str, str],
    text: str,
    *,
    first: bool,
) -> None:
    root = tmp_path_factory.mktemp("home")
    value = f"{text} zq" if first else f"zq {text}"
    assert undeclared(root, plain, *place, value, declared(place[0], root)) == []


@pytest.mark.parametrize("title", ["", " ", "\t", "\u3000", "\u00a0"])
def test_a_note_without_a_title_is_refused(tmp_path: Path, title: str) -> None:
    """The first heading of its text would be read as its title."""
    assert run(tmp_path, "notes.create", {"title": title, "text": "# zq secret"}) == {}


@pytest.mark.parametrize("overlaps", [False, True])
def test_what_is_also_a_file_is_read_back_as_one_only_where_it_may_be_read(
    tmp_path: Path, *, overlaps: bool
) -> None:
    home = HomeConfig.under(tmp_path)
    tools = builtin_tools(replace(home, files=(tmp_path if overlaps else tmp_path / "files",)))
    for tool in tools:
        for one in tool.stored_as:
            (name,) = one.argument.names
            read = {place.tool for place in read_back_at(tool.stored_as, (name,)) or ()}
            assert ("files.read" in read) is (overlaps and bool(read))

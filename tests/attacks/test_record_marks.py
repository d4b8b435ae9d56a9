"""Attacks by guesses: whoever writes a list of guesses through umi, and looks what becomes of the user's own records.

The judge compares what a program is told of two homes that differ in one private text, with and without guesses of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.test_laundered_trust import KEY as LOG_KEY
from tests.attacks.test_laundered_trust import Laptop
from tests.end_to_end.gateway_client import told
from tests.end_to_end.harness import TODAY, tool_of
from umi_edge.policy.loader import default_policy
from umi_edge.records import Records, SealedLog
from umi_edge.tools import Hints
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

GUESSES = "\n".join(f"The code of the safe is {code}" for code in range(5100, 5200))
RIGHT, WRONG = "The code of the safe is 5151", "The code of the safe is 8151"


def _with_notes(folder: Path, code: str) -> None:
    (folder / "bank.md").write_text(f"# Bank\nThe safe\n{code}\n")
    (folder / "long.md").write_text("# Long\n" + "zzyzx " * 300)


async def _after(folder: Path, code: str, *, fails: bool) -> tuple[Any, Any, float, Sequence[Any]]:
    """A note with a code, as a program reads it before and after it writes guesses; the bits, and what is noted."""
    home = make_sample_home(folder / "home", TODAY)
    _with_notes(folder / "home/notes", code)
    async with told(folder, builtin_tools(home), default_policy()) as client:
        before = (await client.call("notes_search", query="Bank")).structured_content
        (long,) = (await client.call("notes_search", query="zzyzx")).structured_content["result"]["notes"]
        written = await client.call(
            "notes_create", title=long["text"] if fails else "List of words", text=GUESSES
        )
        assert written.is_error is fails
        after = (await client.call("notes_search", query="Bank")).structured_content
        (session,) = client.sessions
        return before, after, _records(session), list(session.calls.records)


def _type(handle: str) -> str:
    return handle.strip("<").partition(":")[0]


@pytest.mark.parametrize("code", [RIGHT, WRONG])
async def test_a_call_that_fails_before_it_runs_notes_nothing_and_changes_nothing(tmp_path, code):
    before, after, bits, noted = await _after(tmp_path, code, fails=True)
    assert (after, bits, noted) == (before, 0, [])


async def test_a_right_guess_does_not_change_how_a_title_shows_and_what_it_does_change_is_counted(tmp_path):
    shown = {}
    for code in (RIGHT, WRONG):
        (tmp_path / code).mkdir()
        before, after, bits, noted = await _after(tmp_path / code, code, fails=False)
        (was,), (now,) = before["result"]["notes"], after["result"]["notes"]
        assert _type(now["title"]) == _type(was["title"]) == "note"
        assert len(noted) == 1
        assert bits >= 1
        shown[code] = now["text"] == was["text"]
    # What stays of it has another label, and so another handle: docs/privacy.md says so, and the bits count it.
    assert shown == {RIGHT: False, WRONG: True}


def _half(codes: range) -> str:
    return "\n".join(f"The code of the safe is {code}" for code in codes)


@pytest.mark.parametrize("code", [RIGHT, WRONG])
async def test_a_search_by_halves_learns_nothing_after_the_first_right_guess(tmp_path, code):
    """The record is in doubt from then on, whatever is guessed next; and the look was paid for."""
    home = make_sample_home(tmp_path / "home", TODAY)
    _with_notes(tmp_path / "home/notes", code)
    shown, spent, size = [], [], 128
    async with told(tmp_path, builtin_tools(home), default_policy()) as client:
        while size > 1:
            size //= 2
            guesses = "\n".join(f"The code of the safe is {guess}" for guess in range(5100, 5100 + size))
            await client.call("notes_create", title=f"List of {size}", text=guesses)
            (note,) = (await client.call("notes_search", query="Bank")).structured_content["result"]["notes"]
            shown.append(note["text"])
            spent.append(_records(client.sessions[0]))
    assert len(shown) == 7
    assert len(set(shown)) == 1
    assert spent[0] >= 1


def _records(session: Any) -> float:
    return sum(bits for (what, _), bits in session.labeller.shapes.charged.items() if what == "records")


@pytest.mark.parametrize("too", ["long", "large"])
async def test_neither_does_a_failed_call_of_a_planned_session(tmp_path, too):
    laptop = Laptop(tmp_path, policy="limits: {result_bytes: 60KiB}" if too == "large" else "")
    _with_notes(laptop.home.notes, RIGHT)
    title = "<text:1>" if too == "long" else "List"
    text = GUESSES.replace("\n", "\\n") if too == "long" else "w" * 70_000
    calls = ("notes.search", '{"query":"zzyzx"}'), ("notes.create", f'{{"title":"{title}","text":"{text}"}}')
    # What the schema refuses is written once more.
    came_to = await laptop.session("Tidy up.", *calls, twice=too == "long")
    assert came_to[-1] == "invalid-arguments"
    assert list(Records.of_device(SealedLog(laptop.log, LOG_KEY))) == []


async def test_what_is_shown_of_a_list_of_a_server_is_judged_text_by_text(tmp_path):
    rows = [{"bio": "Likes a cup of tea.", "diary": "My diary: I am unwell today"}]
    text = {"type": "object", "properties": {"text": {"type": "string"}}}
    policy = """
tools:
  people.list: {runs: device, confirm: never, results: {"$[*].bio": scan, "$[*].diary": hidden}}
  people.note: {runs: device, confirm: never, arguments: {text: hidden}}
"""
    tools = [
        tool_of("people.list", lambda _: rows, hints=Hints(read_only=True)),
        tool_of("people.note", lambda _: "ok", schema=text),
    ]
    async with told(tmp_path, tools, policy) as client:
        shown = []
        for guess in ("My diary: I am well today", "My diary: I am unwell today", "Likes a cup of tea"):
            await client.call("people_note", text=guess)
            shown.append((await client.call("people_list")).structured_content["result"][0]["bio"])
    assert shown[:2] == ["Likes a cup of tea."] * 2
    assert shown[2] != shown[0]


HIDDEN = """
detect: [{type: person, values_from: {tool: people.names, path: "$[*]"}}]
tools:
  people.names: {runs: device, card: hidden}
  people.get: {runs: device, confirm: never, results: {"$.bio": scan, "$.diary": hidden}}
"""


@pytest.mark.parametrize("diary", ["Zora Quill", "Zora", "Zora Quill lives"])
async def test_a_hidden_value_that_a_detector_finds_too_has_no_handle(tmp_path, diary):
    shown = []
    for names in (["Zora Quill"], ["Mads Ek"]):
        (tmp_path / names[0]).mkdir()
        tools = [
            tool_of("people.names", lambda _, names=names: names),
            tool_of(
                "people.get",
                lambda _: {"bio": "Zora Quill lives here.", "diary": diary},
                hints=Hints(read_only=True),
            ),
        ]
        async with told(tmp_path / names[0], tools, HIDDEN) as client:
            shown.append((await client.call("people_get")).structured_content["result"]["bio"])
    assert not any("<" in one for one in shown)

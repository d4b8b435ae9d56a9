"""A detector that lost its source finds nothing. A hostile home, and tools that tell a part: no name leaves for that.

Every damage stops the session before a byte leaves. Where the policy says `incomplete: allow`, the same session shows
that the name would have left.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import default_policy_text, load_policy
from umi_edge.tools import Catalogue, FailureKind, Lost, Partial, Tool, ToolFailure
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.builtin.copied_folder import STATUS, CopiedFolder, CopyStatus
from umi_shared.errors import PrivacyError

CANARY = "Quintessa Obermayr"
INSTRUCTION = f"Email {CANARY} that I am late."
PLANS = [plan("Nothing to do.", then="summarizer"), "Done."]
CARD = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{CANARY}\r\nEND:VCARD\r\n"
OTHER = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bo Other\r\nEND:VCARD\r\n"
ALLOW = default_policy_text().replace("values_from:", "incomplete: allow, values_from:")
CRM = """
detect:
  - {type: person, values_from: {tool: crm.list, path: "$.people[*].name"}%s}
"""
links = pytest.mark.skipif(os.name == "nt", reason="links take a privilege on Windows")


def home(folder: Path) -> HomeConfig:
    config = HomeConfig.under(folder)
    config.contacts.mkdir(parents=True)
    (config.contacts / "other.vcf").write_text(OTHER)
    return config


def damaged_letter(contacts: Path) -> None:
    content = CARD.replace("VERSION:3.0", "VERSION:3.0\r\nNOTE:é").replace("Obermayr", "Obermäyr").encode()
    (contacts / "a.vcf").write_bytes(content.replace("ä".encode(), b"\xe4"))


def cut_off(contacts: Path) -> None:
    (contacts / "a.vcf").write_text(OTHER + CARD[:40])


def header_gone(contacts: Path) -> None:
    (contacts / "a.vcf").write_text(CARD[1:])


def empty_file(contacts: Path) -> None:
    (contacts / "a.vcf").write_text("")


def other_format(contacts: Path) -> None:
    (contacts / "a.vcf").write_text(f"name;address\r\n{CANARY};x\r\n")


def link_outside(contacts: Path) -> None:
    outside = contacts.parent / "outside.vcf"
    outside.write_text(CARD)
    (contacts / "a.vcf").symlink_to(outside)


def folder_link(contacts: Path) -> None:
    outside = contacts.parent / "more"
    outside.mkdir()
    (outside / "a.vcf").write_text(CARD)
    (contacts / "a").symlink_to(outside, target_is_directory=True)


def dangling_link(contacts: Path) -> None:
    (contacts / "a.vcf").symlink_to(contacts.parent / "gone.vcf")


def pipe(contacts: Path) -> None:
    os.mkfifo(contacts / "a.vcf")


def card_too_large(contacts: Path) -> None:
    (contacts / "a.vcf").write_text(CARD.replace("FN:", f"NOTE:{'x' * (2 << 20)}\r\nFN:"))


def folder_in_its_place(contacts: Path) -> None:
    (contacts / "other.vcf").unlink()
    contacts.rmdir()


def file_in_its_place(contacts: Path) -> None:
    folder_in_its_place(contacts)
    contacts.write_text(CARD)


def other_names(contacts: Path) -> None:
    (contacts / "other.vcf").unlink()
    (contacts / "all.csv").write_text(CANARY)


DAMAGES = [
    damaged_letter,
    cut_off,
    header_gone,
    empty_file,
    other_format,
    card_too_large,
    folder_in_its_place,
    file_in_its_place,
    other_names,
    *(pytest.param(one, marks=links) for one in (link_outside, folder_link, dangling_link, pipe)),
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_address_book_stops_the_session_and_names_the_file_and_the_fix(tmp_path, damage):
    config = home(tmp_path / "home")
    damage(config.contacts)
    with pytest.raises(PrivacyError) as stopped:
        async with world(tmp_path, plans=PLANS, tools=builtin_tools(config)) as w:
            await w.session.ask(INSTRUCTION)
    assert (
        not (tmp_path / "ledger.jsonl").exists() or b'"sent"' not in (tmp_path / "ledger.jsonl").read_bytes()
    )
    assert str(config.contacts) in stopped.value.message
    assert "incomplete: allow" in stopped.value.fix
    assert "Quintessa" not in str(stopped.value)


@pytest.mark.parametrize("damage", [empty_file, folder_in_its_place, header_gone])
async def test_the_name_would_have_left_which_only_the_policy_can_allow(tmp_path, damage):
    config = home(tmp_path / "home")
    damage(config.contacts)
    allowing = load_policy(ALLOW, "allow.yaml")
    async with world(tmp_path, plans=PLANS, tools=builtin_tools(config), policy=allowing) as w:
        await w.session.ask(INSTRUCTION)
    assert any(CANARY.encode() in sent.message for sent in w.capture.requests)
    (notice,) = (await load_gazetteers(allowing, Catalogue(builtin_tools(config)))).notices
    assert str(config.contacts) in notice


@pytest.mark.parametrize("content", [CARD, CARD.replace("\r\n", "\n"), CARD + OTHER])
async def test_a_whole_address_book_keeps_the_name(tmp_path, content):
    config = home(tmp_path / "home")
    (config.contacts / "a.vcf").write_text(content)
    async with world(tmp_path, plans=PLANS, tools=builtin_tools(config)) as w:
        await w.session.ask(INSTRUCTION)
    assert w.capture.requests
    assert not any(b"Quintessa" in sent.message for sent in w.capture.requests)


@pytest.mark.parametrize(
    "line",
    [
        "NICKNAME:Ike,Quintessa Obermayr",
        "FN:Quintessa Obermayr",
        "ORG:Quintessa Obermayr;Sales",
        "EMAIL:Quintessa Obermayr@intranet",
        "X-MAIDENNAME:Quintessa Obermayr",
        "KIND:group\r\nNICKNAME:Quintessa Obermayr",
        "N:Obermayr;Quintessa;;;",
        "TEL:Quintessa Obermayr",
    ],
)
async def test_whatever_somebody_is_found_by_stays(tmp_path, line):
    config = home(tmp_path / "home")
    (config.contacts / "a.vcf").write_text(OTHER.replace("END:", f"{line}\r\nEND:"))
    asked = "Write to Quintessa Obermayr@intranet." if line.startswith("EMAIL") else INSTRUCTION
    async with world(tmp_path, plans=PLANS, tools=builtin_tools(config)) as w:
        await w.session.ask(asked)
    assert not any(b"Obermayr" in sent.message for sent in w.capture.requests)


async def test_an_address_book_that_is_really_empty_stops_nothing(tmp_path):
    config = HomeConfig.under(tmp_path / "home")
    config.contacts.mkdir(parents=True)
    async with world(tmp_path, plans=PLANS, tools=builtin_tools(config)) as w:
        await w.session.ask(INSTRUCTION)
    assert w.capture.requests


async def test_a_home_without_an_address_book_in_the_configuration_stops_nothing(tmp_path):
    async with world(tmp_path, plans=PLANS, tools=[]) as w:
        await w.session.ask(INSTRUCTION)
    assert w.capture.requests


# Tools of others.


def crm(result: Any) -> Tool:
    def run(_: Mapping[str, Any]) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return tool_of("crm.list", run, source="mcp:crm")


PARTS: list[Any] = [
    Partial({"people": [{"name": "Bo Other"}]}, (Lost("row 7", "no name in it"),)),
    {"people": [{"name": "Bo Other"}], "nextCursor": "abc"},
    {"people": [{"name": "Bo Other"}], "next_page_token": "abc"},
    {"people": [{"name": "Bo Other"}], "has_more": True},
    {"people": [{"name": "Bo Other"}], "pagination": {"hasNextPage": True}},
    {"people": [{"name": "Bo Other"}], "total": 250},
    {"people": [{"name": "Bo Other"}], "truncated": True},
    {"people": [{"name": {"given": "Bo"}}]},
    {"people": [{"fullName": "Bo Other"}]},
    {"people": "you are not logged in"},
    {"persons": [{"name": "Bo Other"}]},
    "you are not logged in",
    None,
    ToolFailure(FailureKind.ERROR, "not logged in"),
    ToolFailure(FailureKind.TOO_LARGE),
    RuntimeError("Quintessa Obermayr"),
]


@pytest.mark.parametrize("result", PARTS)
async def test_a_tool_that_gives_a_part_or_another_thing_stops_the_session(tmp_path, result):
    with pytest.raises(PrivacyError, match=r"crm\.list") as stopped:
        async with world(tmp_path, plans=PLANS, tools=[crm(result)], policy=CRM % "") as w:
            await w.session.ask(INSTRUCTION)
    assert "Quintessa" not in str(stopped.value)
    async with world(tmp_path, plans=PLANS, tools=[crm(result)], policy=CRM % ", incomplete: allow") as w:
        await w.session.ask(INSTRUCTION)
    assert w.capture.requests


@pytest.mark.parametrize(
    "result",
    [
        {"people": [{"name": CANARY}]},
        {"people": [{"name": CANARY}], "nextCursor": None, "has_more": False, "total": 1},
    ],
)
async def test_a_tool_that_gives_all_keeps_the_name(tmp_path, result):
    async with world(tmp_path, plans=PLANS, tools=[crm(result)], policy=CRM % "") as w:
        await w.session.ask(INSTRUCTION)
    assert w.capture.requests
    assert not any(b"Quintessa" in sent.message for sent in w.capture.requests)


@pytest.mark.parametrize("result", [{"people": []}, {"people": None}, {"people": [], "total": 0}])
async def test_a_tool_that_has_nobody_stops_nothing(tmp_path, result):
    async with world(tmp_path, plans=PLANS, tools=[crm(result)], policy=CRM % "") as w:
        await w.session.ask(INSTRUCTION)
    assert w.capture.requests


async def test_a_tool_that_is_gone_stops_the_session(tmp_path):
    with pytest.raises(PrivacyError, match="there is no tool of that name"):
        async with world(tmp_path, plans=PLANS, tools=[], policy=CRM % ""):
            pass


# While a session runs.


async def test_a_source_that_is_damaged_later_stops_the_next_instruction_and_a_new_name_stays(tmp_path):
    config = home(tmp_path / "home")
    async with world(tmp_path, plans=PLANS * 2, tools=builtin_tools(config)) as w:
        policy, catalogue = w.session.labeller.policy, w.session.catalogue
        w.session.read_gazetteers = reading(policy, catalogue)
        await w.session.ask("Say hello.")
        (config.contacts / "a.vcf").write_text(CARD)
        await w.session.ask(INSTRUCTION)
        before = len(w.capture.requests)
        assert not any(b"Quintessa" in sent.message for sent in w.capture.requests)
        cut_off(config.contacts)
        with pytest.raises(PrivacyError, match=r"a\.vcf"):
            await w.session.ask(INSTRUCTION)
        assert len(w.capture.requests) == before


def reading(policy: Any, catalogue: Catalogue) -> Callable[[], Any]:
    async def read() -> Any:
        return await load_gazetteers(policy, catalogue)

    return read


@pytest.mark.parametrize("age", [None, timedelta(hours=30)], ids=["never fetched", "stale"])
async def test_a_copy_of_a_server_that_is_not_whole_stops_the_session_and_says_since_when(tmp_path, age):
    config = home(tmp_path / "home")
    copy = CopiedFolder(path=config.contacts / "work", store="contacts", account="work", stale_hours=24)
    copy.path.mkdir()
    (copy.path / "a.vcf").write_text(CARD)
    fetched = None if age is None else datetime.now(UTC) - age
    status = CopyStatus(fetched=fetched, tried=datetime.now(UTC), problem="it refused the login")
    (copy.path / STATUS).write_text(status.as_text())
    tools = builtin_tools(replace(config, copies=(copy,)))
    with pytest.raises(PrivacyError) as stopped:
        async with world(tmp_path, plans=PLANS, tools=tools) as w:
            await w.session.ask(INSTRUCTION)
    assert "the copy of contacts from work" in stopped.value.message
    assert "it refused the login" in stopped.value.message
    assert age is None or f"{fetched:%Y-%m-%d %H:%M} UTC" in stopped.value.message
    (copy.path / STATUS).write_text(CopyStatus(fetched=datetime.now(UTC)).as_text())
    async with world(tmp_path, plans=PLANS, tools=tools) as w:
        await w.session.ask(INSTRUCTION)
    assert not any(b"Quintessa" in sent.message for sent in w.capture.requests)

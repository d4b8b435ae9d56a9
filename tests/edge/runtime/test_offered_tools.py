"""Which tools a planner is offered: all where it is elsewhere, those of its training where it is the embedded one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from umi_edge.runtime.config import EdgeConfig, HomeSettings
from umi_edge.runtime.laptop import open_laptop
from umi_edge.tools import Catalogue

MORE = {"calendar.search", "mail.reply", "notes.append", "search.answer"}
NOWHERE: Any = SimpleNamespace(service_address="planner.example:443")
FOLDERS = ("contacts", "calendar", "mail", "outbox", "notes")


async def offered(tmp_path: Path, *, on_device: bool, **said: bool) -> Catalogue:
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    home = HomeSettings(**{name: str(tmp_path / name) for name in FOLDERS}, **said)  # type: ignore[arg-type]
    config = EdgeConfig(home=home, ledger=tmp_path / "ledger.jsonl")
    async with (
        open_laptop(config, calls=False) as laptop,
        laptop.session(NOWHERE, channel=NOWHERE, on_device=on_device) as session,
    ):
        return session.catalogue


def names(catalogue: Catalogue) -> set[str]:
    return {tool.name for tool in catalogue}


def takes(catalogue: Catalogue, tool: str) -> set[str]:
    return set(catalogue[tool].input_schema["properties"])


async def test_a_planner_elsewhere_has_all_tools(tmp_path: Path) -> None:
    found = await offered(tmp_path, on_device=False)
    assert names(found) >= MORE | {"value.select"}
    assert takes(found, "mail.search") >= {"when", "unread"}


async def test_the_embedded_planner_has_all_but_the_operators(tmp_path: Path) -> None:
    found = await offered(tmp_path, on_device=True)
    assert names(found) >= MORE
    assert "value.select" not in names(found)


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize("more_tools", [True, False])
async def test_what_the_configuration_says_holds_for_both(
    tmp_path: Path, on_device: bool, more_tools: bool
) -> None:
    found = names(await offered(tmp_path, on_device=on_device, more_tools=more_tools))
    assert bool(found & MORE) is more_tools
    assert found >= MORE or not more_tools

"""Readings of names and policies that overlap: what began later is what new sessions have."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from umi_edge.runtime import laptop as laptop_module
from umi_edge.runtime.config import EdgeConfig, HomeSettings
from umi_edge.runtime.laptop import Laptop, open_laptop


class Held:
    """The next reading, held back when it has seen what there is, until it is let go."""

    def __init__(self) -> None:
        self.wanted = False
        self.has_seen, self.may_go = asyncio.Event(), asyncio.Event()

    async def passed(self) -> None:
        if self.wanted:
            self.wanted = False
            self.has_seen.set()
            await self.may_go.wait()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    reading = Held()
    real = laptop_module.load_gazetteers

    async def load(*given: Any) -> Any:
        found = await real(*given)
        await reading.passed()
        return found

    monkeypatch.setattr(laptop_module, "load_gazetteers", load)
    return reading


def configured(folder: Path) -> EdgeConfig:
    policy(folder, "people who stay")
    home = HomeSettings(contacts=str(folder / "contacts"))
    return EdgeConfig(home=home, policy=folder / "policy.yaml", ledger=folder / "ledger.jsonl")


def policy(folder: Path, comment: str) -> None:
    shipped = (Path(laptop_module.__file__).parents[1] / "policy/default.yaml").read_text(encoding="utf-8")
    (folder / "policy.yaml").write_text(f"# {comment}\n{shipped}")


def add_card(folder: Path, name: str) -> None:
    card = f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD\n"
    (folder / "contacts").mkdir(exist_ok=True)
    (folder / "contacts" / f"{name}.vcf").write_text(card)


def known(laptop: Laptop) -> set[str]:
    return {name for names in laptop.gazetteers.values.values() for name in names}


async def begun(reading: Coroutine[Any, Any, Any], held: Held) -> "asyncio.Task[Any]":
    """A reading that has seen what there is, and is not over."""
    held.wanted = True
    older = asyncio.create_task(reading)
    await held.has_seen.wait()
    return older


async def test_an_older_reading_of_names_does_not_replace_a_later_one(tmp_path: Path, held: Held) -> None:
    add_card(tmp_path, "Wendel Oldqx")
    async with open_laptop(configured(tmp_path), calls=False) as laptop:
        laptop._fresh_until = 0
        older = await begun(laptop._read_gazetteers(laptop.policy), held)
        add_card(tmp_path, "Wendel Newqx")
        await laptop._read_gazetteers(laptop.policy)
        assert "Wendel Newqx" in known(laptop)
        held.may_go.set()
        found = await older
        assert "Wendel Newqx" in known(laptop)
        assert found is laptop.gazetteers


async def test_a_reading_under_the_policy_of_before_is_not_kept_for_the_next(
    tmp_path: Path, held: Held
) -> None:
    add_card(tmp_path, "Wendel Oldqx")
    async with open_laptop(configured(tmp_path), calls=False) as laptop:
        laptop._fresh_until = 0
        older = await begun(laptop._read_gazetteers(laptop.policy), held)
        add_card(tmp_path, "Wendel Newqx")
        policy(tmp_path, "another")
        await laptop.take_up_policy()
        held.may_go.set()
        await older
        assert "Wendel Newqx" in known(laptop)


async def test_of_two_policies_taken_up_at_once_the_later_is_in_force(tmp_path: Path, held: Held) -> None:
    followed: list[int] = []
    add_card(tmp_path, "Wendel Oldqx")
    async with open_laptop(configured(tmp_path), calls=False) as laptop:
        laptop.follow_policy.append(lambda: followed.append(id(laptop.policy)))
        policy(tmp_path, "second")
        older = await begun(laptop.take_up_policy(), held)
        policy(tmp_path, "third")
        await laptop.take_up_policy()
        third = laptop.policy
        held.may_go.set()
        await older
        assert laptop.policy is third
        assert followed == [id(third)]

"""Readings of names and policies that overlap: what began later is what new sessions have."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.runtime import laptop as laptop_module
from umi_edge.runtime.config import EdgeConfig, HomeSettings
from umi_edge.runtime.laptop import Laptop, open_laptop

SLOW, QUICK = 0.2, 0.01


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each further reading takes after it has seen what there is."""
    left: list[float] = []
    real = laptop_module.load_gazetteers

    async def load(*given: Any) -> Any:
        found = await real(*given)
        if left:
            await asyncio.sleep(left.pop(0))
        return found

    monkeypatch.setattr(laptop_module, "load_gazetteers", load)
    return left


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


async def begun(laptop: Laptop, waits: list[float]) -> "asyncio.Task[Gazetteers]":
    """A slow reading that has seen what there is, and is not over; the next one is quick."""
    laptop._fresh_until = 0
    waits += [SLOW, QUICK]
    older = asyncio.create_task(laptop._read_gazetteers(laptop.policy))
    await asyncio.sleep(QUICK * 5)
    return older


async def test_an_older_reading_of_names_does_not_replace_a_later_one(
    tmp_path: Path, waits: list[float]
) -> None:
    add_card(tmp_path, "Wendel Oldqx")
    async with open_laptop(configured(tmp_path), calls=False) as laptop:
        older = await begun(laptop, waits)
        add_card(tmp_path, "Wendel Newqx")
        await laptop._read_gazetteers(laptop.policy)
        assert "Wendel Newqx" in known(laptop)
        found = await older
        assert "Wendel Newqx" in known(laptop)
        assert found is laptop.gazetteers


async def test_a_reading_under_the_policy_of_before_is_not_kept_for_the_next(
    tmp_path: Path, waits: list[float]
) -> None:
    add_card(tmp_path, "Wendel Oldqx")
    async with open_laptop(configured(tmp_path), calls=False) as laptop:
        older = await begun(laptop, waits)
        add_card(tmp_path, "Wendel Newqx")
        policy(tmp_path, "another")
        await laptop.take_up_policy()
        await older
        assert "Wendel Newqx" in known(laptop)


async def test_of_two_policies_taken_up_at_once_the_later_is_in_force(
    tmp_path: Path, waits: list[float]
) -> None:
    followed: list[int] = []
    add_card(tmp_path, "Wendel Oldqx")
    async with open_laptop(configured(tmp_path), calls=False) as laptop:
        laptop.follow_policy.append(lambda: followed.append(id(laptop.policy)))
        waits += [SLOW, QUICK]
        policy(tmp_path, "second")
        older = asyncio.create_task(laptop.take_up_policy())
        await asyncio.sleep(QUICK * 5)
        policy(tmp_path, "third")
        await laptop.take_up_policy()
        third = laptop.policy
        await older
        assert laptop.policy is third
        assert followed == [id(third)]

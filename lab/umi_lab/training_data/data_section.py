"""The `data` section of a recipe: which episodes are made, and how they are mixed into the files of its stages.

    data:
      made:
        m31: {seed: 31, count: 1700, until: composed_names}
        m32: {seed: 32, count: 1100, until: composed_names, broken: 0.6}
      mixed:
        mixed: {of: [m31, m32], seed: 3}
        second: {of: [m31, "mixed:700"], seed: 1, skip: 10}

Each name is a file beside the recipe's episodes. `until` names a switch and stands for it and all before it, `switches`
names some. `NAME:700` stands for the first 700 episodes of a file.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from umi_lab.synthesis.scenario import ScenarioConfig
from umi_lab.synthesis.switches import Switch, all_until
from umi_shared.errors import ConfigError

__all__ = ["DataSection", "Made", "Mixed", "Part", "data_section", "switches_of"]

_SHARES = {one.name for one in fields(ScenarioConfig)} - {"switches", "held_out_families"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Episodes as the generator makes them."""

    seed: int
    count: int
    config: ScenarioConfig


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or its first episodes."""

    name: str
    first: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Episodes of other files, shuffled by a seed and cut."""

    of: tuple[Part, ...]
    seed: int
    skip: int
    take: int | None

    def mix(self, lines: list[str]) -> list[str]:
        """The lines of all parts, in their order, as this file has them."""
        shuffled = random.Random(self.seed).sample(lines, len(lines))  # noqa: S311  # an order, no secret
        return shuffled[self.skip :][: self.take]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """All files, in the order in which they can be made."""

    made: Mapping[str, Made]
    mixed: Mapping[str, Mixed]


def data_section(written: Mapping[str, Any]) -> DataSection:
    """A recipe's section. Raises `ConfigError` for what is no part of one."""
    unknown = written.keys() - {"made", "mixed"}
    if unknown or not written:
        raise ConfigError(
            f"`data` has no {', '.join(sorted(unknown))}" if unknown else "the recipe makes no data",
            fix="write `made` and `mixed` below `data`",
        )
    made = {name: _made(name, row) for name, row in written.get("made", {}).items()}
    mixed: dict[str, Mixed] = {}
    for name, row in written.get("mixed", {}).items():
        mixed[name] = _mixed(name, row)
        for part in mixed[name].of:
            if part.name not in made and part.name not in list(mixed)[:-1]:
                raise ConfigError(f"`{name}` is mixed of `{part.name}`, which nothing above it makes")
    return DataSection(made=made, mixed=mixed)


def switches_of(until: str | None, named: Iterable[str]) -> frozenset[Switch]:
    """Some switches, and one with all before it. Raises `ConfigError` for one that there is not."""
    try:
        return frozenset(map(Switch, named)) | (all_until(Switch(until)) if until else frozenset())
    except ValueError as error:
        raise ConfigError(f"{error}", fix=f"switches are {', '.join(Switch)}") from None


def _made(name: str, row: Mapping[str, Any]) -> Made:
    _known(name, row, {"seed", "count", "until", "switches"} | _SHARES)
    switches = switches_of(row.get("until"), row.get("switches", ()))
    shares = {share: row[share] for share in _SHARES & row.keys()}
    config = ScenarioConfig(switches=switches, **shares)
    return Made(seed=_number(name, row, "seed"), count=_number(name, row, "count"), config=config)


def _mixed(name: str, row: Mapping[str, Any]) -> Mixed:
    _known(name, row, {"of", "seed", "skip", "take"})
    parts = (str(one).partition(":") for one in row.get("of", ()))
    return Mixed(
        of=tuple(Part(part, int(first) if first else None) for part, _, first in parts),
        seed=_number(name, row, "seed"),
        skip=row.get("skip", 0),
        take=row.get("take"),
    )


def _known(name: str, row: Mapping[str, Any], known: set[str]) -> None:
    if unknown := row.keys() - known:
        raise ConfigError(
            f"`{name}` has no setting {', '.join(sorted(unknown))}",
            fix=f"there are {', '.join(sorted(known))}",
        )


def _number(name: str, row: Mapping[str, Any], setting: str) -> int:
    number = row.get(setting)
    if not isinstance(number, int):
        raise ConfigError(f"`{name}` needs a whole number as `{setting}`")
    return number

"""A list of laptops in a CSV file: a name in each line, and a label beside it if the operator likes."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from umi_shared.enrolment_token import check_device_name
from umi_shared.errors import ConfigError

__all__ = ["LABEL_CHARACTERS", "Laptop", "read_laptops"]

LABEL_CHARACTERS = 120
LAPTOPS_MAX = 100_000
FILE_BYTES_MAX = 32 * 1024 * 1024
MISTAKES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Laptop:
    """One line."""

    name: str
    label: str = ""
    """The operator's own words. Raises `ConfigError` for what is too long, or can't be seen."""

    def __post_init__(self) -> None:
        if len(self.label) > LABEL_CHARACTERS or not self.label.isprintable():
            raise ConfigError(
                f"the label is longer than {LABEL_CHARACTERS} characters, or has some that can't be seen",
                fix="write a shorter one, on one line",
            )


def read_laptops(path: Path) -> tuple[Laptop, ...]:
    """The laptops of a file, in its order; a first line `name,label` is a heading, and empty lines are none.

    Columns beside these two are passed over where there is a heading. Raises `ConfigError` with the lines that are
    wrong: no name of a device, one that was there already, a label that is too long or can't be seen.
    """
    laptops: dict[str, Laptop] = {}
    mistakes = []
    for line, name, label in _rows(path):
        try:
            laptop = Laptop(check_device_name(name), label)
        except ConfigError as error:
            mistakes.append(f"line {line}: {error.message}")
            continue
        if name in laptops:
            mistakes.append(f"line {line}: {name} was named before")
        laptops[name] = laptop
    if mistakes:
        more = f"; and {len(mistakes) - MISTAKES_SHOWN} more" if len(mistakes) > MISTAKES_SHOWN else ""
        raise ConfigError(
            f"{path}: {'; '.join(mistakes[:MISTAKES_SHOWN])}{more}",
            fix="write a line for each laptop: its name, a comma and a label, such as `ann-laptop,Ann in sales`",
        )
    if not laptops:
        raise ConfigError(f"{path} names no laptops", fix="write a name in each line")
    return tuple(laptops.values())


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes", fix="split it")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = (0, 1)
            for number, row in enumerate(reader):
                cells = [cell.strip() for cell in row]
                if number == 0 and "name" in cells:
                    columns = (cells.index("name"), cells.index("label") if "label" in cells else len(cells))
                    continue
                if number > LAPTOPS_MAX:
                    raise ConfigError(f"{path} has more than {LAPTOPS_MAX} lines", fix="split it")
                if any(cells):
                    name, label = (cells[at] if at < len(cells) else "" for at in columns)
                    yield reader.line_num, name, label
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}", fix="name a CSV file of laptops"
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no CSV file in UTF-8", fix="save it as CSV, in UTF-8") from error

"""Files of episodes: umi's own JSON lines, and the formats of other projects that are read as they are."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from umi_cloud.episodes.episode import Episode
from umi_cloud.episodes.episode_row import episode_row, read_episode_row
from umi_cloud.episodes.recorded import is_recording, recorded_episodes
from umi_cloud.episodes.toolalpaca import toolalpaca_episodes
from umi_cloud.episodes.toolbench import toolbench_episode
from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError

__all__ = ["read_episodes", "read_rows", "write_episodes"]


def read_episodes(path: Path) -> Iterator[Episode]:
    """The episodes of a file; how it begins tells its kind.

    JSON lines: umi's episodes, or sessions that a laptop recorded. One JSON list: α-UMi's files (stage 1 or stage
    2), or ToolAlpaca's. Raises `ConfigError`, which names the file and the row.
    """
    text = _read(path)
    if text.lstrip().startswith("["):
        for number, row in enumerate(_rows(path, text), start=1):
            yield from _foreign(path, number, row)
        return
    lines = [
        (n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]  # JSON may hold U+2028
    if lines and is_recording(lines[0][1]):
        yield from _recorded(path, [line for _, line in lines])
        return
    for number, line in lines:
        yield _own(path, number, line)


def write_episodes(path: Path, episodes: Iterable[Episode]) -> None:
    """Write episodes as JSON lines: the whole file, or none of it."""
    lines = (f"{episode_row(episode)}\n" for episode in episodes)
    write_durably(path, "".join(lines).encode(), private=False)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a file that is one JSON list; raises `ConfigError`."""
    return _rows(path, _read(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}", fix="give a readable file of UTF-8 text") from error


def _rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(
            f"{path}:{line}: not JSON", fix="give the file whole, as it was published"
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path}: not a list of JSON objects", fix="give the file as it was published")
    return rows


def _foreign(path: Path, number: int, row: dict[str, Any]) -> list[Episode]:
    """A row of another project's file: one conversation of α-UMi, or one API of ToolAlpaca."""
    try:
        if "Golden_Answers" in row:
            return list(toolalpaca_episodes(row))
        return [toolbench_episode(row)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        whose = "an API of ToolAlpaca" if "Golden_Answers" in row else "a conversation of α-UMi"
        raise ConfigError(
            f"{path}: row {number} is not {whose} ({_reason(error)})",
            fix="give raw_data_stage_1.json, raw_data_stage_2.json, eval_simulated.json or a file of their shape",
        ) from error


def _recorded(path: Path, lines: list[str]) -> list[Episode]:
    try:
        return list(recorded_episodes(lines))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not a recording of sessions ({_reason(error)})",
            fix="give a file that `record` of a laptop's configuration wrote",
        ) from error


def _own(path: Path, number: int, line: str) -> Episode:
    try:
        return read_episode_row(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}:{number}: not an episode ({_reason(error)})",
            fix="each line is a JSON object with source, licence, catalogue and turns",
        ) from error


def _reason(error: Exception) -> str:
    """What was wrong, without the text in which it was found."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return str(error)

"""`umi policy detect`: what the detectors find in a text, and which line of the policy found it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_edge.commands.policy._output import print_json
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_edge.policy import Detection, Scanner

_MAX_CHARACTERS = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Find:
    """A finding and where it stands in what was read."""

    file: str = field(repr=False)
    line: int
    column: int
    detection: "Detection" = field(repr=False)
    text: str = field(repr=False)


@click.command()
@click.argument("target")
@click.option("--policy", type=click.Path(path_type=Path), help="Use this policy in place of your own.")
@config_option
@json_option
def command(target: str, policy: Path | None, config: Path | None, *, as_json: bool) -> int:
    """Show what would stay of TARGET under `scan`: a text, a file, or `-` for what is piped in.

    Each finding comes with its type and the line of the policy whose detector found it; names are those that the
    tools of your configuration list. Capitalised words that look like names and that no detector knows are shown, too:
    they leave. Nothing is sent. Exit code 1: something was found.
    """
    import asyncio

    from umi_edge.runtime.detection import open_scanner

    name, text = _read(target)
    scanner = asyncio.run(open_scanner(read_config(config, policy=policy)))
    found = list(_finds(name, text, scanner))
    unknown = list(_unknown(name, text, found))
    if as_json:
        print_json({"found": [_as_json(one) for one in found], "unknown_names": unknown})
    else:
        _print(found, unknown)
    return 1 if found else 0


def _read(target: str) -> tuple[str, str]:
    """The name of a file, empty for a text, and what is in it."""
    if target == "-":
        return "-", _checked(sys.stdin.read(_MAX_CHARACTERS + 1))
    path = Path(target)
    try:
        if not path.is_file():
            return "", _checked(target)
        with path.open(encoding="utf-8", newline="") as stream:
            return target, _checked(stream.read(_MAX_CHARACTERS + 1))
    except (OSError, ValueError) as error:
        if "\n" in target or len(target) > _LONGEST_PATH:
            return "", _checked(target)
        raise click.UsageError(f"that file cannot be read as UTF-8 text ({type(error).__name__})") from None


_LONGEST_PATH = 255


def _checked(text: str) -> str:
    if len(text) > _MAX_CHARACTERS:
        raise click.UsageError(f"a text of more than {_MAX_CHARACTERS:,} characters: give it in parts")
    return text


def _finds(name: str, text: str, scanner: "Scanner") -> Iterator[_Find]:
    line, start = 1, 0
    for one in scanner.scan(text):
        line += text.count("\n", start, one.start)
        start = one.start
        column = one.start - (text.rfind("\n", 0, one.start) + 1) + 1
        yield _Find(file=name, line=line, column=column, detection=one, text=text[one.start : one.end])


def _unknown(name: str, text: str, found: list[_Find]) -> Iterator[dict[str, Any]]:
    """Names that nothing finds, in what leaves."""
    from umi_edge.policy.person_names.unknown import KEPT, unknown_names

    leaving = list(text)
    for one in found:
        start, end = one.detection.start, one.detection.end
        leaving[start:end] = KEPT * (end - start)
    for start, end in unknown_names("".join(leaving)):
        line = text.count("\n", 0, start) + 1
        place = {"line": line, "column": start - (text.rfind("\n", 0, start) + 1) + 1}
        yield {
            **({"file": name} if name else {}),
            **place,
            "start": start,
            "end": end,
            "text": text[start:end],
        }


def _as_json(find: _Find) -> dict[str, Any]:
    place = {"file": find.file} if find.file else {}
    return {
        **place,
        "line": find.line,
        "column": find.column,
        "start": find.detection.start,
        "end": find.detection.end,
        "type": find.detection.type,
        "rule": find.detection.rule_id,
        "text": find.text,
    }


def _print(found: list[_Find], unknown: list[dict[str, Any]]) -> None:
    for one in found:
        place = f"{one.file}:" if one.file else ""
        say(f"{place}{one.line}:{one.column}  <{one.detection.type}>  {one.text}  ({one.detection.rule_id})")
    for name in unknown:
        place = f"{name['file']}:" if "file" in name else ""
        say(
            f"{place}{name['line']}:{name['column']}  leaves  {name['text']}  (a name that no detector knows?)"
        )
    if not found:
        say("nothing is found: under `scan` all of this leaves")

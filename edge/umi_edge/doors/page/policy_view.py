"""The policy as the page shows it: who reads what, which line decides, and a change tried before it is written.

I2: docs/design.md#i2-fail-closed
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

from umi_edge.doors.chat_request import ApiError
from umi_edge.policy import Policy
from umi_edge.policy.explanation import explain
from umi_edge.policy.lint import warnings_of
from umi_edge.policy.loader import default_policy_text, load_policy, read_policy_text
from umi_edge.policy_tools.explanation_json import explanation_json
from umi_edge.policy_tools.quoted_line import quoted
from umi_edge.policy_tools.reader_table import ToolTable, location_of, reader_table
from umi_edge.policy_tools.recorded import read_recordings
from umi_edge.policy_tools.replay import FieldChange, Replay, replay
from umi_edge.policy_tools.rule_change import Change, DetectorDropped, RuleSaid, changed_text
from umi_edge.policy_tools.rule_rows import READS
from umi_edge.policy_tools.stored_arguments import store_warnings
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import Laptop
from umi_edge.runtime.machine_config import check_machine
from umi_edge.tools import Catalogue
from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError, LimitError

__all__ = ["PolicyView"]

_MOST_CHANGES = 50
_LAST_SESSIONS = 50
_AROUND = 2
"""Lines that are shown around a change."""


@dataclass(slots=True, kw_only=True)
class PolicyView:
    """The policy of a laptop, and changes of its file."""

    laptop: Laptop
    take_up: Callable[[], Awaitable[None]]
    """Has new sessions follow what the file says now."""
    _tables: tuple[Policy, Catalogue, list[ToolTable]] | None = field(default=None, init=False, repr=False)
    _read: tuple[Policy, str] = field(init=False, repr=False)
    """The policy that new sessions follow, and the text that it was read from."""

    def __post_init__(self) -> None:
        self._read = self.laptop.policy, self._text()

    @property
    def _in_force(self) -> str:
        if self._read[0] is not self.laptop.policy:  # a session has taken up what its file says
            self._read = self.laptop.policy, self._text()
        return self._read[1]

    @property
    def _config(self) -> EdgeConfig:
        return self.laptop.config

    def whole(self) -> dict[str, Any]:
        """All of it, as a table of tools, paths and readers."""
        policy = self.laptop.policy
        return {
            "name": policy.name,
            "file": str(self._config.policy or ""),
            "fixed": self._why_fixed(),
            "is_stale": self._text() != self._in_force,
            "tools": [asdict(table) for table in self._table(policy)],
            "patterns": [name for name in policy.tools if name.endswith("*")],
            "detectors": [
                {"type": one.type, "kind": one.kind.value, "rule": one.rule_id, "line": one.line}
                for one in policy.detect
            ],
            "never": [one.type for one in policy.never],
            "clock": str(policy.clock),
            "relations": str(policy.relations),
            "instruction": str(policy.defaults.instruction),
            "reads": READS,
            "warnings": [
                {"line": one.line, "message": one.message, "fix": one.fix}
                for one in sorted((*warnings_of(policy), *store_warnings(policy)), key=lambda one: one.line)
            ],
        }

    def explanation(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Which line decides for one place, and what would change it."""
        tool, side, path = _place(asked)
        policy, lines = self.laptop.policy, self._in_force.splitlines()
        found = explain(policy, tool, side, location_of(side, path))
        said = explanation_json(found, lines)
        return {**said, "tool": tool, "path": path, "words": list(READS), "fixed": self._why_fixed()}

    def tried(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a change would come to: in the file, in the table, and in the last sessions. Nothing is written."""
        text = self._text()
        changed = self._changed(text, asked)
        old, new = (load_policy(one, self._name()) for one in (text, changed))
        return {
            "lines": list(_lines(text.splitlines(), changed.splitlines())),
            "places": list(_moved(self._table(old), reader_table(new, self.laptop.catalogue))),
            "sessions": self._replayed(old, new),
            "digest": _digest(text, changed),
            "fixed": self._why_fixed(),
        }

    async def write(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Write a change that was tried, if the file is still the one it was tried on; new sessions follow it."""
        if why := self._why_fixed():
            raise ApiError(why, status=409)
        check_machine(self._config)
        text = self._text()
        changed = self._changed(text, asked)
        if not hmac.compare_digest(_digest(text, changed).encode(), str(asked.get("digest", "")).encode()):
            raise ApiError("the policy's file was changed meanwhile: look at the change again", status=409)
        file = self._config.policy
        assert file is not None  # else it is fixed  # noqa: S101
        write_durably(file, changed.encode(), like_before=True)
        await self.follow()
        return {"written": str(file)}

    async def follow(self) -> None:
        """Have new sessions follow what the file says now. Raises as `Laptop.take_up_policy` does."""
        text = self._text()
        await self.take_up()
        self._read = self.laptop.policy, text

    def suggestions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Changes after which a value that stayed, by the rules that are named, would not."""
        tool, rules = str(asked.get("tool") or ""), str(asked.get("rule") or "")
        return {"rule": rules, "suggestions": list(_suggestions(self.laptop.policy, tool, rules))}

    def _why_fixed(self) -> str:
        """Why the page may not change it; empty where it may."""
        config = self._config
        if config.require_signed_policy:
            return f"{config.who_says('require_signed_policy')} lets this laptop have a signed policy only"
        if "policy" in config.said_by_machine:
            return f"{config.who_says('policy')} says which policy holds on this machine"
        if config.policy is None:
            return (
                "this is the policy that holds when you have none. To change it, make it yours: "
                "`umi policy show-default > policy.yaml`, and `policy: policy.yaml` in the configuration"
            )
        return ""

    def _text(self) -> str:
        return read_policy_text(self._config.policy) if self._config.policy else default_policy_text()

    def _name(self) -> str:
        return str(self._config.policy or "default.yaml")

    def _table(self, policy: Policy) -> list[ToolTable]:
        tools = self.laptop.catalogue  # servers may offer others meanwhile
        if self._tables is None or self._tables[0] is not policy or self._tables[1] is not tools:
            self._tables = policy, tools, reader_table(policy, tools)
        return self._tables[2]

    def _changed(self, text: str, asked: Mapping[str, Any]) -> str:
        wanted = asked.get("changes")
        if not isinstance(wanted, list) or not 0 < len(wanted) <= _MOST_CHANGES:
            raise ApiError(f"`changes` is a list of at most {_MOST_CHANGES} changes")
        return changed_text(text, map(_change, wanted), self._name())

    def _replayed(self, old: Policy, new: Policy) -> dict[str, Any] | None:
        """What the change would have let out of the last sessions, or kept; None where none are recorded."""
        record: Path | None = self._config.record
        if record is None or not record.exists():
            return None
        try:
            sessions = read_recordings(record)[-_LAST_SESSIONS:]
            was, would_be = replay(sessions, old), replay(sessions, new)
        except (ConfigError, LimitError) as error:
            return {"problem": error.message}
        before = {_field(one) for one in was.fields}
        return {
            "count": would_be.sessions,
            "calls": would_be.calls,
            "exposed": [asdict(one) for one in would_be.exposed if _field(one) not in before],
            "hidden": [asdict(one) for one in would_be.hidden if _field(one) not in before],
            "verdicts": _verdicts(was, would_be),
        }


def _verdicts(was: Replay, would_be: Replay) -> list[dict[str, Any]]:
    before = [asdict(one) for one in was.verdicts]
    return [found for one in would_be.verdicts if (found := asdict(one)) not in before]


def _field(change: FieldChange) -> tuple[Any, ...]:
    return (change.tool, change.side, change.path, change.sink, change.exposed, change.fields)


def _place(asked: Mapping[str, Any]) -> tuple[str, Literal["arguments", "results"], str]:
    tool, side, path = (asked.get(name) for name in ("tool", "side", "path"))
    if not isinstance(tool, str) or not tool or not isinstance(path, str) or not path:
        raise ApiError("`tool` and `path` name a place")
    if side == "arguments" or side == "results":  # noqa: PLR1714  # as mypy narrows it
        return tool, side, path
    raise ApiError("`side` is `arguments` or `results`")


def _change(said: Any) -> Change:
    if not isinstance(said, Mapping):
        raise ApiError("a change is an object")
    if "list" in said:
        name, index = said.get("list"), said.get("index")
        if name not in ("detect", "detect_also") or not isinstance(index, int):
            raise ApiError("a detector is named by its list and its place there")
        return DetectorDropped(list=name, index=index)
    tool, side, path = _place(said)
    word = said.get("locality")
    if word not in READS:
        raise ApiError(f"`locality` is one of {', '.join(READS)}")
    return RuleSaid(tool=tool, side=side, path=path, locality=word)


def _digest(text: str, changed: str) -> str:
    return hashlib.sha256(f"{len(text)} {text}{changed}".encode()).hexdigest()


def _lines(old: list[str], new: list[str]) -> Iterator[dict[str, Any]]:
    """The lines that change and a few around them, without what a detector looks for."""
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_AROUND):
        for tag, start, end, start_new, end_new in group:
            if tag == "equal":
                for at in range(start, end):
                    yield {"kind": "same", "line": at + 1, "text": _shown(old, at)}
                continue
            for at in range(start, end):
                yield {"kind": "gone", "line": at + 1, "text": _shown(old, at)}
            for at in range(start_new, end_new):
                yield {"kind": "new", "line": at + 1, "text": _shown(new, at)}


def _shown(lines: list[str], at: int) -> str:
    margin = len(lines[at]) - len(lines[at].lstrip())
    return " " * margin + quoted(lines, at + 1)


def _moved(old: Sequence[ToolTable], new: Sequence[ToolTable]) -> Iterator[dict[str, Any]]:
    """The places that somebody else reads after the change."""
    before = {
        (table.tool, place.side, place.path): (place.locality, dict(place.readers))
        for table in old
        for place in table.places
    }
    for table in new:
        for place in table.places:
            key, now = (table.tool, place.side, place.path), (place.locality, dict(place.readers))
            was = before.get(key, ("", {}))
            if was != now:
                yield {
                    "tool": table.tool,
                    "side": place.side,
                    "path": place.path,
                    "was": was[0],
                    "now": place.locality,
                }


def _suggestions(policy: Policy, tool: str, rules: str) -> Iterator[dict[str, Any]]:
    """First what changes least: the line that kept it, then lines that have such a text scanned, then a detector."""
    named = {one.removeprefix("locality from ").strip() for one in rules.split("; ")}
    found = [
        (number, detector)
        for number, detector in enumerate(policy.detect)
        if detector.rule_id in named and detector.line
    ]
    for entry in policy.entries(tool) if tool else ():
        for side in ("arguments", "results"):
            for rule in entry.arguments if side == "arguments" else entry.results:
                if rule.rule_id in named and not rule.excepts:
                    yield _said(entry.name, side, rule.path, "planner", "Let the planner read")
                    yield _said(entry.name, side, rule.path, "cloud", "Let planner and summarizer read")
                elif found and rule.scan:
                    yield _said(entry.name, side, rule.path, "planner", "Let the planner read, unscanned,")
    for number, detector in found:
        also = "detect_also[" in detector.rule_id
        origin = f" of {detector.tool}" if detector.tool else ""
        yield {
            "words": f"In no text look for this any more: {detector.type}{origin} (line {detector.line})",
            "changes": [
                {"list": "detect_also" if also else "detect", "index": _index(detector.rule_id, number)}
            ],
        }


def _said(tool: str, side: str, path: str, word: str, words: str) -> dict[str, Any]:
    change = {"tool": tool, "side": side, "path": path, "locality": word}
    return {"words": f"{words} `{path}` of {tool}", "changes": [change]}


def _index(rule_id: str, otherwise: int) -> int:
    _, _, rest = rule_id.rpartition("[")
    number = rest.partition("]")[0]
    return int(number) if number.isdigit() else otherwise

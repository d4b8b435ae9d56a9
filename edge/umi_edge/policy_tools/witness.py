"""Witnesses: the real labelling and release run on a value with a mark in one place, and the views looked through.

A proof over rules is one of the rules; this shows, place by place, that what enforces them agrees.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledEntry
from umi_edge.labelling.vault import Origin, Source
from umi_edge.policy import Location, Policy, Resolution, Scanner
from umi_edge.policy.rules import Shape
from umi_edge.tools import Tool
from umi_shared.handles import render
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Locality, Sink
from umi_shared.transcript import Call, Observation

__all__ = ["MARKS", "Sighting", "Witness"]

MARKS: Mapping[str, Any] = {"string": "Qzxvkmark", "number": 918273645546372}
"""By JSON type; a boolean or a null is too common to be told apart."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mark that a sink could see though it had to stay: the engine is at fault, not the policy."""

    sink: Sink
    as_handle: bool
    """Whether a handle for a hidden value was found, rather than the value."""


class Witness:
    """Runs marked values of one policy's tools."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._scanner = Scanner.of(policy, dict.fromkeys((one.rule_id for one in policy.detect), ()))

    def _labeller(self, tool: Tool) -> Labeller:
        return Labeller.fresh(self.policy, self._scanner, {tool.name: tool.source})

    def result(self, tool: Tool, value: Any, location: Location, mark: Any) -> list[Sighting]:
        """Where a mark shows that a result has at a location, against what the policy says of that place."""
        labeller = self._labeller(tool)
        text = labeller.result(tool.name, value)
        label = Label.at(self._resolution(tool, value, location).locality)
        return self._seen(labeller, LabelledEntry(Observation(tool.name, ()), text), label, mark)

    def failure(self, tool: Tool, rule: Resolution) -> list[Sighting]:
        """Where a mark shows that a tool's error text has, against what the policy says of such texts."""
        labeller, mark = self._labeller(tool), MARKS["string"]
        kind, text = labeller.failure(tool.name, "error", mark)
        entry = LabelledEntry(Observation(tool.name, (), kind), text)
        return self._seen(labeller, entry, Label.at(rule.locality), mark)

    def argument(self, tool: Tool, value: Any, location: Location) -> list[Sighting]:
        """Where a kept value shows that is given to an argument by its handle."""
        labeller, mark = self._labeller(tool), MARKS["string"]
        stays = Label.at(Locality.HANDLE)
        handle = labeller.vault.keep(mark, type="text", label=stays, origin=Origin(Source.RESULT, "proof"))
        text = labeller.arguments(tool.name, _with(value, location, str(handle)), _PUBLIC).text
        return self._seen(labeller, LabelledEntry(Call(tool.name, ()), text), stays, mark)

    def _resolution(self, tool: Tool, value: Any, location: Location) -> Resolution:
        """The resolution of the place, or of the container that is kept whole with it."""
        assignment = self.policy.results(tool.name, value)
        for depth in range(len(location)):
            around = assignment.at(location[:depth])
            if around.shape is Shape.HIDDEN:
                return around
        return assignment.at(location)

    @staticmethod
    def _seen(labeller: Labeller, entry: LabelledEntry, label: Label, mark: Any) -> list[Sighting]:
        found = []
        for sink in (PLANNER, SUMMARIZER):
            view = release((), [entry], sink).payload
            if not label.may_read(sink) and str(mark) in "".join(map(render, view.texts())):
                found.append(Sighting(sink, as_handle=False))
            if not label.visible and any(
                str(mark) in json.dumps(labeller.vault[handle].value) for handle in view.handles()
            ):
                found.append(Sighting(sink, as_handle=True))
        return found


_PUBLIC = Label.at(Locality.CLOUD, Integrity.UNTRUSTED)


def _with(value: Any, location: Location, leaf: Any) -> Any:
    """A copy of the value with another leaf at the location."""
    if not location:
        return leaf
    key, rest = location[0], location[1:]
    if isinstance(value, dict):
        return {**value, key: _with(value.get(key), rest, leaf)}
    items = list(value) if isinstance(value, list) else [None] * (int(key) + 1)
    items[int(key)] = _with(items[int(key)], rest, leaf)
    return items

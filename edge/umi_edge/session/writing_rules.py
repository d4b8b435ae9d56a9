"""The writing rules: what a caller may write, by the policy and by the schemas of the tools.

I3: docs/design.md#i3-noninterference
I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from umi_edge.caller import HandleRule, call_schemas
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import DEVICE
from umi_edge.policy.checks import LOOSE_TYPES, is_accepted, leaves_device
from umi_edge.session.draft import CheckedDraft, Draft
from umi_edge.session.time_arguments import SpokenTimes, time_kinds
from umi_edge.tools import Catalogue, Tool
from umi_shared.handles import Handle
from umi_shared.labels import PLANNER, Integrity, Sink
from umi_shared.transcript import View

__all__ = ["Held", "WritingRules"]


Held = Mapping[str, Sequence[str]]
"""The arguments that are one of these values and no other."""
NOTHING_HELD: Held = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WritingRules:
    """Of one session."""

    catalogue: Catalogue
    labeller: Labeller = field(repr=False)

    def reader(self, tool: str) -> Sink:
        """Handles, as the planner does; or values, for a tool that opted in: then the tool is fixed first."""
        return DEVICE if tool and self.labeller.tool_policy(tool).caller == "values" else PLANNER

    def schemas(
        self, view: View, planned: str, times: SpokenTimes | None, held: Held = NOTHING_HELD
    ) -> Mapping[str, Mapping[str, Any]]:
        """What the caller may write: the planned tool and nothing else; any tool where the planner names none.

        A caller that sees values (without `times`) refers to nothing by handles, nor to days by the user's words.
        """
        tools = [(card.name, card.input_schema) for card in view.catalogue if planned in ("", card.name)]
        schemas = call_schemas(tools, [] if times is None else self._handles(view), self._handle_rule)
        if times is None:
            return schemas
        return {
            name: _held(times.schema(schema, time_kinds(self.catalogue[name].check.sound.schema)), held)
            for name, schema in schemas.items()
        }

    def checked(
        self,
        draft: Draft | None,
        view: View,
        tool: str,
        times: SpokenTimes | None,
        held: Held = NOTHING_HELD,
    ) -> CheckedDraft | None:
        """What of a draft is kept. Nothing where the caller sees values: the user wants it to look at them."""
        if draft is None or times is None:
            return None
        [schema] = [card.input_schema for card in view.catalogue if card.name == tool]
        handles = self._handles(view)
        admitted = call_schemas([(tool, schema)], handles, self._handle_rule, longest=math.inf)[tool]
        kinds = time_kinds(self.catalogue[tool].check.sound.schema)
        try:
            return CheckedDraft.of(draft, _held(admitted, held), kinds, times, handles)
        except ValueError:  # a stranger's schema that cannot be held against a part of its arguments
            return None

    def admits(self, tool: Tool, argument: str, handles: Iterable[Handle]) -> bool:
        """Whether handles may stand in a text that is an argument of a tool, by the policy and their labels."""
        rule = self.labeller.policy.arguments(tool.name, {argument: ""}).at((argument,))
        vault, rules = self.labeller.vault, self.labeller.tool_policy(tool.name)
        if rule.type not in LOOSE_TYPES or not all(one in vault for one in handles):
            return False
        open_to_all = rule.accepts is None and not leaves_device(rules, tool.hints)
        return open_to_all or all(is_accepted(rule, vault[one].label) for one in handles)

    def _handles(self, view: View) -> list[Handle]:
        return [handle for handle in view.handles() if handle in self.labeller.vault]

    def _handle_rule(self, tool: str, argument: str) -> HandleRule:
        rule = self.labeller.policy.arguments(tool, {argument: ""}).at((argument,))
        return HandleRule(
            type="" if rule.type in LOOSE_TYPES else rule.type, only=rule.requires == Integrity.TRUSTED
        )


def _held(schema: Mapping[str, Any], held: Held) -> Mapping[str, Any]:
    properties = schema.get("properties", {})
    return {
        **schema,
        "properties": {
            name: {"enum": list(held[name])} if name in held else child for name, child in properties.items()
        },
    }

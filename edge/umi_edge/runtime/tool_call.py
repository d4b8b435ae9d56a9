"""One call of a tool that the user writes themselves, and who would read what of its result.

What a policy's author needs first. Nothing is sent to the planner; the rules of consent hold as for any call.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.labeller import LabelledArguments, Labeller
from umi_edge.labelling.tool_cards import declared_names
from umi_edge.policy import Allowed, Ask, Denied, LabelledLeaf, check_call
from umi_edge.policy.checks import leaves_device
from umi_edge.policy.paths import path_of
from umi_edge.session.call_host import SessionCallHost
from umi_edge.session.consent import Consent, ConsentRequest, DecidedBy, Provenance
from umi_edge.session.rehydration import without
from umi_edge.tools import Outcome, RunLimits, Tool, run_tool
from umi_edge.values.json_walk import walk
from umi_shared.errors import PrivacyError
from umi_shared.handles import render
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Locality, join_all, tool_sink

__all__ = ["ShownLeaf", "call_tool", "shown_leaves"]

_TYPED = Provenance(decided_by=DecidedBy.YOU, said=("typed by you",))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLeaf:
    """One leaf of a result, and what each reader would see of it."""

    path: str = field(repr=False)
    value: Any = field(repr=False)
    locality: str = field(repr=False)
    """The label, in the policy's word."""
    integrity: str = field(repr=False)
    barred: str = field(repr=False)
    """Which tools may not be given it, in the policy's words."""
    rule: str = field(repr=False)
    planner: str = field(repr=False)
    summarizer: str = field(repr=False)
    caller: str = field(repr=False)
    """What the caller of the next call reads; one of a tool that says `caller: values` reads all."""
    third_party: bool
    """Whether a tool that sends its arguments off the device may get it without a rule or a yes of the user."""


async def call_tool(
    tool: Tool, arguments: Mapping[str, Any], labeller: Labeller, consent: Consent
) -> Outcome | None:
    """Make the call, once the policy allows it and the user agrees where it asks; None where they don't.

    Raises `PrivacyError` where the policy denies it.
    """
    policy = labeller.policy
    leaves = {
        step.location: LabelledLeaf(label=_typed(step.value, labeller))
        for step in walk(dict(arguments))
        if not step.punctuation
    }
    typed = LabelledArguments(text=(), leaves=leaves)
    verdict = check_call(
        policy,
        tool.name,
        leaves,
        tool.hints,
        source=tool.source,
        argument_names=declared_names(tool.input_schema),
        holds_never=labeller.remainder(arguments, typed).holds_never,
    )
    match verdict:
        case Denied(reasons):
            raise PrivacyError(
                f"the policy denies this call: {'; '.join(map(str, reasons))}",
                fix=f"see `umi tools {tool.name}`",
            )
        case Allowed(redact) | Ask(_, redact):
            sent = without(dict(arguments), redact)
    if isinstance(verdict, Ask) and not tool.check.problems(sent):
        request = ConsentRequest(
            tool=tool.name,
            arguments=sent,
            reasons=tuple(map(str, verdict.reasons)),
            leaves_device=leaves_device(labeller.tool_policy(tool.name), tool.hints),
            provenance=dict.fromkeys(sent, _TYPED),
        )
        if not await consent.approve(request):
            return None
    limits = policy.limits
    host = SessionCallHost(
        tool=tool.name,
        rules=labeller.tool_policy(tool.name),
        consent=consent,
        vault=labeller.vault,
        observe=lambda _: None,
    )
    return await run_tool(
        tool, sent, RunLimits(call_seconds=limits.call_seconds, result_bytes=limits.result_bytes), host
    )


def _typed(value: Any, labeller: Labeller) -> Label:
    """The label of what the user typed, as of the words of an instruction: what a detector finds stays."""
    found = labeller.keeper.scanner.scan(value if isinstance(value, str) else json.dumps(value))
    return Label.at(Locality.HANDLE if found else Locality.CLOUD, Integrity.TRUSTED)


def shown_leaves(tool: str, value: Any, labeller: Labeller) -> Iterator[ShownLeaf]:
    """Each leaf of a result with its label and its readers; one for all of a result whose shape is hidden.

    Raises `PrivacyError`.
    """
    for location, leaf, text in labeller.leaves(tool, value):
        label = join_all(span.label for span in text)
        values_seen = labeller.tool_policy(tool).caller == "values"
        seen = {sink: "".join(render(span.seen_by(sink)) for span in text) for sink in (PLANNER, SUMMARIZER)}
        yield ShownLeaf(
            path=path_of(location),
            value=leaf,
            locality=str(label.locality),
            integrity=str(label.integrity),
            barred="; ".join(map(str, sorted(label.bars))),
            rule=", ".join(
                dict.fromkeys(span.rule for span in text if not span.label.public) or [text[0].rule]
            ),
            planner=seen[PLANNER],
            summarizer=seen[SUMMARIZER],
            caller="the value" if values_seen else seen[PLANNER],
            third_party=label.may_read(tool_sink("any")),
        )

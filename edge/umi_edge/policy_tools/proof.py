"""Proof: what a policy must keep cannot reach a sink, in any call or result that the tools' schemas admit.

Proven, for each tool, by a walk of schema x rules that meets every place of every value (`cases`):

- a claim of `keep:` or `--keep`: what lies at and below its path is clear to neither planner nor summarizer, and no
  third-party tool takes its handle without the user's consent; no tool takes it unasked that writes it where any tool
  reads it out, nor one that puts it where it may be taken from there (`stores`); no server that has it may write a
  card that leaves unseen; a claim of a type is about each value that a rule or the schema's format gives that type,
  or whose member is called so, and, where detectors look for the type, about every text that leaves unscanned;
- a claim of a type that is `never` to leave: the same, but that texts which leave unscanned are looked through for it;
- always: a third-party tool gets nothing stricter than its arguments accept;
- always: the code that enforces the rules agrees with them, by a run with a marked value in each place (`witness`):
  what stays is in no view, what is hidden has no handle, what is the planner's is not the summarizer's.

A tool's error text may quote anything that the tool knows, so one that a rule lets out breaks every claim about that
tool; and about a type, unless the text is scanned and a detector looks for that type.

Not proven: that a server's results keep to the schema it declares (`any_results` walks all JSON values instead);
that detectors find all there is in scanned text; that what the policy excepts from a detector's finds is none of them,
which is counted in the claim of its type; what a tool on the device does with its arguments (`Assumption`s);
what `show`, `relations`, lengths, keys and timing tell.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from umi_edge.policy import Policy
from umi_edge.policy.claim import Claim
from umi_edge.policy_tools.assumptions import assumptions_of
from umi_edge.policy_tools.claims import Claims
from umi_edge.policy_tools.enforcement import Enforcement
from umi_edge.policy_tools.exceptions import exceptions_of
from umi_edge.policy_tools.theorems import Assumption, Counterexample, Proof, Theorem
from umi_edge.tools import Tool

__all__ = ["Assumption", "Counterexample", "Proof", "Theorem", "prove"]


def prove(
    policy: Policy,
    tools: Iterable[Tool],
    claims: Iterable[Claim] = (),
    *,
    any_results: bool = False,
    files: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Proof:
    """Prove the policy's own claims, those given, and what is always to hold, for some tools.

    `files` is what was read of the policy's files of values (`read_values_files`), to count its exceptions.

    Raises `LimitError` when rules and schemas meet in too many ways.
    """
    subjects = tuple(tools)
    excepted = tuple(exceptions_of(policy, files))
    claimed = Claims(policy, subjects, excepted, any_results=any_results)
    enforcement = Enforcement(policy, subjects, any_results=any_results)
    stated = [claimed.claim(claim) for claim in (*policy.keep, *claims)]
    return Proof(
        theorems=(*stated, enforcement.accepted(), *enforcement.enforced()),
        assumptions=(
            *(Assumption(one.type, f"is none of the values that are excepted: {one}") for one in excepted),
            *assumptions_of(claimed),
        ),
        tools=tuple(tool.name for tool in subjects),
    )

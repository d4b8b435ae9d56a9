"""Gazetteers: names that a policy's detectors take from the user's own tools, such as everyone in the contacts.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Mapping, Sequence

from umi_edge.policy import Policy, gazetteer_sources
from umi_edge.tools import Catalogue, RunLimits, Succeeded, run_tool
from umi_edge.tools.source import ToolSource
from umi_shared.errors import PrivacyError

__all__ = ["load_gazetteers"]

_LIMITS = RunLimits(call_seconds=30, result_bytes=32 * 1024 * 1024, result_leaves=500_000)


async def load_gazetteers(
    policy: Policy, catalogue: Catalogue, missing: Sequence[ToolSource] = ()
) -> Mapping[str, tuple[str, ...]]:
    """The values of each detector that reads them from a tool, by the detector's rule.

    A detector whose tool is not in the catalogue finds nothing. Raises `PrivacyError` when a tool that is there
    fails, or would be there if its server had not failed: going on would let out what the user asked to keep (I2).
    """
    loaded: dict[str, tuple[str, ...]] = {}
    for source in gazetteer_sources(policy):
        loaded[source.rule_id] = ()
        if source.tool in catalogue:
            outcome = await run_tool(catalogue[source.tool], {}, _LIMITS)
            if not isinstance(outcome, Succeeded):
                raise PrivacyError(
                    f"the detector {source.rule_id} cannot read its names: {source.tool} failed ({outcome.kind})",
                    fix=f"mend the tool, or take the detector out of {policy.file or 'the policy'}",
                )
            loaded[source.rule_id] = source.values(outcome.value)
            continue
        for server in missing:
            if server.problem is not None and source.tool.startswith(server.prefix):
                raise PrivacyError(
                    f"the detector {source.rule_id} cannot read its names from {source.tool}: {server.problem.message}",
                    fix=server.problem.fix,
                )
    return loaded

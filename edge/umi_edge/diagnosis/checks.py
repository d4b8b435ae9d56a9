"""Every check, in the order in which a person would look."""

from collections.abc import Mapping
from datetime import UTC, datetime

from umi_edge.diagnosis import detectors, ledger, model, planner, records, sync, system, tools
from umi_edge.diagnosis.finding import Check
from umi_edge.runtime.config import EdgeConfig

__all__ = ["Check", "checks_for"]


def checks_for(config: EdgeConfig, environment: Mapping[str, str]) -> tuple[Check, ...]:
    """The checks of a laptop with that configuration; `environment` is what MCP servers and SMTP may read."""
    return (
        Check(name="policy", look=lambda: system.policy(config)),
        Check(name="model", look=lambda: model.model(config.caller), slow="reading the model", seconds=600),
        Check(name="connection", look=lambda: planner.connection(config, datetime.now(UTC))),
        Check(
            name="planner",
            look=lambda: planner.server(config, datetime.now(UTC)),
            slow="calling the planner",
            seconds=60,
        ),
        Check(
            name="ledger",
            look=lambda: ledger.ledger(config.ledger, config.second_head),
            slow="reading the ledger",
            seconds=300,
        ),
        Check(name="records", look=lambda: records.records(config)),
        Check(name="sync", look=lambda: sync.copies(config)),
        Check(
            name="tools",
            look=lambda: tools.tools(config, environment),
            slow="starting the tools",
            seconds=120,
        ),
        Check(
            name="detectors",
            look=lambda: detectors.detectors(config, environment),
            slow="reading what the detectors look for",
            seconds=180,
        ),
        Check(name="offline", look=lambda: system.offline(config)),
    )

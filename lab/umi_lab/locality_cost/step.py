"""One step, part by part: what a tool returned becomes labelled text, a view, a message, a line in the ledger.

labels    policy resolution, labels and handles for every leaf and key; where a rule says `scan`, the detectors
view      the transcript as the planner may see it, with the reason for each clear span
message   its bytes, padded
guard     the last look at them, with every value that was just kept
ledger    the entry, written and not synced
"""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import release
from umi_edge.labelling.text import LabelledEntry
from umi_edge.ledger import Ledger, LedgerConfig
from umi_edge.policy import Scanner, gazetteer_sources
from umi_lab.locality_cost.workload import TOOL, Workload
from umi_shared.labels import PLANNER
from umi_shared.transcript import Instruction, Observation
from umi_shared.wire import plan_request

__all__ = ["PARTS", "Step", "open_step"]

PARTS = ("labels", "view", "message", "guard", "ledger")
_BUCKET_BYTES = 1024


@dataclass(slots=True)
class Step:
    """Measures one step at a time; each starts with an empty vault, so that every value is new to it."""

    workload: Workload
    ledger: Ledger
    scanner: Scanner = field(init=False)

    def __post_init__(self) -> None:
        policy = self.workload.policy
        self.scanner = Scanner.of(policy, {source.rule_id: () for source in gazetteer_sources(policy)})

    def run(self) -> dict[str, float]:
        """How many seconds each part of one step takes."""
        labeller = Labeller.fresh(self.workload.policy, self.scanner, {TOOL: "python"})
        guard = EgressGuard(labeller.vault)
        asked = LabelledEntry(Instruction(()), labeller.instruction("List my records of this year."))
        spent: dict[str, float] = {}
        gc.collect()
        gc.disable()
        try:
            text = _timed(spent, "labels", lambda: labeller.result(TOOL, self.workload.result))
            entries = [asked, LabelledEntry(Observation(TOOL, (), ""), text)]
            view = _timed(spent, "view", lambda: release((), entries, PLANNER))
            message = _timed(
                spent,
                "message",
                lambda: plan_request("r1", view, bucket_bytes=_BUCKET_BYTES).SerializeToString(),
            )
            _timed(spent, "guard", lambda: guard.check(message, PLANNER))
            _timed(
                spent,
                "ledger",
                lambda: self.ledger.append(
                    session="s", sink=PLANNER, request_id="r1", message=message, disclosures=view.disclosures
                ),
            )
        finally:
            gc.enable()
        return spent


def _timed(spent: dict[str, float], part: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = work()
    spent[part] = time.perf_counter() - began
    return result


@contextmanager
def open_step(workload: Workload) -> Iterator[Step]:
    """A step with a ledger of its own."""
    with tempfile.TemporaryDirectory(prefix="umi-cost-") as folder:
        ledger = Ledger.open(
            Path(folder) / "ledger.jsonl",
            Ed25519PrivateKey.generate(),
            lambda: "2026-06-01T00:00:00Z",
            LedgerConfig(file_bytes=1 << 30),
        )
        try:
            yield Step(workload, ledger)
        finally:
            ledger.close()

"""Record keeping: a session tells the records what its calls write, and asks them of what its tools read.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.labelling.labeller import LabelledArguments
from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy import LabelledLeaf, Location, Policy
from umi_edge.policy.checks import may_write
from umi_edge.policy.families import BUILT_IN
from umi_edge.policy.stored_as import read_back_at
from umi_edge.records import Records
from umi_edge.session.consent import Provenance
from umi_edge.session.own_words import not_the_users_own, typed_words
from umi_edge.tools import Doubt, Outcome, Succeeded, Tool
from umi_edge.tools.record import WRITTEN_BY_UMI, Doubts, records_of
from umi_shared.labels import Integrity

__all__ = ["RecordKeeping"]

_ELSEWHERE = Doubt(
    "in a folder that the policy says has other people's texts in it",
    True,
    "move it out of that folder, or take the folder out of `untrusted:` of the policy",
)


@dataclass(frozen=True, slots=True)
class RecordKeeping:
    """What one session does about records that are not the user's own."""

    policy: Policy = field(repr=False)
    records: Records = field(repr=False)

    def write(
        self,
        tool: Tool,
        resolved: Mapping[str, Any],
        labelled: LabelledArguments,
        known: Mapping[str, Provenance],
        entries: Sequence[LabelledEntry],
        *,
        asked: bool,
    ) -> int:
        """Keep what a call is about to write that is not the user's own; gives the entry's number, 0 for none.

        `asked` is whether the user has approved it. Raises `PrivacyError` where it cannot be kept.
        """
        if not may_write(tool.hints, tool.source):
            return 0
        leaves = self._stored(tool, labelled.leaves)
        fields = not_the_users_own(resolved, leaves, known, typed_words(entries), self.records)
        if not fields:
            return 0
        return self.records.write(tool=tool.name, store=_store_of(tool), approved=asked, fields=fields)

    def _stored(self, tool: Tool, leaves: Mapping[Location, LabelledLeaf]) -> Mapping[Location, LabelledLeaf]:
        """The arguments but those of which the policy, umi or the user's own code says that no tool reads them back."""
        said = (*tool.stored_as, *self.policy.tool(tool.name, source=tool.source).stored_as)
        return {at: leaf for at, leaf in leaves.items() if read_back_at(said, at) != ()}

    def name(self, number: int, outcome: Outcome) -> None:
        """Keep what the store calls the record that a call has written, where the tool says it."""
        if number and isinstance(outcome, Succeeded) and outcome.records:
            self.records.name(number, outcome.records[0].id)

    def doubts(self, tool: Tool, outcome: Succeeded) -> Doubts:
        """What of a tool's result is not the user's own.

        Of a tool that is not trusted, none is; those that umi wrote are marked as such.
        """
        records = tuple(records_of(outcome.value)) if outcome.records is None else outcome.records
        store = _store_of(tool)
        if self.policy.tool(tool.name, source=tool.source).integrity is Integrity.UNTRUSTED:
            written = self.records.doubts(store, records)
            return replace(written, records=dict.fromkeys(written.records, WRITTEN_BY_UMI))
        elsewhere = {
            one.at: _ELSEWHERE for one in records if self.policy.distrusts(one.store or store, one.path)
        }
        known = self.records.doubts(store, records)
        return replace(
            known, records={**known.records, **elsewhere}, staying=known.staying | elsewhere.keys()
        )


def _store_of(tool: Tool) -> str:
    """What a tool reads and writes: the family of a built-in tool, else all of its server, or all Python functions."""
    return tool.name.partition(".")[0] if tool.source == BUILT_IN else tool.source

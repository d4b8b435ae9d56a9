"""Relations: which names of a result hold a name that the user typed, as far as the policy tells it.

A request says a first name, a contact has the full one, and each has a handle of its own: a planner cannot tell that
they belong together. Whether they do is a fact of values that stay, one bit for each pair that is compared.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Iterable, Sequence

from umi_edge.labelling.text import LabelledEntry, LabelledText, handles_in
from umi_edge.labelling.vault import Vault
from umi_edge.session.own_words import stands_in
from umi_shared.handles import Handle
from umi_shared.transcript import Instruction, Relation

__all__ = ["MOST_PAIRS", "compared", "relations_of"]

MOST_PAIRS = 64
"""Pairs that are compared in one result; of more nothing is told, so a long list of contacts costs nothing."""
_TYPE = "person"


def compared(entries: Sequence[LabelledEntry], result: LabelledText, vault: Vault) -> tuple[Relation, ...]:
    """The pairs of a new name in a result and a name that the user typed; none where there are too many.

    What is compared is decided by the handles that the cloud sees, and by nothing that stays. A name under a rule by
    which equality does not show (`link: false`, `shape: hidden`) is compared to none.
    """
    typed = _names(one.text for one in entries if isinstance(one.template, Instruction))
    new = _names([result]) - _names(one.text for one in entries)
    typed, new = ({one for one in names if vault[one].linked} for names in (typed, new))
    pairs = tuple(Relation(whole, part) for whole in sorted(new) for part in sorted(typed))
    return pairs if len(pairs) <= MOST_PAIRS else ()


def relations_of(pairs: Iterable[Relation], vault: Vault) -> tuple[Relation, ...]:
    """Those pairs that are so."""
    return tuple(one for one in pairs if _holds(vault[one.whole].value, vault[one.part].value))


def _names(texts: Iterable[LabelledText]) -> set[Handle]:
    return {handle for text in texts for handle in handles_in(text) if handle.type == _TYPE}


def _holds(whole: object, part: object) -> bool:
    return isinstance(whole, str) and isinstance(part, str) and stands_in(part.casefold(), whole.casefold())

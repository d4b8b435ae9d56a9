"""The natural set's development half, as the planner sees its requests: nothing is fitted on it."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from umi_edge.labelling.labeller import Labeller
from umi_edge.policy import Scanner
from umi_edge.request_kinds import Kind
from umi_edge.request_kinds.features import features_of
from umi_edge.request_kinds.model import RequestKinds
from umi_lab.natural.home import homes
from umi_lab.natural.request import Wanted
from umi_lab.natural.request_file import read_requests
from umi_lab.natural.trial import environment_of
from umi_lab.request_kinds.figures import Judged
from umi_shared.labels import PLANNER

__all__ = ["judged_naturally"]

_KINDS = {
    "letter": Kind.MAIL,
    "note": Kind.NOTE,
    "todo": Kind.TODO,
    "contact": Kind.CONTACT,
}
_ACTS = {"new": Kind.EVENT, "gone": Kind.CANCELLED, "changed": Kind.MOVED}


def judged_naturally() -> Judged:
    """Every request that is said in one turn, by the shipped model."""
    model = RequestKinds.shipped()
    requests = [one for one in read_requests() if one.split == "development" and len(one.turns) == 1]
    labellers = asyncio.run(_labellers())
    features = [features_of(_seen(labellers[one.home], one.turns[0])) for one in requests]
    return Judged(
        scores=np.stack([model.scores(one) for one in features]),
        known=np.array([model.share_known(one) for one in features], np.float32),
        asked=np.array([_asked((*one.changes, *one.may)) for one in requests]),
    )


async def _labellers() -> dict[str, Labeller]:
    found = {}
    for home in homes():
        with tempfile.TemporaryDirectory(prefix="umi-kinds-") as folder:
            config = replace(home.copy_to(Path(folder)), more=True)
            here = await environment_of(config, home.now)
            scanner = Scanner.of(here.policy, here.gazetteers)
            sources = {tool.name: tool.source for tool in here.catalogue}
            found[home.name] = Labeller.fresh(here.policy, scanner, sources, hash_key=b"")
    return found


def _seen(labeller: Labeller, words: str) -> str:
    return "".join(str(part) for span in labeller.instruction(words) for part in span.seen_by(PLANNER))


def _asked(wanted: Sequence[Wanted]) -> list[bool]:
    kinds = {_ACTS[one.act] if one.kind == "event" else _KINDS[one.kind] for one in wanted}
    if {Kind.EVENT, Kind.CANCELLED} <= kinds:  # what is moved is gone here, and new there
        kinds = kinds - {Kind.EVENT, Kind.CANCELLED} | {Kind.MOVED}
    return [kind in kinds for kind in Kind]

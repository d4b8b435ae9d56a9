"""JSON text: how one value is written in labelled text, in clear and where it stays."""

import json
from dataclasses import replace
from json.encoder import encode_basestring
from typing import Any

from umi_edge.labelling.text import Span
from umi_edge.policy import Resolution
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.values.json_walk import json_type
from umi_shared.bars import Bar
from umi_shared.handles import Text, escape
from umi_shared.labels import Label, Locality

__all__ = [
    "HIDDEN",
    "WITHHELD",
    "clear_span",
    "compact_json",
    "escaped_json",
    "not_the_users_own",
    "staying",
    "type_of",
    "whole",
]

HIDDEN: Text = ('"[hidden]"',)
WITHHELD: Text = ("[withheld]",)


def staying(resolution: Resolution) -> Resolution:
    """What holds for a value that stays whatever the rule of its place lets out."""
    locality = Label.at(resolution.locality).join(Label.at(Locality.HANDLE)).locality
    return replace(resolution, locality=locality, scan=False)


def whole(resolution: Resolution, below: frozenset[Bar]) -> Resolution:
    """What holds for a node of which not even the shape may show: it stays, whatever its rule says of its parts.

    What may bar a part of it (`below`) bars it.
    """
    return replace(staying(resolution), shape=Shape.HIDDEN, bars=resolution.bars | below)


def not_the_users_own(resolution: Resolution) -> Resolution:
    """What holds under `scan` for a record that is not the user's own: it stays.

    `scan` lets out the user's own words but for what detectors find; what somebody else, or a model, put into such a
    place may be worded so that no detector finds what is private in it. A rule that says who may read it still holds.
    """
    return replace(
        resolution,
        locality=Locality.HANDLE,
        scan=False,
        type="text" if resolution.type == ANY_TYPE else resolution.type,
        rule_id=f"{resolution.rule_id}; `scan` does not hold for what is not the user's own",
    )


def clear_span(text: str, label: Label, rule: str) -> Span:
    """Text that those may read whom the label names; nothing in it reads as a handle."""
    return Span(clear=escape(text), masked=WITHHELD, label=label, rule=rule)


def type_of(value: Any, resolution: Resolution) -> str:
    """The handle's type: the rule's word, else the JSON type's."""
    return json_type(value) if resolution.type == ANY_TYPE else resolution.type


compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON text; one encoder for all, because making one costs more than a short text."""


def escaped_json(value: Any) -> str:
    """JSON text in whose strings nothing reads as a handle, and which still parses."""
    return encode_basestring(escape(value)) if isinstance(value, str) else escape(compact_json(value))

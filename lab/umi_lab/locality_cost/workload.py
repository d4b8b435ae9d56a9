"""The workload: a tool result of a given size, with a given number of leaves that stay."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from umi_edge.policy import Policy, load_policy

__all__ = ["TOOL", "Workload", "make_workload"]

TOOL = "records.list"
_FIELDS = 4
"""How many private leaves one record has."""
_PHRASES = (
    "meeting budget review", "quarter travel request", "report draft agenda", "release schedule update",
    "invoice contract", "delivery supplier window", "estimate plan summary", "hiring training workshop",
    "office order status", "follow up notes",
)  # fmt: skip
_POLICY = """
version: 1
name: cost
detect:
  - {{type: email, pattern: builtin}}
  - {{type: phone, pattern: builtin}}
  - {{type: iban, pattern: builtin}}
  - {{type: card, pattern: builtin}}
  - {{type: api_key, pattern: builtin}}
  - {{type: ip, pattern: builtin}}
tools:
  records.list:
    runs: device
    results:
      "$.records[*].name": {{locality: handle, type: person}}
      "$.records[*].email": {{locality: handle, type: email}}
      "$.records[*].phone": {{locality: handle, type: phone}}
      "$.records[*].account": {{locality: handle, type: iban}}
      "$.records[*].title": {free}
      "$.records[*].date": cloud
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One result, the policy for it, and its size."""

    result: Any = field(repr=False)
    policy: Policy
    size_bytes: int
    """The length of the result as compact JSON."""
    private_leaves: int
    free: str
    """The locality of the free text: `cloud`, or `scan`."""


def make_workload(size_bytes: int, private_leaves: int, *, free: str, seed: int = 7) -> Workload:
    """Records with four private leaves each; their titles fill the result up to its size."""
    draw = random.Random(seed)  # noqa: S311  # made-up people
    records = [_record(draw, number) for number in range(private_leaves // _FIELDS)]
    room = size_bytes - len(json.dumps({"records": records}, separators=(",", ":")))
    for number, record in enumerate(records):
        length = max(room // len(records) + (1 if number < room % len(records) else 0), 0)
        record["title"] = _title(draw, length)
    result = {"records": records}
    return Workload(
        result=result,
        policy=load_policy(_POLICY.format(free=free), "cost.yaml"),
        size_bytes=len(json.dumps(result, separators=(",", ":"))),
        private_leaves=len(records) * _FIELDS,
        free=free,
    )


def _record(draw: random.Random, number: int) -> dict[str, str]:
    name = f"{_word(draw, 6).title()} {_word(draw, 8).title()}"
    return {
        "name": name,
        "email": f"{name.replace(' ', '.').lower()}{number}@example.org",
        "phone": f"+49 30 {draw.randrange(10**6, 10**7)}",
        "account": f"DE{draw.randrange(10**19, 10**20)}",
        "date": f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
        "title": "",
    }


def _word(draw: random.Random, length: int) -> str:
    return "".join(draw.choice("aeiou" if place % 2 else "bdfgklmnprstv") for place in range(length))


def _title(draw: random.Random, length: int) -> str:
    words = ""
    while len(words) < length:
        words += draw.choice(_PHRASES) + " "
    return words[:length]

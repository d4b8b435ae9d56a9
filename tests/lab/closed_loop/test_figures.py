"""Figures of rows, and where a caller finds its arguments."""

from typing import Any

import pytest

from umi_lab.closed_loop.argument_source import source_of
from umi_lab.closed_loop.figures import means, privacy_tax, sessions, stepwise
from umi_shared.handles import parts_of
from umi_shared.transcript import Instruction, Observation, View

VIEW = View(
    catalogue=(),
    entries=(
        Instruction(parts_of("Tell <person:1> that the lunch is at noon")),
        Observation("files.read", parts_of("x" * 400 + " Gate 7")),
    ),
)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("<person:1>", "handle"),
        (["<person:1>"], "handle"),
        ("Mail <person:1>", "text with handles"),
        ("The lunch is at noon.", "request"),
        ("gate 7", "long result"),
        ("2026-01-02", "worked out"),
        ("", "worked out"),
        (7, "long result"),
    ],
)
def test_an_argument_is_named_by_where_it_is_read(value: Any, source: str) -> None:
    assert source_of(value, VIEW) == source


def row(
    number: int, ended: str, *, should_end: str = "answered", right: bool = True, **more: Any
) -> dict[str, Any]:
    success = right and ended == should_end
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    return {
        "number": number,
        "family": "day_list",
        "own_names": True,
        "broken": False,
        "verdict": {"ended": ended, "should_end": should_end},
        "success": success,
        "wrong_end": ended == "answered" and not (right and should_end == "answered"),
        "false_claim": ended == "answered" and not (right and should_end == "answered"),
        "wrongly_gave_up": ended == "gave up" and should_end != "gave up",
        "tools": ["calendar.list"],
        "oracle_tools": ["calendar.list"],
        "invalid_calls": 0,
        "steps": 2,
        "messages_out": 3,
        "bytes_out": 1000,
        "kept": 1,
        "seconds": 1.5,
        "tokens": dict.fromkeys(("planner", "caller", "summarizer"), usage),
        **more,
    }


ROWS = [
    row(0, "answered"),
    row(1, "answered", right=False),
    row(2, "gave up"),
    row(3, "gave up", should_end="gave up"),
    row(4, "answered", should_end="gave up"),
    row(5, "OUTPUT_MALFORMED", invalid_calls=1, own_names=False),
    row(6, "TransportError"),
]


def test_each_way_to_fail_is_counted_over_what_it_can_happen_to() -> None:
    figures = sessions(ROWS)
    counted = {name: (share.part, share.whole) for name, share in figures.items()}
    assert counted["success"] == (2, 7)
    assert counted["success, built-in names"] == (2, 6)
    assert counted["success, family day_list"] == (2, 7)
    assert counted["answered as if done"] == (2, 7)
    assert counted["wrongly gave up"] == (1, 5)
    assert counted["gave up where it should"] == (1, 2)
    assert counted["no decision, or a tool that is not there"] == (1, 7)
    assert counted["other errors"] == (1, 7)
    assert counted["invalid calls"] == (1, 7)


def test_means_add_the_roles() -> None:
    assert means([]) == {}
    taken = means(ROWS)
    assert taken["prompt tokens"] == 300
    assert taken["bytes out"] == 1000


def test_the_tax_compares_the_sessions_that_both_runs_have() -> None:
    clear = [row(0, "gave up"), row(1, "answered"), row(99, "answered")]
    tax = privacy_tax(ROWS, clear)
    assert [(share.part, share.whole) for share in tax["success"]] == [(1, 2), (1, 2)]
    assert [(share.part, share.whole) for share in tax["answered as if done"]] == [(1, 2), (0, 2)]


def test_steps_are_counted_by_role_and_arguments_by_their_source() -> None:
    rows = [
        {"role": "planner", "own_names": True, "right": {"next": True, "tool": False}, "arguments": []},
        {
            "role": "caller",
            "own_names": False,
            "right": {"exact": False},
            "arguments": [["handle", True], ["request", False]],
        },
    ]
    counted = {name: (share.part, share.whole) for name, share in stepwise(rows).items()}
    assert counted["planner: tool, built-in names"] == (0, 1)
    assert counted["caller: exact, other names"] == (0, 1)
    assert counted["caller: argument from handle"] == (1, 1)
    assert counted["caller: argument from request"] == (0, 1)

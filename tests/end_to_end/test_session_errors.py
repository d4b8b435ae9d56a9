"""A tool's own words on its failure: they stay, until the policy says who may read them."""

import json

import pytest

from tests.end_to_end.harness import World, plan, tool_of, world
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.tools import FailureKind, ToolFailure
from umi_shared.labels import Integrity

CANARY = "zq-canary@example.org"
WORDS = f"no such book <email:1> of {CANARY}"
PLANS = [plan("Use shop.find."), plan("I see.", "summarizer"), "It failed."]
SHAPELESS = "results: {$: {locality: handle, shape: hidden}}"


async def failed(tmp_path, errors: str, guard: type = UnsafeNoGuard, words: str = WORDS) -> World:
    def fail(_):
        raise ToolFailure(FailureKind.NOT_FOUND, words)

    policy = f"tools: {{shop.find: {{runs: device, {errors}}}}}"
    async with world(
        tmp_path, plans=PLANS, calls=[("shop.find", "{}")], tools=[tool_of("shop.find", fail)],
        policy=policy, guard=guard,
    ) as w:  # fmt: skip
        await w.session.ask("Look.")
    return w


def seen(w: World) -> list[tuple[str, str]]:
    """What the planner, then the summarizer was told of the failure, in their prompts."""
    return [prompt.partition("failed: ")[2].partition("<|im_end|>")[0] for prompt in w.prompts[1:]]


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
@pytest.mark.parametrize(
    ("errors", "planner", "summarizer"),
    [
        ("confirm: never", "not-found", "not-found"),
        ("errors: handle", 'not-found: "<error:1>"', 'not-found: "<error:1>"'),
        ("errors: hidden", 'not-found: "[hidden]"', 'not-found: "[hidden]"'),
        (
            "errors: scan",
            r'not-found: "no such book <\\email:1> of <email:1>"',
            r'not-found: "no such book <\\email:1> of <email:1>"',
        ),
        (SHAPELESS + ", errors: cloud", "", ""),
    ],
)
async def test_the_words_of_a_failure_stay(tmp_path, guard, errors, planner, summarizer):
    w = await failed(tmp_path, errors, guard)
    assert seen(w) == [planner, summarizer]
    assert b"zq-canary" not in w.capture.bytes_out
    assert w.results == ["not-found"]


async def test_the_words_reach_the_sink_that_the_rule_names_and_no_other(tmp_path):
    w = await failed(tmp_path, "errors: planner", EgressGuard)
    clear = json.dumps(WORDS.replace("<email", r"<\email"))
    assert seen(w) == [f"not-found: {clear}", 'not-found: "<error:1>"']


async def test_the_words_are_cut_and_untrusted(tmp_path):
    w = await failed(tmp_path, "errors: handle", words="x" * 5000)
    (kept,) = w.vault
    assert len(kept.value) == 2000
    assert kept.label.integrity is Integrity.UNTRUSTED


async def test_words_that_were_cut_are_not_scanned_but_kept(tmp_path):
    """What stands at the cut may be half of something private."""
    w = await failed(tmp_path, "errors: scan", words="x " * 990 + "and " + CANARY * 5)
    assert seen(w) == ['not-found: "<error:1>"'] * 2
    assert b"zq-can" not in w.capture.bytes_out
    assert len(w.vault) == 1

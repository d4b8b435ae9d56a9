"""The umi dialect: what its planner can write at all, and how its calls begin."""

import re

import llguidance
import pytest

from umi_shared.dialects import dialect_named
from umi_shared.engine import Regex
from umi_shared.transcript import Instruction, Next, Plan, ToolCard, View

TOKENIZER = llguidance.LLTokenizer("byte")
TOOLS = tuple(
    ToolCard(name=name, description=("Does it.",), input_schema={"type": "object"})
    for name in ("contacts.search", "mail.send", "use")
)


def pattern() -> str:
    constraint = (
        dialect_named("umi").plan(View(catalogue=TOOLS, entries=(Instruction(("Hello.",)),))).constraint
    )
    assert isinstance(constraint, Regex)
    return constraint.pattern


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ("To find the address of <person:1>, use contacts.search. Next: caller.", True),
        ("To cancel the boiler, <event:1>, use mail.send. Next: caller.", True),
        ("To send it, used cars included, use mail.send. Next: caller.", True),
        ("To write, us all, usual words, use use. Next: caller.", True),
        ("The mail is on its way. Next: summarizer.", True),
        ("Tomorrow is not known. Next: give up.", True),
        ("No tool here can fly. Next: give up.", True),
        ("To fly I would need a tool that this device doesn't offer. Next: give up.", True),
        ("To read it, use inbox. Next: caller.", False),
        ("To read it, use inbox. Next: give up.", False),
        ("To read it, use inbox, use mail.send. Next: caller.", False),
        ("To read it, use mail.sends. Next: caller.", False),
        ("To read it, use inbox. Next: summarizer.", False),
        ("To read it. Next: summarizer.", False),
        ("The mail is on its way. Next: caller.", False),
        (" Next: summarizer.", False),
    ],
)
def test_a_step_names_a_tool_of_the_catalogue_and_an_end_names_none(text: str, admitted: bool):
    """The constraint means the same to Python and to llguidance."""
    assert bool(re.fullmatch(pattern(), text)) is admitted
    matcher = llguidance.LLMatcher(TOKENIZER, llguidance.LLMatcher.grammar_from_regex(pattern()), log_level=0)
    assert (matcher.consume_tokens(TOKENIZER.tokenize_str(text)) and matcher.is_accepting()) is admitted


def test_no_output_can_pass_an_unknown_tool_whatever_comes_after_it():
    """Once the words that name a tool are written, only the catalogue's names can follow."""
    matcher = llguidance.LLMatcher(TOKENIZER, llguidance.LLMatcher.grammar_from_regex(pattern()), log_level=0)
    assert matcher.consume_tokens(TOKENIZER.tokenize_str("To do it, use "))
    assert not matcher.deep_copy().consume_tokens(TOKENIZER.tokenize_str("x"))
    assert matcher.consume_tokens(TOKENIZER.tokenize_str("contacts"))


def test_a_call_is_likely_to_begin_with_the_tool_that_the_plan_names():
    instruction, plan = (
        Instruction(("Read it.",)),
        Plan(("To read it, use notes.read.",), Next.CALLER, "notes.read"),
    )
    for dialect in (dialect_named("umi"), dialect_named("chat")):
        asked = dialect.call(View(catalogue=(), entries=(instruction, plan)))
        assert asked.likely_start == '{"tool":"notes.read","arguments":{"'
        assert dialect.call(View(catalogue=(), entries=(instruction,))).likely_start == ""
        assert dialect.plan(View(catalogue=(), entries=(instruction, plan))).likely_start == ""

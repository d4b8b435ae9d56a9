"""What model families want of a chat, by their own templates: every turn is there, in order, and words come next."""

import pytest
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from umi_shared.chat_template import ChatTemplate
from umi_shared.dialects import dialect_named
from umi_shared.engine import Message
from umi_shared.transcript import Call, Clock, Instruction, Next, Observation, Plan, ToolCard, View

VIEW = View(
    catalogue=(ToolCard(name="notes.read", description=("Read a note.",), input_schema={"type": "object"}),),
    entries=(
        Clock(("Friday",)),
        Instruction(("Read what Alice wrote.",)),
        Plan(("To find it, use notes.read.",), Next.CALLER, "notes.read"),
        Call("notes.read", ('{"title":"apples"}',)),
        Observation("notes.read", ("found: pears",)),
    ),
)
FAMILIES = ("qwen3", "qwen3_thinking", "llama31", "gemma", "gemma3", "mistral", "phi3", "phi4", "gptoss")
REFUSES_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<model>"
)
LOSES_SYSTEM = (
    "{% for m in messages %}{% if m['role'] != 'system' %}{{ m['content'] }};{% endif %}{% endfor %}"
)
SYSTEM, USER = Message("system", "Be kind."), Message("user", "Hello")


def template(source: str) -> ChatTemplate:
    formatter = Jinja2ChatFormatter(template=source, eos_token="</s>", bos_token="<s>")
    return ChatTemplate(
        lambda messages: (
            formatter(
                messages=[{"role": one.role, "content": one.content} for one in messages],
                enable_thinking=False,
            ).prompt
        )
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("role", ["plan", "answer", "call"])
def test_each_family_renders_what_each_role_asks(
    family: str, role: str, chat_templates: dict[str, str]
) -> None:
    messages = getattr(dialect_named("chat"), role)(VIEW).prompt.messages
    text = template(chat_templates[family]).text(messages)
    places = [text.index(message.content.strip()) for message in messages]
    assert places == sorted(places)
    after = text[places[-1] + len(messages[-1].content.strip()) :]
    assert after.count("<think>") == after.count("</think>")
    assert not after.endswith("<|start|>assistant")


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_renders_a_catalogue_alone(family: str, chat_templates: dict[str, str]) -> None:
    """Devices may share a cache of it (`cache_sharing: catalogue`)."""
    messages = dialect_named("chat").plan(View(catalogue=VIEW.catalogue, entries=())).prompt.messages
    assert "notes.read" in template(chat_templates[family]).text(messages)


@pytest.mark.parametrize("source", [REFUSES_SYSTEM, LOSES_SYSTEM])
def test_where_there_is_no_system_turn_its_words_begin_the_first_turn(source: str) -> None:
    assert "Be kind.\n\nHello" in template(source).text([SYSTEM, USER])


def test_a_thought_that_the_template_begins_is_ended() -> None:
    text = template("{{ messages | map(attribute='content') | join(' ') }}<assistant><think>\n").text(
        [SYSTEM, USER]
    )
    assert text == "Be kind. Hello<assistant><think>\n\n</think>\n\n"


def test_turns_that_a_template_refuses_are_the_callers_error() -> None:
    with pytest.raises(ValueError, match="alternate"):
        template(REFUSES_SYSTEM).text([USER, USER])

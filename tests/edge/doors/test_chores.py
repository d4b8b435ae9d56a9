"""Requests that clients send by themselves are known, and what people ask is not taken for one."""

import json
import time

import pytest

from umi_edge.doors.chat_request import ChatRequest, Turn
from umi_edge.doors.chores import chore_answer, quoted_chats

CHAT = "USER: When does my flight to Oslo go?\nASSISTANT: At 7:45, booking code QX4711."


def asked(text: str, *before: Turn, system: str = "") -> ChatRequest:
    return ChatRequest(turns=(*before, Turn("user", text)), system=system)


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (
            "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n"
            'JSON format: {{ "title": "your concise title here" }}\n### Chat History:\n'
            "<chat_history>\n{}\n</chat_history>",
            "title",
        ),
        (
            "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history.\n"
            '### Output:\nJSON format: {{ "tags": ["tag1"] }}\n### Chat History:\n<chat_history>\n{}\n</chat_history>',
            "tags",
        ),
        (
            "### Task:\nSuggest 3-5 relevant follow-up questions that the user might naturally ask next in this "
            'conversation.\nJSON format: {{ "follow_ups": ["a"] }}\n### Chat History:\n'
            "<chat_history>\n{}\n</chat_history>",
            "follow_ups",
        ),
        (
            "### Task:\nAnalyze the chat history to determine the necessity of generating search queries. Return JSON: "
            '{{ "queries": [] }}\n<chat_history>\n{}\n</chat_history>',
            "queries",
        ),
        (
            "Provide a concise, 5-word-or-less title for the conversation, using title case. Return JSON "
            '{{"title": ""}}.\n\nConversation:\n{}',
            "title",
        ),
    ],
)
def test_a_clients_own_request_is_answered_in_the_form_it_asks_for(order, kind):
    answer = chore_answer(asked(order.format(CHAT)))
    assert answer is not None
    value = json.loads(answer)[kind]
    assert value in ([], "When does my flight to Oslo")
    assert "QX4711" not in answer


def test_without_json_a_title_is_the_bare_words():
    order = f"Summarize the following conversation into a title of at most 5 words.\n{CHAT}"
    assert chore_answer(asked(order)) == "When does my flight to Oslo"


def test_an_order_in_the_system_message_counts_when_the_message_brings_the_chat():
    system = "You name conversations: return a title for the chat and nothing else."
    assert chore_answer(asked(CHAT, system=system)) == "When does my flight to Oslo"


def test_a_title_for_the_messages_before():
    before = Turn("user", "What is the door code?"), Turn("assistant", "4711")
    assert (
        chore_answer(asked("Generate a short title for this conversation.", *before))
        == "What is the door code?"
    )


def test_an_order_for_a_transcript_without_speakers():
    fenced = "Based on the chat history, give this conversation a name. Only return it.\n```\nHello\nHi\n```"
    assert chore_answer(asked(fenced)) is not None
    system = "Summarize the conversation into a title of at most 10 words."
    assert chore_answer(asked("When does my flight go? At 7:45, code QX4711.", system=system)) is not None


def test_an_answer_to_a_client_is_never_empty():
    assert chore_answer(asked(f"Suggest follow-up questions for this conversation.\n{CHAT}"))


def test_a_long_message_is_looked_at_in_no_time():
    began = time.monotonic()
    assert chore_answer(asked("a" + "\n" * 100_000 + "b")) is None
    assert quoted_chats(["- " * 50_000]) == []
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        "Write down the follow-ups from this conversation in my notes.",
        "Create a note with the title Budget and the main points of this conversation.",
        "Write a mail to Bob about the subject of our conversation.",
        "Write a title for my talk on Friday",
        "Summarize the conversation with Martin",
        "Suggest a few follow-up messages to Alice",
        "Name the topic of the discussion with the landlord",
        "Create a note called chat history with the title Ideas",
        "Mail Bob the following: User: hello",
        "Give me the tags of the note about the chat with Ann",
        "Return the last message of Alice: what did she name the boat?",
    ],
)
@pytest.mark.parametrize("before", [(), (Turn("user", "Hi"), Turn("assistant", "Hello."))])
def test_what_a_person_asks_is_no_chore(text, before):
    assert chore_answer(asked(text, *before)) is None

"""Which of several is meant: the device asks where a call takes one that the user's words do not tell from the rest."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.end_to_end.harness import TODAY, plan, tool_of, world
from tests.end_to_end.test_session_later_names import refreshed
from tests.end_to_end.test_session_questions import Says
from umi_edge.policy import default_policy, load_policy
from umi_edge.policy.document import RelationsWord
from umi_edge.session.events import Answered
from umi_edge.session.saved import restore, saved
from umi_edge.tools import Hints
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.errors import PrivacyError
from umi_shared.transcript import Answer, Instruction

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
KELLER = ("Wendel Kellerqx", "m.keller@dichtungen.example", "Dichtungen Zwolle", "sales")
VOSS = ("Wendel Vossqx", "voss@pumpen.example", "Pumpen Ahoy", "engineer")
ASKED = "Which one do you mean: Wendel Kellerqx (Dichtungen Zwolle, sales) or Wendel Vossqx (Pumpen Ahoy, engineer)?"
LOOK, SEND = plan("To find them, use contacts.search."), plan("To write to them, use mail.send.")
DONE = [plan("Done.", "summarizer"), "It is sent."]
FIND = ("contacts.search", '{"name":"Wendel"}')


def letter(handle: str, body: str = "I will be late.") -> tuple[str, str]:
    return "mail.send", json.dumps({"to": handle, "subject": "Tonight", "body": body})


def home(folder) -> HomeConfig:
    made = make_sample_home(folder / "home", NOON.date())
    for name, address, company, role in (KELLER, VOSS):
        card = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"FN:{name}",
            f"EMAIL:{address}",
            f"ORG:{company}",
            f"TITLE:{role}",
        ]
        (made.contacts / f"{address}.vcf").write_text("\r\n".join([*card, f"UID:{address}", "END:VCARD", ""]))
    return made


def session(folder, *, plans, calls, policy=None, **more):
    rules = policy or default_policy()
    tools = builtin_tools(home(folder))
    return world(folder, plans=plans, calls=calls, tools=tools, policy=rules, **more)


def sent(w) -> list[str]:
    return [
        action.arguments["to"] for action in w.session.record if action.tool == "mail.send" and action.done
    ]


async def test_the_user_is_asked_with_the_real_values_and_the_call_is_made_for_whom_they_name(tmp_path):
    says = Says("the one from Pumpen Ahoy")
    calls = [FIND, letter("<email:1>", "Dear <person:2>, I will be late.")]
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=calls, replies=says) as w:
        assert await w.session.ask("tell wendel that I will be late") == Answered("It is sent.")
    assert says.asked == [ASKED]
    [mail] = [action for action in w.session.record if action.tool == "mail.send"]
    assert (mail.arguments["to"], mail.arguments["body"]) == (VOSS[1], f"Dear {VOSS[0]}, I will be late.")
    assert len(w.session.record) == 2


async def test_the_models_are_told_that_there_was_a_question_and_no_more(tmp_path):
    says = Says("Wendel Vossqx")
    async with session(
        tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, letter("<email:1>")], replies=says
    ) as w:
        await w.session.ask("tell wendel that I will be late")
    said = [
        "".join(span.clear for span in one.text)
        for one in w.session.snapshot().entries
        if isinstance(one.template, Answer | Instruction)
    ]
    assert said[1:3] == ["Which one do you mean?", "Wendel Vossqx"]
    assert "<email:2>" in w.prompts[-1]
    for secret in (*KELLER, *VOSS):
        assert secret.encode() not in w.capture.bytes_out


async def test_where_nobody_can_be_asked_the_question_is_the_end_and_the_next_words_are_the_reply(tmp_path):
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, letter("<email:1>")]) as w:
        assert await w.session.ask("tell wendel that I will be late") == Answered(ASKED)
        assert sent(w) == []
        assert await w.session.ask("the second") == Answered("It is sent.")
    assert sent(w) == [VOSS[1]]


async def test_a_reply_that_picks_nobody_is_planned_anew_and_nobody_is_asked_twice(tmp_path):
    says = Says("whoever sells the seals, of course")
    calls = [FIND, letter("<email:1>"), letter("<email:1>")]
    async with session(tmp_path, plans=[LOOK, SEND, SEND, *DONE], calls=calls, replies=says) as w:
        await w.session.ask("tell wendel that I will be late")
    assert (len(says.asked), sent(w)) == (1, [KELLER[1]])
    assert "whoever sells the seals" in w.prompts[2]


@pytest.mark.parametrize("reply", ["no, don't write to Vossqx", "what is the weather?", ""])
async def test_what_picks_nobody_makes_no_call(tmp_path, reply):
    says = Says(reply)
    plans = [LOOK, SEND, plan("They want nothing.", "give up")]
    async with session(tmp_path, plans=plans, calls=[FIND, letter("<email:1>")], replies=says) as w:
        await w.session.ask("tell wendel that I will be late")
    assert sent(w) == []


@pytest.mark.parametrize(
    ("request_", "handle"),
    [
        ("tell Wendel Vossqx that I will be late", "<email:2>"),
        ("tell wendel from Pumpen Ahoy that I will be late", "<email:2>"),
        ("tell wendel the engineer that I will be late", "<email:2>"),
        ("write to m.keller@dichtungen.example that I will be late", "<email:1>"),
        ("tell both Wendels that I will be late", "<email:1>"),
    ],
)
async def test_whom_the_words_tell_apart_is_written_to_unasked(tmp_path, request_, handle):
    says = Says()
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, letter(handle)], replies=says) as w:
        await w.session.ask(request_)
    assert (says.asked, len(sent(w))) == ([], 1)


async def test_a_planner_that_takes_another_than_the_words_say_is_asked_about(tmp_path):
    says = Says("Vossqx")
    async with session(
        tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, letter("<email:1>")], replies=says
    ) as w:
        await w.session.ask("tell Wendel Vossqx that I will be late")
    assert (len(says.asked), sent(w)) == (1, [VOSS[1]])


BOTH = ("mail.send", json.dumps({"to": ["<email:1>", "<email:2>"], "subject": "a", "body": "b"}))
OR_BOTH = ASKED.replace("?", ", or both?")


async def test_who_says_that_several_are_meant_is_not_asked(tmp_path):
    says = Says()
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, BOTH], replies=says) as w:
        await w.session.ask("tell the wendels that I will be late")
    assert (says.asked, sent(w)) == ([], [[KELLER[1], VOSS[1]]])


@pytest.mark.parametrize(
    ("reply", "to"),
    [
        ("the second", [VOSS[1]]),
        ("Kellerqx", [KELLER[1]]),
        ("both, please", [KELLER[1], VOSS[1]]),
    ],
)
async def test_a_planner_that_takes_all_of_them_where_one_was_named_is_asked_about(tmp_path, reply, to):
    says = Says(reply)
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, BOTH], replies=says) as w:
        await w.session.ask("tell wendel that I will be late")
    assert (says.asked, sent(w)) == ([OR_BOTH], [to])
    for secret in (*KELLER, *VOSS):
        assert secret.encode() not in w.capture.bytes_out


async def test_of_several_that_a_call_takes_only_the_one_whom_the_words_mean_is_left(tmp_path):
    says = Says()
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, BOTH], replies=says) as w:
        await w.session.ask("tell wendel from Pumpen Ahoy that I will be late")
    assert (says.asked, sent(w)) == ([], [[VOSS[1]]])


async def test_several_are_asked_about_again_where_the_reply_tells_nobody(tmp_path):
    """One who is taken may be whom they mean; all of them are not."""
    says = Says("whoever sells the seals, of course", "the first")
    plans, calls = [LOOK, SEND, SEND, *DONE], [FIND, BOTH, BOTH]
    async with session(tmp_path, plans=plans, calls=calls, replies=says) as w:
        await w.session.ask("tell wendel that I will be late")
    assert (says.asked, sent(w)) == ([OR_BOTH] * 2, [[KELLER[1]]])


async def test_one_that_was_read_alone_was_chosen_too(tmp_path):
    """The planner looks the first of two up again, by the handle of the name, and finds that one only."""
    says = Says("the second one")
    again = ("contacts.search", '{"name":"<person:2>"}')
    plans = [LOOK, LOOK, SEND, plan("To write to them, use mail.send."), *DONE]
    async with session(
        tmp_path, plans=plans, calls=[FIND, again, letter("<email:1>"), letter("<email:2>")], replies=says
    ) as w:
        await w.session.ask("tell wendel that I will be late")
    assert len(says.asked) == 1
    assert sent(w)[0] == VOSS[1]


async def test_what_is_looked_at_is_charged(tmp_path):
    says = Says("the second")
    async with session(
        tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, letter("<email:1>")], replies=says
    ) as w:
        await w.session.ask("tell wendel that I will be late")
    charged = w.session.labeller.shapes.charged
    assert charged["choices", "mail.send"] == pytest.approx(
        1 + math.log2(3)
    )  # whether to ask; which of two, or none
    assert charged["replies", "the user"] == 8 * len("the second")


async def test_a_policy_that_tells_no_relations_has_nobody_asked(tmp_path):
    rules = replace(default_policy(), relations=RelationsWord.HIDDEN)
    says = Says()
    async with session(
        tmp_path, plans=[LOOK, SEND, *DONE], calls=[FIND, letter("<email:1>")], replies=says, policy=rules
    ) as w:
        await w.session.ask("tell wendel that I will be late")
    assert (says.asked, len(w.session.record)) == ([], 2)


async def test_the_other_one_is_told_from_the_one_before(tmp_path):
    says = Says()
    plans = [LOOK, SEND, *DONE, SEND, *DONE]
    calls = [FIND, letter("<email:2>"), letter("<email:1>")]
    async with session(tmp_path, plans=plans, calls=calls, replies=says) as w:
        await w.session.ask("tell Wendel Vossqx that I will be late")
        await w.session.ask("and tell the other wendel, too")
    assert (says.asked, sent(w)) == ([], [VOSS[1], KELLER[1]])


async def test_a_correction_is_not_told_the_same_one_again(tmp_path):
    """The planner takes the first whom it finds, and looks again: the other is all that is found then, and told."""
    plans = [LOOK, plan("Found.", "summarizer"), "It is <phone:1>.", LOOK, plan("Found.", "summarizer")]
    async with session(tmp_path, plans=plans, calls=[FIND, FIND]) as w:
        w.session.writes_lists = True
        for number, (_, address, *_) in enumerate((KELLER, VOSS), start=10):
            card = tmp_path / "home" / "contacts" / f"{address}.vcf"
            card.write_text(card.read_text().replace("ORG:", f"TEL:+44 7700 9003{number}\r\nORG:"))
        assert await w.session.ask("wendels number") == Answered("It is +44 7700 900310.")
        told = await w.session.ask("no, the other wendel")
    assert told == Answered(f"I found {VOSS[0]} (+44 7700 900311, {VOSS[1]}).")
    shown = w.prompts[-1].rpartition("contacts.search")[2]
    assert "<phone:2>" in shown
    assert "<phone:1>" not in shown
    assert w.session.labeller.shapes.charged["choices", "contacts.search"] == pytest.approx(2 * math.log2(3))
    for secret in (*KELLER, *VOSS, "900310", "900311"):
        assert secret.encode() not in w.capture.bytes_out


async def test_a_policy_that_tells_no_relations_leaves_nobody_out(tmp_path):
    rules = replace(default_policy(), relations=RelationsWord.HIDDEN)
    plans = [LOOK, plan("Found.", "summarizer"), "There."]
    async with session(tmp_path, plans=plans, calls=[FIND], policy=rules) as w:
        await w.session.ask("wendels number, the engineer")
    assert "<email:2>" in w.prompts[-1]


AMBIGUOUS = plan("The name is ambiguous.", "summarizer")


async def test_who_asks_for_people_is_told_all_of_them_and_not_asked_which(tmp_path):
    async with session(tmp_path, plans=[LOOK, AMBIGUOUS], calls=[FIND]) as w:
        w.session.writes_lists = True
        told = await w.session.ask("which of my contacts are called Wendel?")
    assert told == Answered("I found 2 contacts: Wendel Kellerqx (sales) and Wendel Vossqx (engineer).")
    assert len(w.capture.requests) == 2
    for secret in (*KELLER, *VOSS):
        assert secret.encode() not in w.capture.bytes_out


async def test_the_next_request_shows_the_list_in_handles(tmp_path):
    plans = [LOOK, AMBIGUOUS, plan("Done.", "summarizer"), "Fine."]
    async with session(tmp_path, plans=plans, calls=[FIND]) as w:
        w.session.writes_lists = True
        await w.session.ask("which of my contacts are called Wendel?")
        await w.session.ask("thanks")
    assert "I found 2 contacts: <person:2>" in w.prompts[-1]
    assert b"Kellerqx" not in w.capture.bytes_out


async def test_who_asks_for_one_of_them_is_asked_which_by_the_summarizer(tmp_path):
    asks = "Which one do you mean: <person:2> or <person:3>?"
    async with session(tmp_path, plans=[LOOK, AMBIGUOUS, asks], calls=[FIND]) as w:
        told = await w.session.ask("what is wendels phone number")
    assert told.answer == "Which one do you mean: Wendel Kellerqx or Wendel Vossqx?"


PUT = plan("To put it in, use calendar.create.")


def event(*guests: str, title: str = "Collect the cake") -> tuple[str, str]:
    what = {"title": title, "date": "Friday", "time": "11:00", "guests": list(guests)}
    return "calendar.create", json.dumps(what)


def created(w) -> list[object]:
    return [one.arguments.get("guests") for one in w.session.record if one.tool == "calendar.create"]


@pytest.mark.parametrize("guests", [("<email:1>",), ("<email:1>", "<email:2>")])
async def test_a_guest_whom_nobody_invited_is_left_out_and_not_asked_about(tmp_path, guests):
    says = Says()
    async with session(tmp_path, plans=[LOOK, PUT, *DONE], calls=[FIND, event(*guests)], replies=says) as w:
        await w.session.ask("collect the cake from wendel on Friday at 11:00, put that in")
    assert (says.asked, created(w)) == ([], [None])


async def test_which_guest_is_meant_is_asked_where_one_is_to_come(tmp_path):
    says = Says("the second")
    calls = [FIND, event("<email:1>")]
    async with session(tmp_path, plans=[LOOK, PUT, *DONE], calls=calls, replies=says) as w:
        await w.session.ask("lunch with wendel on Friday at 11:00, put that in")
    assert (says.asked, created(w)) == ([ASKED], [[VOSS[1]]])


async def test_an_event_that_is_called_by_one_of_them_is_asked_about(tmp_path):
    says = Says("the second")
    calls = [FIND, event("<email:1>", title="Cake from <person:2>")]
    async with session(tmp_path, plans=[LOOK, PUT, *DONE], calls=calls, replies=says) as w:
        await w.session.ask("collect the cake from wendel on Friday at 11:00, put that in")
    assert says.asked == [ASKED]


UNASKED = "Do you want something cancelled?"
LIST = plan("To list the events, use calendar.list.")
CANCEL = plan("To cancel it, use calendar.cancel.")
LISTED = ("calendar.list", '{"date":"today"}')


def cancelled(w) -> list[str]:
    return [one.result for one in w.session.record if one.tool == "calendar.cancel"]


@pytest.mark.parametrize("reply", ["no, when is the water off?", ""])
async def test_what_nobody_named_is_not_cancelled_and_no_list_is_shown(tmp_path, reply):
    says = Says(reply)
    plans = [LIST, CANCEL, plan("Nothing tells of it.", "give up")]
    async with events_world(tmp_path, plans=plans, replies=says) as w:
        await w.session.ask("water off when today")
    assert (says.asked, cancelled(w)) == ([UNASKED], [])


@pytest.mark.parametrize("request_", ["cancel the one at seven today", "Choirqx is not for me today"])
async def test_what_is_named_or_asked_for_is_cancelled_as_before(tmp_path, request_):
    says = Says()
    async with events_world(tmp_path, plans=[LIST, CANCEL, *DONE], replies=says) as w:
        await w.session.ask(request_)
    assert UNASKED not in says.asked
    assert cancelled(w) == ["done"]


def events_world(folder, *, plans, **more):
    """A calendar with one event today, which the caller cancels."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:choir-1"]
    lines += [
        "SUMMARY:Choirqx",
        f"DTSTART:{TODAY:%Y%m%d}T190000Z",
        f"DTEND:{TODAY:%Y%m%d}T200000Z",
        "END:VEVENT",
    ]
    made = home(folder)
    for old in made.calendar.iterdir():
        old.unlink()
    (made.calendar / "choir.ics").write_text("\r\n".join([*lines, "END:VCALENDAR", ""]))
    calls = [LISTED, ("calendar.cancel", '{"id":"<event:1>"}')]
    tools = builtin_tools(made)
    return world(folder, plans=plans, calls=calls, tools=tools, policy=default_policy(), **more)


def add_card(folder, name: str, uid: str, company: str, role: str, address: str = "") -> None:
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{name}", *([f"EMAIL:{address}"] if address else [])]
    lines += [f"ORG:{company}", f"TITLE:{role}", f"UID:{uid}", "END:VCARD", ""]
    (folder / "home" / "contacts" / f"{uid}.vcf").write_text("\r\n".join(lines))


async def test_the_second_is_the_second_of_those_that_the_user_was_shown(tmp_path):
    says = Says("the second")
    calls = [FIND, letter("<email:2>")]
    async with session(tmp_path, plans=[LOOK, SEND, *DONE], calls=calls, replies=says) as w:
        add_card(tmp_path, "Wendel Aabelqx", "a", "Alles", "engineer", "aabel@alles.example")
        add_card(tmp_path, "Wendel Zabelqx", "z", "Ventile", "sales", "zabel@ventile.example")
        await w.session.ask("tell wendel from sales that I will be late")
    assert says.asked[0].startswith("Which one do you mean: Wendel Kellerqx")
    assert sent(w) == ["zabel@ventile.example"]


async def test_nobody_else_is_written_to_where_the_one_who_is_meant_has_no_address(tmp_path):
    says = Says("the one from Ventile", "")
    calls = [FIND, letter("<email:1>"), letter("<email:1>")]
    async with session(tmp_path, plans=[LOOK, SEND, SEND, *DONE], calls=calls, replies=says) as w:
        add_card(tmp_path, "Wendel Zabelqx", "z", "Ventile", "engineer")
        await w.session.ask("tell wendel that I will be late")
    assert (len(says.asked), len(w.session.record)) == (2, 1)


PEOPLE = [
    {"name": "Wendel Aqx", "email": "a@a.example"},
    {"name": "Bernd Xqx", "email": "x@x.example"},
    {"name": "Wendel Bqx", "email": "b@b.example"},
]
OWN_RULES = """
version: 1
detect_also: [{type: client, values_file: clients.txt}]
relations: told
never: [{type: client}]
defaults: {instruction: scan}
tools:
  "*": {runs: device, confirm: never, stored_as: nowhere, arguments: {"$": scan}}
  people.find: {results: {"$": scan}}
"""


def own_world(folder, *, plans, calls, sends="crm.send", **more):
    """Two tools of the user's own: one finds people, the other writes to them; and what it was asked."""
    (folder / "clients.txt").write_text("Nobody Else\n")
    done: list[str] = []
    takes = {"type": "object", "properties": {"to": {"type": "string"}}}
    tools = [
        tool_of("people.find", lambda _: PEOPLE, hints=Hints(read_only=True)),
        tool_of(sends, lambda a: (done.append(a["to"]), "ok")[1], schema=takes, description="Sends."),
    ]
    rules = load_policy(OWN_RULES, str(folder / "policy.yaml"))
    return done, world(folder, plans=plans, calls=calls, tools=tools, policy=rules, **more)


async def test_a_question_of_a_saved_conversation_is_asked_anew_where_its_call_is_lost(tmp_path):
    finds = [plan("Use people.find."), plan("Use crm.send.")]
    calls = [("people.find", "{}"), ("crm.send", '{"to":"<email:1>"}')]
    done, first = own_world(tmp_path, plans=finds, calls=calls)
    async with first as w:
        asked = await w.session.ask("write to wendel")
        assert asked.answer.startswith("Which one do you mean: Wendel Aqx")
        content = saved(w.session, "these tools")
    (tmp_path / "later").mkdir()
    says = Says("b@b.example")
    again = [("crm.send", '{"to":"<email:2>"}')]
    done, second = own_world(tmp_path / "later", plans=[finds[1], *DONE], calls=again, replies=says)
    async with second as w:
        restore(w.session, content, "these tools")
        await w.session.ask("the second")
    assert [one[:21] for one in says.asked] == ["Which one do you mean"]
    assert done == ["b@b.example"]


@pytest.mark.parametrize("reply", ["the second", "forget it"])
async def test_a_tool_that_must_not_be_told_of_any_more_ends_the_call_that_waits(tmp_path, reply):
    name = "crm.kestrelwoodqx"
    calls = [("people.find", "{}"), (name, '{"to":"<email:1>"}')]
    plans = [plan("Use people.find."), plan(f"Use {name}."), *DONE]
    done, here = own_world(tmp_path, plans=plans, calls=calls, sends=name)
    async with here as w:
        session = refreshed(w)
        await session.ask("write to Wendel")
        before = len(w.capture.requests)
        (tmp_path / "clients.txt").write_text("Nobody Else\nKestrelwoodqx\n")
        with pytest.raises(PrivacyError, match="must not be told of any more"):
            await session.ask(reply)
        later = b"".join(request.message for request in w.capture.requests[before:])
    assert done == []
    assert b"kestrelwoodqx" not in later.lower()

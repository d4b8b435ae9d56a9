"""`detect: {unknown_names: ask}`: a name that no detector knows leaves when the user says so, and not before."""

import io

import pytest

from tests.end_to_end.harness import plan, world
from umi_edge.policy import default_policy_text, load_policy
from umi_edge.policy.document import UnknownNames
from umi_edge.session.consent import ConsentRequest, DeclineAll
from umi_edge.session.events import Answered, Instructed
from umi_edge.session.unknown_names import about_to_leave
from umi_edge.terminal.live_view import LiveView
from umi_shared.errors import PrivacyError
from umi_shared.labels import PLANNER
from umi_shared.screen.console import Screen

NAME = "Brightmoor"
ASKING = load_policy("version: 1\ndetect: {unknown_names: ask}\n")
LIST = [plan("To see the day, use calendar.list."), plan("All is done.", "summarizer"), "There is one."]
CALLS = [("calendar.list", '{"date":"2026-06-02"}')]


class Remembers:
    """Says what it is told to say, and keeps what it was asked."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked: list[ConsentRequest] = []

    async def approve(self, request: ConsentRequest) -> bool:
        self.asked.append(request)
        return self.answers.pop(0)


def asking_policy():
    text = default_policy_text().replace("\ndetect:\n", "\ndetect:\n  unknown_names: ask\n  detectors:\n", 1)
    return load_policy(text, "asking.yaml")


def test_the_setting_alone_keeps_the_detectors_of_the_built_in_policy():
    assert ASKING.unknown_names is UnknownNames.ASK
    assert {one.type for one in ASKING.detect} >= {"person", "company", "secret"}
    assert asking_policy().unknown_names is UnknownNames.ASK
    assert len(asking_policy().detect) == len(ASKING.detect)


async def test_a_no_sends_nothing(tmp_path):
    async with world(tmp_path, policy=asking_policy(), plans=LIST, calls=CALLS, consent=DeclineAll()) as w:
        with pytest.raises(PrivacyError, match="did not let them leave") as caught:
            await w.session.ask(f"Tell {NAME} that I am late.")
    assert w.capture.requests == []
    assert NAME not in str(caught.value)


async def test_a_yes_lets_it_leave_and_is_not_asked_for_again(tmp_path):
    consent = Remembers(True)
    empty = [("calendar.list", '{"date":"2026-01-03"}')] * 2
    async with world(tmp_path, policy=asking_policy(), plans=LIST * 2, calls=empty, consent=consent) as w:
        for _ in range(2):
            assert isinstance(await w.session.ask(f"Tell {NAME} what is on on 3 January 2026."), Answered)
    (request,) = consent.asked
    assert list(request.arguments.values()) == [NAME]
    assert NAME.encode() in w.capture.bytes_out


async def test_without_the_setting_nobody_is_asked_and_the_live_view_marks_it(tmp_path):
    async with world(tmp_path, plans=LIST, calls=CALLS, consent=DeclineAll()) as w:
        assert isinstance(await w.session.ask(f"Tell {NAME} and Alice Moreau what is on."), Answered)
    text = w.session.labeller.instruction(f"Tell {NAME} and Alice Moreau what is on.")
    assert about_to_leave(text, PLANNER) == (NAME,)


async def test_a_name_in_a_result_stays_where_the_user_says_no(tmp_path):
    events = tmp_path / "home" / "calendar"
    consent = Remembers(False)
    async with world(tmp_path, policy=asking_policy(), plans=LIST, calls=CALLS, consent=consent) as w:
        (events / "x.ics").write_bytes(
            b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:x1\r\nDTSTAMP:20260101T000000Z\r\n"
            b"DTSTART:20260602T100000Z\r\nDTEND:20260602T110000Z\r\nSUMMARY:tea with Brightmoor\r\nEND:VEVENT\r\n"
            b"END:VCALENDAR\r\n"
        )
        assert isinstance(await w.session.ask("what is on 2026-06-02?"), Answered)
    assert NAME in consent.asked[-1].arguments.values()
    assert NAME.encode() not in w.capture.bytes_out
    assert NAME in [one.value for one in w.session.labeller.vault]


async def test_the_live_view_names_it(tmp_path):
    async with world(tmp_path, plans=LIST, calls=CALLS) as w:
        shown = io.StringIO()
        view = LiveView(Screen(file=shown, width=200), w.session.labeller.vault)
        view.show(Instructed(w.session.labeller.instruction(f"Tell {NAME} and Alice Moreau.")))
    assert f"{NAME}   a name that no detector knows?" in shown.getvalue()
    assert "Moreau   a name" not in shown.getvalue()

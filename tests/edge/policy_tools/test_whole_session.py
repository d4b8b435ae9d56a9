"""A whole session, recorded as it runs: nothing of the sample home is in the recording, and replay agrees with it."""

from pathlib import Path

from tests.end_to_end.harness import plan, world
from umi_edge.policy import default_policy
from umi_edge.policy_tools.origins import handle_named, origin_of, uses_of
from umi_edge.policy_tools.recorded import read_recordings
from umi_edge.policy_tools.replay import replay
from umi_edge.session.recording import SessionRecorder


async def test_a_session_is_recorded_and_replayed(tmp_path: Path) -> None:
    plans = [
        plan("Find Paul."),
        plan("Look at the day."),
        plan("Mail <email:1>."),
        plan("Done.", "summarizer"),
        "Sent to <person:1>.",
    ]
    calls = [
        ("contacts.search", '{"name":"Martin"}'),
        ("calendar.list", '{"date":"2026-06-02"}'),
        ("mail.send", '{"to":"<email:1>","subject":"Hello","body":"Dear <person:1>, until then"}'),
    ]
    file = tmp_path / "session.jsonl"
    async with world(tmp_path, plans=plans, calls=calls) as running:
        session = running.session
        session.observe = SessionRecorder(file, default_policy(), session.catalogue, running.vault)
        await session.ask("Write to Paul Martin that I will be late on 2026-06-02")
        kept = [str(one.value) for one in running.vault if isinstance(one.value, str) and len(one.value) > 3]
    text = file.read_text(encoding="utf-8")
    assert len(kept) > 10
    assert not [value for value in kept if value in text]
    (recorded,) = read_recordings(file)
    found = replay([recorded], default_policy())
    assert (found.fields, found.verdicts, found.calls) == ([], [], 3)
    origin = origin_of(recorded, handle_named("<email:1>"))
    assert (origin.tool, origin.path) == ("contacts.search", "$.matches[0].email")
    assert [(use.tool, use.verdict) for use in uses_of(recorded, origin.handle)] == [("mail.send", "asked")]

"""A session that a laptop recorded, read as an episode: tools in their order, handles where they stood, no value."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.harness import plan, world
from umi_cloud.episodes import Episode, read_episodes, write_episodes
from umi_edge.policy import default_policy
from umi_edge.session.recording import SessionRecorder
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle, render
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan


async def recorded(folder: Path) -> tuple[Path, list[str]]:
    """A recording of a real session, and the values that the session kept."""
    plans = [
        plan("Find Paul."),
        plan("Mail <email:1>."),
        plan("Read what cannot be read."),
        plan("Done.", "summarizer"),
        "Sent to <person:1>.",
    ]
    calls = [
        ("contacts.search", '{"name":"Martin"}'),
        ("mail.send", '{"to":"<email:1>","subject":"Hello","body":"Dear <person:1>, until then"}'),
        ("notes.read", '{"id":"nowhere"}'),
    ]
    file = folder / "session.jsonl"
    async with world(folder, plans=plans, calls=calls) as running:
        session = running.session
        session.observe = SessionRecorder(file, default_policy(), session.catalogue, running.vault)
        await session.ask("Write to Paul Martin that I will be late")
        kept = [str(one.value) for one in running.vault if isinstance(one.value, str) and len(one.value) > 3]
    return file, kept


async def test_a_recorded_session_is_an_episode_without_values(tmp_path: Path) -> None:
    file, kept = await recorded(tmp_path)
    (episode,) = read_episodes(file)
    assert (episode.source, episode.licence) == ("umi-recording", "LicenseRef-private")
    assert [type(turn) for turn in episode.turns] == [
        *(Instruction, Plan, Call, Observation),
        *(Plan, Call, Observation),
        *(Plan, Call, Observation),
        *(Plan, Answer),
    ]
    assert Handle("person", 1) in episode.instruction
    assert [turn.next for turn in episode.turns if isinstance(turn, Plan)] == [
        *[Next.CALLER] * 3,
        Next.SUMMARIZER,
    ]
    found, _sent, missed = (turn for turn in episode.turns if isinstance(turn, Observation))
    assert json.loads(render(found.content))["matches"][0]["email"] == "<email:1>"
    assert missed.failure
    mail = next(turn for turn in episode.turns if isinstance(turn, Call) and turn.tool == "mail.send")
    assert json.loads(render(mail.arguments))["to"] == "<email:1>"
    assert [card.name for card in episode.catalogue] == ["contacts.search", "mail.send", "notes.read"]
    assert set(episode.catalogue[1].input_schema["properties"]) == {"to", "subject", "body"}
    written = tmp_path / "episodes.jsonl"
    write_episodes(written, [episode])
    assert list(read_episodes(written)) == [episode]
    text = written.read_text(encoding="utf-8")
    assert len(kept) > 3
    assert not [value for value in kept if value in text]


def test_several_sessions_in_one_file_are_several_episodes(tmp_path: Path) -> None:
    """One that ended before anything was asked is none; a caller that saw values left only that it called."""
    begin = '{"kind":"session","umi_recording":1,"policy":"p"}'
    asked = '{"kind":"instruction","leaves":[{"path":[],"clear":{"planner":3}}]}'
    whole = '{"kind":"call","tool":"secret","whole":true}'
    file = tmp_path / "recording.jsonl"
    file.write_text("\n".join([begin, asked, whole, begin, begin, asked]) + "\n")
    first, second = read_episodes(file)
    assert first.turns == (Instruction(("…",)), Call("secret", ("{}",)))
    assert second.turns == (Instruction(("…",)),)
    assert isinstance(first, Episode)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"kind":"session","umi_recording":2}', "another version"),
        ("[1]", "no kind"),
        ('{"kind":"plan"}', "'handles' is missing"),
        ('{"kind":"instr', "is not a recording"),
    ],
)
def test_a_damaged_recording_is_named(tmp_path: Path, line: str, reason: str) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text('{"kind":"session","umi_recording":1,"policy":"p"}\n' + line + "\n")
    with pytest.raises(ConfigError, match=reason):
        list(read_episodes(file))

"""Files of episodes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_cloud.episodes import Episode, read_episodes, write_episodes
from umi_cloud.episodes.episode_row import episode_row, read_episode_row
from umi_shared.dialects.alpha_umi import Remark
from umi_shared.errors import ConfigError
from umi_shared.handles import Handle, escape, parts_of, render
from umi_shared.transcript import Answer, Call, Instruction, Next, Observation, Plan, ToolCard

strings = st.one_of(st.text(max_size=20), st.sampled_from(["<email:1>", "a\u2028b", "\\", "<\\email:1>"]))
handles = st.builds(Handle, st.sampled_from(["email", "person"]), st.integers(1, 99))
# Neighbouring strings are one; handle-like text is escaped, as the session does on the way in.
texts = st.lists(st.one_of(strings.map(escape), handles), max_size=4).map(render).map(parts_of)
turns = st.one_of(
    texts.map(Instruction),
    st.builds(Plan, texts, st.sampled_from(Next), st.sampled_from(["", "weather"])),
    st.builds(Call, st.just("weather"), texts),
    st.builds(Observation, st.just("weather"), texts, st.sampled_from(["", "timeout"])),
    texts.map(Answer),
    texts.map(Remark),
)
episodes = st.builds(
    Episode,
    catalogue=st.just((ToolCard(name="weather", description=("Of ", Handle("city", 1)), input_schema={}),)),
    turns=st.builds(lambda first, rest: (first, *rest), texts.map(Instruction), st.lists(turns, max_size=4)),
    source=st.just("umi"),
    written=st.dictionaries(st.just(0), texts, max_size=1),
    licence=st.just("CC0-1.0"),
)


@given(episodes)
def test_an_episode_survives_its_line(episode):
    """What is written is what is read, handles and escapes included, on one line."""
    line = episode_row(episode)
    assert "\n" not in line
    assert read_episode_row(line) == episode


@given(st.lists(episodes, max_size=3))
def test_a_file_of_episodes_is_read_back(tmp_path_factory, several):
    """Also where the text holds characters that other programs take for line ends."""
    path = tmp_path_factory.mktemp("episodes") / "train.jsonl"
    write_episodes(path, several)
    assert list(read_episodes(path)) == several


def test_toolbench_becomes_umis_format(toolbench, tmp_path):
    """Episodes of other projects survive umi's own lines too."""
    episodes = list(read_episodes(toolbench / "raw_data_stage_2_example.json"))
    write_episodes(tmp_path / "toolbench.jsonl", episodes)
    assert list(read_episodes(tmp_path / "toolbench.jsonl")) == episodes


GOOD = {
    "source": "umi",
    "licence": "CC0-1.0",
    "catalogue": [],
    "turns": [{"turn": "instruction", "text": "Hi"}],
}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "Expecting"),
        pytest.param("[" * 100_000, "", id="deep"),
        (json.dumps({**GOOD, "turns": []}), "starts with an instruction"),
        (json.dumps({**GOOD, "turns": [{"turn": "dream", "text": "Hi"}]}), "'dream'"),
        (json.dumps({**GOOD, "turns": [{"turn": "instruction"}]}), "'text'"),
        (json.dumps({**GOOD, "turns": [7]}), "JSON object"),
        (json.dumps({**GOOD, "catalogue": None}), "'catalogue'"),
        (json.dumps({**GOOD, "licence": None}), "'licence'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, reason):
    """The error says which file, which line and what is wrong."""
    path = tmp_path / "train.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n{row}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"train.jsonl:3: .*{reason}"):
        list(read_episodes(path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1]", "list of JSON objects"),
        ("[{]", r"raw.json:1: not JSON"),
        pytest.param("[" * 100_000, "not JSON", id="deep"),
        ('[{"tools": []}]', "row 1 .*'instruction' is missing"),
        ('[{"tools": [], "conversations": [{"from": "cat", "value": "Hi"}]}]', "row 1 .*'cat'"),
        ('[{"tools": [], "conversations": [{"from": "caller", "value": "Hi"}]}]', "row 1 .*no action"),
        ('[{"tools": [], "conversations": 7}]', "row 1"),
    ],
)
def test_a_bad_raw_file_is_named(tmp_path, text, reason):
    """α-UMi's files fail as clearly as umi's."""
    path = tmp_path / "raw.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=reason):
        list(read_episodes(path))


def test_an_unreadable_file_is_named(tmp_path):
    """Bytes that are not UTF-8, or no file at all."""
    path = tmp_path / "train.jsonl"
    with pytest.raises(ConfigError, match="cannot read"):
        list(read_episodes(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read"):
        list(read_episodes(path))

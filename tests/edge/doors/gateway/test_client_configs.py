"""The line for umi goes into a program's configuration, and out again; nothing else in it changes."""

import json
from pathlib import Path

import pytest

from umi_edge.doors.gateway.client_configs import PROGRAMS, edited, with_entry, without_entry
from umi_edge.tools.mcp.foreign_configs import is_umi, read_foreign
from umi_shared.errors import ConfigError

FILES = {
    "nothing": "",
    "an empty object": "{}\n",
    "other settings": '{\n  // my theme\n  "theme": "dark",\n}\n',
    "other servers": '{"mcpServers": {"git": {"command": "git-mcp", "args": ["--x, y"]}}}',
    "comments and last commas": """// settings
{
  "a": [1, 2,], /* "mcpServers": {} */
  "mcpServers": {
    // my files
    "files": {"command": "files", "env": {"K": "// no comment"}}, // the end
    "web": {
      "command": "web",
    },
  },
  "z": {"mcpServers": {"umi": 1}},
}
""",
    "servers that are null": '{"mcpServers": null}',
    "servers on lines": '{\n  "a": 1,\n  "mcpServers": {\n    "git": {"command": "git"}\n  }\n}\n',
    "an empty object on two lines": "{\n}\n",
    "no servers yet": '{\n  "mcpServers": {}\n}\n',
}
ENTRY = PROGRAMS["cursor"].entry(["/opt/umi"])


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_what_is_put_in_can_be_taken_out(text):
    made = with_entry(text, "mcpServers", ENTRY)
    for line in filter(str.strip, text.splitlines()):
        for piece in ("// my theme", "// my files", "// the end", '/* "mcpServers": {} */', "// settings"):
            assert (piece in line) <= (piece in made)
    assert '"/opt/umi"' in made
    again = without_entry(made, "mcpServers")
    assert "/opt/umi" not in again
    assert with_entry(made, "mcpServers", ENTRY) == made
    if "null" not in text:  # which says as much as an object that is empty
        assert again == text
    assert without_entry(text, "mcpServers") == text


def test_an_entry_that_a_program_wrote_anew_goes_and_leaves_the_object_of_servers():
    made = json.dumps(json.loads(with_entry('{"a": 1}', "mcpServers", ENTRY)), indent=4)
    assert json.loads(without_entry(made, "mcpServers")) == {"a": 1, "mcpServers": {}}


@pytest.mark.parametrize("text", [one for one in FILES.values() if "\n" in one])
@pytest.mark.parametrize(("mark", "end"), [(b"", "\n"), (b"", "\r\n"), (b"\xef\xbb\xbf", "\r\n")])
def test_the_ends_of_lines_and_a_mark_at_the_start_stay(text, mark, end):
    made = edited(mark + text.replace("\n", end).encode(), lambda one: with_entry(one, "mcpServers", ENTRY))
    assert made.startswith(mark)
    written = made.removeprefix(mark).decode()
    assert written.replace(end, "\n") == with_entry(text, "mcpServers", ENTRY)
    assert written.count("\n") == written.count(end)


def test_lines_that_end_in_two_ways_stay_as_they_are():
    assert edited(b"{\r\n}\n", lambda one: one) == b"{\r\n}\n"


def test_a_line_of_an_older_umi_is_renewed():
    old = with_entry("{}", "mcpServers", PROGRAMS["cursor"].entry(["/old/umi"]))
    assert with_entry(old, "mcpServers", ENTRY) == with_entry("{}", "mcpServers", ENTRY)


@pytest.mark.parametrize(
    "text", ['{"mcpServers": {"umi": {"command": "else"}}}', '{"mcpServers": []}', "{", "[]", "nothing"]
)
def test_what_umi_cannot_edit_it_leaves(text):
    with pytest.raises(ConfigError):
        with_entry(text, "mcpServers", ENTRY)


@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_has_a_file_and_an_entry(name, system):
    program = PROGRAMS[name]
    file = program.file(Path("/home/ann"), Path("/home/ann/.config"), system)
    assert file.is_relative_to("/home/ann")
    assert file.suffix == ".json"
    entry = program.entry(["/opt/umi"])
    assert is_umi(entry)
    assert entry["args"][-1] == name
    json.dumps(entry)


def test_umi_does_not_take_itself_over(tmp_path):
    file = tmp_path / "mcp.json"
    file.write_text(with_entry(FILES["other servers"], "mcpServers", ENTRY))
    found = read_foreign(file)
    assert [*found.servers] == ["git"]
    assert found.left == {"umi": "it is umi itself"}


@pytest.mark.parametrize("pointer", [None, "", "{}/studio\n"])
def test_lm_studio_is_found_where_its_folder_was_moved(tmp_path, pointer):
    if pointer is not None:
        (tmp_path / ".lmstudio-home-pointer").write_text(pointer.format(tmp_path))
    folder = tmp_path / ("studio" if pointer else ".lmstudio")
    assert PROGRAMS["lm-studio"].file(tmp_path, tmp_path, "linux") == folder / "mcp.json"

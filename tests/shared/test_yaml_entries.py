"""A YAML text is changed by an entry, and all else in it stays as it was written."""

import pytest
from ruamel.yaml import YAML

from umi_shared.yaml_entries import with_entries, without_entry

TEXT = """\
# Mine.
operators: true   # yes

mcpServers:
  # The first.
  a: {command: "own"}  # own
  b:
    command: npx
    args:
    - -y
    - "a word that is so long that a line of it would be broken by a writer of YAML which has its own width"
    # of b
  # - was here

# Policy.
policy: mine.yaml
"""
NEW = {"c": {"command": "uvx", "args": ["x", "# no comment"]}}


def read(text: str):
    return YAML(typ="safe", pure=True).load(text)


def test_an_entry_is_put_behind_the_last_and_no_other_line_changes():
    text = with_entries(TEXT, "mcpServers", NEW)
    before, after = TEXT.split("  # - was here")
    new = text.removeprefix(before).removesuffix(f"  # - was here{after}")
    assert new.startswith("  c:\n    command: uvx\n")
    assert text == f"{before}{new}  # - was here{after}"
    assert read(text)["mcpServers"] == read(TEXT)["mcpServers"] | NEW


@pytest.mark.parametrize("name", ["a", "b"])
def test_what_was_put_in_is_taken_out_again_and_so_is_another(name):
    assert without_entry(with_entries(TEXT, "mcpServers", NEW), "mcpServers", "c") == TEXT
    text = without_entry(TEXT, "mcpServers", name)
    assert set(text.splitlines()) < set(TEXT.splitlines())
    assert all(said in text for said in ("# Mine.", "# yes", "# The first.", "# - was here", "# Policy."))
    assert set(read(text)["mcpServers"]) == {"a", "b"} - {name}


def test_the_last_entry_takes_its_mapping_with_it():
    assert without_entry("a: 1\nmcpServers:\n  x:\n    command: y\n# two\nb: 2\n", "mcpServers", "x") == (
        "a: 1\n# two\nb: 2\n"
    )
    assert without_entry("mcpServers: {x: {command: y}}\n", "mcpServers", "x") == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only this\n",
        "mcpServers:\n",
        "mcpServers: {}\n",
        "mcpServers: {a: {command: b}}\npolicy: x",
        '{"mcpServers": {"a": {"command": "b"}}, "policy": "x"}\n',
        "---\npolicy: x\n...\n",
        "mcpServers:\n  a:\n    command: |\n      b\n\n      c\n",
        'mcpServers:\n  a: {command: "x\n  y"}\npolicy: "a\n\nb"\n',
        "base: &b {command: x}\nmcpServers:\n  a: *b\n",
    ],
)
def test_however_it_is_written_what_it_says_afterwards_is_what_it_said_and_the_entry(text):
    changed = with_entries(text, "mcpServers", NEW)
    before = read(text) or {}
    assert read(changed) == before | {"mcpServers": (before.get("mcpServers") or {}) | NEW}
    assert "# only this" not in text or "# only this" in changed
    assert (read(without_entry(changed, "mcpServers", "c")) or {}) == {
        word: said for word, said in before.items() if said
    }


def test_an_entry_that_is_not_there_cannot_be_taken_out():
    with pytest.raises(KeyError):
        without_entry(TEXT, "mcpServers", "z")

"""`untrusted:` of a policy: folders of the user's own stores in which other people's texts lie."""

import pytest

from umi_edge.policy import load_policy
from umi_edge.policy.problems import InvalidPolicyError


def policy_of(*lines: str):
    listed = "".join(f"\n  - {line}" for line in lines)
    return load_policy(f"version: 1\nuntrusted:{listed}\n", "p.yaml")


@pytest.mark.parametrize(
    ("line", "path", "held"),
    [
        ("notes/clippings/**", "clippings/a.md", True),
        ("notes/clippings/**", "clippings/2026/a.md", True),
        ("notes/clippings/**", "Clippings/a.md", True),
        ("notes/clippings/**", "clippings.md", False),
        ("notes/clippings/**", "my/clippings/a.md", False),
        ("notes/clippings", "clippings/a.md", True),
        ("notes/**/clippings", "my/clippings/a.md", True),
        ("notes/**/clippings", "clippings/a.md", True),
        ("notes/**", "a.md", True),
        ("notes/*.md", "a.md", True),
        ("notes/*.md", "my/a.md", False),
        ("notes/web-?.md", "web-1.md", True),
        ("notes/web-?.md", "web-10.md", False),
        ("notes/cafe\u0301/**", "café/a.md", True),
        ("files/clippings/**", "clippings/a.md", False),
        ("notes/a.md", "a.md", True),
        ("notes/a[0].md", "a[0].md", True),
    ],
)
def test_a_line_names_files_and_all_below_it(line, path, held):
    assert policy_of(line).distrusts("notes", path) is held


@pytest.mark.parametrize(
    "line", ["clippings/**", "mail/**", "notes", "notes/", "notes//a", "notes/../a", "notes/./a"]
)
def test_a_line_that_names_no_folder_is_an_error_with_its_line_and_its_fix(line):
    with pytest.raises(InvalidPolicyError) as caught:
        policy_of("notes/a/**", line)
    (problem,) = caught.value.problems
    assert problem.line == 4
    assert "notes/clippings/**" in problem.fix


def test_a_policy_without_the_line_distrusts_no_folder():
    assert not load_policy("version: 1\n", "p.yaml").distrusts("notes", "clippings/a.md")

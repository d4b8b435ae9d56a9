"""Where the source cites the design, it says where to read on, and that place is there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

HEADINGS = re.findall(r"^#{2,3} (.+)$", (DOCS / "design.md").read_text(encoding="utf-8"), re.MULTILINE)
ANCHORS = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS}
SOURCES = [
    file
    for folder in ("edge", "cloud", "lab", "shared")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if "umi_proto" not in file.parts
]
CITING = [file for file in SOURCES if re.search(r"\bI[1-8]\b", file.read_text(encoding="utf-8"))]


def test_every_invariant_has_an_anchor():
    assert [len([one for one in ANCHORS if one.startswith(f"i{number}-")]) for number in range(1, 9)] == [
        1
    ] * 8


@pytest.mark.parametrize("file", CITING, ids=lambda file: str(file.relative_to(ROOT)))
def test_who_cites_an_invariant_says_where_it_is_defined(file: Path):
    text = file.read_text(encoding="utf-8")
    for number in sorted(set(re.findall(r"\bI([1-8])\b", text))):
        (anchor,) = (one for one in ANCHORS if one.startswith(f"i{number}-"))
        assert f"docs/design.md#{anchor}" in text, (
            f"end the module's docstring with `I{number}: docs/design.md#{anchor}`"
        )


def test_every_place_of_the_design_that_is_cited_is_there():
    cited = {
        anchor
        for file in SOURCES
        for anchor in re.findall(r"docs/design\.md#([a-z0-9-]+)", file.read_text(encoding="utf-8"))
    }
    assert cited <= ANCHORS
    assert "one-step" in cited


def test_no_source_cites_a_section_by_a_number_that_moves():
    assert [str(file) for file in SOURCES if "design §" in file.read_text(encoding="utf-8")] == []

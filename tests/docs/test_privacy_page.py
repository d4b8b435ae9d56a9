"""Each line of what is covered names tests, and they are there."""

import re

from tests.docs.pages import DOCS, ROOT

COVERED = (DOCS / "privacy.md").read_text(encoding="utf-8").partition("## Covered")[2].partition("\n## ")[0]
ROWS = [line.split(" | ") for line in COVERED.splitlines() if line.startswith("| ")][1:]


def test_every_line_names_a_test_that_is_there():
    assert len(ROWS) > 20
    for way_out, _, shown_by in ROWS:
        tests = re.findall(r"`([\w/.]+)`", shown_by)
        assert tests, way_out
        for test in tests:
            assert (ROOT / "tests" / test).exists(), test

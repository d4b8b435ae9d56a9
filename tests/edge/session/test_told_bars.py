"""What bars the words of a program, from one session to the next."""

import pytest

from umi_edge.session.told_bars import ToldBars, told_bars
from umi_shared.bars import Bar
from umi_shared.errors import PrivacyError

POST, MAIL = Bar("p.yaml:4", ("post",)), Bar("p.yaml:5", ("mail.*",), only=True)
BOTH = frozenset({POST, MAIL})
DAY = 24 * 3600


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_told_bars_the_next_session_as_long_as_the_policy_says_so(tmp_path, kept):
    told = told_bars(tmp_path, "claude/../x") if kept else ToldBars()
    assert told.of(BOTH) == frozenset()
    told.add(frozenset({POST}))
    again = told_bars(tmp_path, "claude/../x") if kept else told
    assert again.of(BOTH) == {POST}
    moved = POST._replace(rule="p.yaml:9")
    assert again.of(frozenset({moved, MAIL})) == {moved}
    assert again.of(frozenset({MAIL})) == frozenset()
    assert told_bars(tmp_path, "cursor").of(BOTH) == frozenset()


def test_it_holds_for_thirty_days_after_it_was_told_last(tmp_path):
    at = [0.0]
    told = ToldBars(tmp_path / "bars.json", lambda: at[0])
    told.add(BOTH)
    at[0] = 20 * DAY
    told.add(frozenset({POST}))
    assert told.of(BOTH) == BOTH
    at[0] = 31 * DAY
    assert told.of(BOTH) == {POST}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"never_to: post": "now"}'])
def test_a_file_that_cannot_be_read_stops_what_it_would_bar(tmp_path, text):
    told = told_bars(tmp_path, "claude")
    told.add(BOTH)
    assert told.file.stat().st_mode & 0o777 == 0o600
    told.file.write_text(text)
    with pytest.raises(PrivacyError, match="nothing was told"):
        told.of(BOTH)
    with pytest.raises(PrivacyError, match="nothing was told"):
        told.add(BOTH)
    assert told.of(frozenset()) == frozenset()
    told.add(frozenset())


def test_what_cannot_be_kept_is_not_told(tmp_path):
    (tmp_path / "mcp").write_text("in the way")
    with pytest.raises(PrivacyError, match="nothing was told"):
        told_bars(tmp_path, "claude").add(BOTH)
